"""What tells the best epoch: a TrainingJob, its callbacks, or the loss."""

import re
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.training import Training
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import network
from epochal_trainer.model.compile import check_labels, compile_model
from epochal_trainer.model.monitor import check_mode, monitor_of
from epochal_trainer.reporting import history
from epochal_trainer.reporting.best import Monitor

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

METRICS = ["accuracy", "MeanSquaredError", "mae", "AUC", "F1Score", {"name": "TopKCategoricalAccuracy", "k": 2}]
EARLY = {"callback": "EarlyStopping", "monitor": "val_accuracy"}
PLATEAU = {"callback": "ReduceLROnPlateau", "monitor": "loss"}
BEST_FILE = {"callback": "ModelCheckpoint", "filepath": "a.keras", "monitor": "val_auc", "save_best_only": True}


@pytest.fixture(scope="module")
def trained() -> tuple[keras.Model, list[str]]:
    """A model with metrics of all kinds, and the names of the figures that it gives."""
    layers = [{"layer": "Dense", "units": 3, "activation": "softmax"}]
    spec = Training.model_validate({"loss": "CategoricalCrossentropy", "metrics": METRICS})
    described = Network.model_validate({"input": {"shape": [4]}, "layers": layers})
    model = network.build(described, seed=1, memory=1 << 30)
    compile_model(model, spec)
    names = history.figures(check_labels(model, spec, np.eye(3, dtype="float32")))
    return model, [*names, *(f"val_{name}" for name in names)]


def found(trained: tuple[keras.Model, list[str]], *, validated: bool = True, **fields: Any) -> Monitor:
    model, names = trained
    names = [name for name in names if validated or not name.startswith("val_")]
    return monitor_of(Training.model_validate({"loss": "mse", **fields}), model, names)


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
        ({"callbacks": [{**EARLY, "monitor": "f1_score"}]}, Monitor("val_loss", "Min")),  # which is no number
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
def test_what_tells_the_best_epoch(trained: Any, fields: dict[str, Any], expected: Monitor) -> None:
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
            "found 'val_loss'; val_ figures need spec.data.validation",
        ),
        ({"monitor": {"metric": "f1_score"}}, r"found 'f1_score'; did you mean f1_score_\d"),
        ({"monitor": {"metric": "zzz"}}, r"must be one of .*, found 'zzz'$"),
    ],
)
def test_what_is_not_measured_is_refused(trained: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Failure, match=message) as caught:
        found(trained, **fields)
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)


def test_where_keras_does_not_know_what_is_better_the_mode_is_asked_for(
    trained: tuple[keras.Model, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("epochal_trainer.model.monitor._DIRECTIONS", {})
    with pytest.raises(Failure, match=r"monitor.mode: must be Min or Max, since Keras .* of val_auc is better"):
        found(trained, monitor={"metric": "val_auc"})
    assert found(trained, monitor={"metric": "val_auc", "mode": "Max"}) == Monitor("val_auc", "Max")
    assert found(trained, callbacks=[EARLY]) == Monitor("val_loss", "Min")  # Keras refuses to train with that


@pytest.mark.parametrize(
    ("monitor", "told"),
    [
        ({"metric": "val_accuracy", "mode": "Min"}, "found Min, and the best val_accuracy is the highest .* Write Max"),
        ({"metric": "loss", "mode": "Max"}, "found Max, and the best loss is the lowest .*the highest. Write Min"),
        ({"metric": "val_accuracy", "mode": "Max"}, None),
        ({"metric": "val_accuracy"}, None),
        (None, None),
    ],
    ids=str,
)
def test_the_reverse_of_what_keras_says_is_told(
    trained: tuple[keras.Model, list[str]], monitor: dict[str, str] | None, told: str | None
) -> None:
    warnings = list(check_mode(Training.model_validate({"loss": "mse", "monitor": monitor}), trained[0]))
    assert [one.reason for one in warnings] == (["MonitorMismatch"] if told else [])
    assert all(re.search(told or "", one.message) for one in warnings)
