import re
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.training import Training
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model.compile import compile_model, dry_run_metrics
from epochal_trainer.model.monitor import check_monitor_mode, choose_monitor
from epochal_trainer.reporting import history
from epochal_trainer.reporting.best import Monitor

from tests.unit.trainer.expect import expect_failure
from tests.unit.trainer.model.networks import build_network, network_spec

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

METRICS = ["accuracy", "MeanSquaredError", "mae", "AUC", "F1Score", {"name": "TopKCategoricalAccuracy", "k": 2}]
EARLY = {"callback": "EarlyStopping", "monitor": "val_accuracy"}
PLATEAU = {"callback": "ReduceLROnPlateau", "monitor": "loss"}
BEST_FILE = {"callback": "ModelCheckpoint", "filepath": "a.keras", "monitor": "val_auc", "save_best_only": True}


@pytest.fixture(scope="module")
def trained() -> tuple[keras.Model, list[str]]:
    """A model with metrics of all kinds, and the names of its metrics."""
    spec = Training.model_validate({"loss": "CategoricalCrossentropy", "metrics": METRICS})
    model = build_network(network_spec([4], {"layer": "Dense", "units": 3, "activation": "softmax"}))
    compile_model(model, spec)
    names = history.metric_values(dry_run_metrics(model, spec, np.eye(3, dtype="float32")))
    return model, [*names, *(f"val_{name}" for name in names)]


def found(trained: tuple[keras.Model, list[str]], *, validated: bool = True, **fields: Any) -> Monitor:
    model, names = trained
    names = [name for name in names if validated or not name.startswith("val_")]
    return choose_monitor(Training.model_validate({"loss": "mse", **fields}), model, names)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Monitor("val_loss", "Min")),
        ({"validated": False}, Monitor("loss", "Min")),
        ({"callbacks": [EARLY]}, Monitor("val_accuracy", "Max")),
        ({"callbacks": [{"callback": "EarlyStopping"}]}, Monitor("val_loss", "Min")),
        ({"callbacks": [PLATEAU]}, Monitor("loss", "Min")),
        ({"callbacks": [{**PLATEAU, "mode": "max"}]}, Monitor("loss", "Max")),
        ({"callbacks": [{**PLATEAU, "mode": ["max"]}]}, Monitor("loss", "Min")),
        ({"callbacks": [BEST_FILE]}, Monitor("val_auc", "Max")),
        ({"callbacks": [BEST_FILE, PLATEAU, EARLY]}, Monitor("val_accuracy", "Max")),
        ({"callbacks": [BEST_FILE, PLATEAU]}, Monitor("loss", "Min")),
        ({"callbacks": [{**BEST_FILE, "save_best_only": False}]}, Monitor("val_loss", "Min")),
        ({"callbacks": [{"callback": "TerminateOnNaN"}]}, Monitor("val_loss", "Min")),
        ({"callbacks": [{**EARLY, "monitor": "f1_score"}]}, Monitor("val_loss", "Min")),  # has no single value
        ({"monitor": {"metric": "val_accuracy"}, "callbacks": [PLATEAU]}, Monitor("val_accuracy", "Max")),
        ({"monitor": {"metric": "val_accuracy", "mode": "Min"}}, Monitor("val_accuracy", "Min")),
        ({"monitor": {"metric": "mean_squared_error"}}, Monitor("mean_squared_error", "Min")),
        ({"monitor": {"metric": "val_mae"}}, Monitor("val_mae", "Min")),
        ({"callbacks": [{**EARLY, "monitor": "val_mae"}]}, Monitor("val_mae", "Min")),
        ({"monitor": {"metric": "val_f1_score_2"}}, Monitor("val_f1_score_2", "Max")),
        ({"monitor": {"metric": "loss", "mode": "Max"}}, Monitor("loss", "Max")),
    ],
    ids=str,
)
def test_choose_monitor(trained: Any, fields: dict[str, Any], expected: Monitor) -> None:
    assert found(trained, **fields) == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"monitor": {"metric": "val_acuracy"}},
            r"monitor.metric: must be one of loss, .*val_loss.*, found 'val_acuracy'; did you mean val_accuracy",
        ),
        (
            {"monitor": {"metric": "val_loss"}, "validated": False},
            "found 'val_loss'; val_ metrics need spec.data.validation",
        ),
        ({"monitor": {"metric": "f1_score"}}, r"found 'f1_score'; did you mean f1_score_\d"),
        ({"monitor": {"metric": "zzz"}}, r"must be one of .*, found 'zzz'$"),
    ],
)
def test_unknown_metric(trained: Any, fields: dict[str, Any], message: str) -> None:
    with expect_failure("InvalidTraining", message, 64):
        found(trained, **fields)


def test_mode_is_required_without_a_direction_in_keras(
    trained: tuple[keras.Model, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("epochal_trainer.model.monitor._MODES_BY_DIRECTION", {})
    with pytest.raises(Failure, match=r"monitor.mode: must be Min or Max, since Keras .* no direction for val_auc"):
        found(trained, monitor={"metric": "val_auc"})
    assert found(trained, monitor={"metric": "val_auc", "mode": "Max"}) == Monitor("val_auc", "Max")
    assert found(trained, callbacks=[EARLY]) == Monitor("val_loss", "Min")  # Keras refuses to train with that


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ({"metric": "val_accuracy", "mode": "Min"}, "found Min, but .* best val_accuracy is the highest.* Write Max"),
        ({"metric": "loss", "mode": "Max"}, "found Max, but .* best loss is the lowest.*the highest. Write Min"),
        ({"metric": "val_accuracy", "mode": "Max"}, None),
        ({"metric": "val_accuracy"}, None),
        (None, None),
    ],
    ids=str,
)
def test_monitor_mismatch(
    trained: tuple[keras.Model, list[str]], monitor: dict[str, str] | None, message: str | None
) -> None:
    warnings = list(check_monitor_mode(Training.model_validate({"loss": "mse", "monitor": monitor}), trained[0]))
    assert [warning.reason for warning in warnings] == (["MonitorMismatch"] if message else [])
    assert all(re.search(message or "", warning.message) for warning in warnings)
