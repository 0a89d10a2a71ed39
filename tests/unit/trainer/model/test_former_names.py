"""Names that figures had while a metric named by a text was called as its class does."""

import logging
from typing import Any

import pytest
from epochal_api.training import Training
from epochal_trainer.model.former_names import former_names, renamed


def training(**fields: Any) -> Training:
    return Training.model_validate({"loss": "mse", **fields})


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (["mae"], {"mean_absolute_error": "mae"}),
        (["MAE", "bce"], {"mean_absolute_error": "MAE", "binary_crossentropy": "bce"}),
        (["mse", "MSE"], {"mean_squared_error": "mse", "mean_squared_error_2": "MSE"}),
        (["mae", "MeanAbsoluteError"], {"mean_absolute_error_2": "mean_absolute_error"}),
        (["MeanAbsoluteError"], {}),
        (["accuracy", "crossentropy", "auc", "AUC", "mean_squared_error"], {}),
        ([], {}),
    ],
    ids=str,
)
def test_what_is_called_otherwise_now(metrics: list[str], expected: dict[str, str]) -> None:
    validated = {f"val_{before}": f"val_{now}" for before, now in expected.items()}
    assert former_names(training(metrics=metrics)) == expected | validated


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"monitor": {"metric": "val_mean_absolute_error"}}, {"monitor": {"metric": "val_mae"}}),
        (
            {"callbacks": [{"callback": "EarlyStopping", "monitor": "val_mean_absolute_error", "patience": 3}]},
            {"callbacks": [{"callback": "EarlyStopping", "monitor": "val_mae", "patience": 3}]},
        ),
        (
            {"callbacks": [{"callback": "ModelCheckpoint", "filepath": "{epoch}-{mean_absolute_error:.2f}.keras"}]},
            {"callbacks": [{"callback": "ModelCheckpoint", "filepath": "{epoch}-{mae:.2f}.keras"}]},
        ),
        (
            {"callbacks": [{"callback": "CSVLogger", "filename": "{mean_absolute_error}"}]},
            {"callbacks": [{"callback": "CSVLogger", "filename": "{mean_absolute_error}"}]},
        ),
        (
            {"monitor": {"metric": "val_loss"}, "callbacks": [{"callback": "EarlyStopping", "monitor": ["loss"]}]},
            {"monitor": {"metric": "val_loss"}, "callbacks": [{"callback": "EarlyStopping", "monitor": ["loss"]}]},
        ),
    ],
    ids=str,
)
def test_a_spec_may_go_by_them(given: dict[str, Any], taken: dict[str, Any]) -> None:
    spec = training(metrics=["mae"], **given)
    assert renamed(spec, former_names(spec)) == training(metrics=["mae"], **taken)


def test_the_log_tells_of_each_once(caplog: pytest.LogCaptureFixture) -> None:
    monitor = "val_mean_absolute_error"
    callbacks = [{"callback": name, "monitor": monitor} for name in ("EarlyStopping", "ReduceLROnPlateau")]
    spec = training(metrics=["mae"], monitor={"metric": monitor}, callbacks=callbacks)
    with caplog.at_level(logging.INFO):
        renamed(spec, former_names(spec))
    assert caplog.messages == ["spec.training: val_mean_absolute_error is called val_mae now, and taken as that."]
