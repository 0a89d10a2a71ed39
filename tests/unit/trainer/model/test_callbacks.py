import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Callback
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import callbacks

from tests.unit.trainer.expect import expect_failure

ARGUMENTS: dict[str, dict[str, Any]] = {
    "BackupAndRestore": {"backup_dir": "backup"},
    "CSVLogger": {"filename": "more/log.csv"},
    "ModelCheckpoint": {"filepath": "best/{epoch:02d}.keras"},
}


def specs(*documents: dict[str, Any]) -> list[Callback]:
    return [Callback.model_validate(document) for document in documents]


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"callback": "EarlyStop"}, "(EarlyStop): keras.callbacks has no 'EarlyStop'; did you mean EarlyStopping"),
        ({"callback": "EarlyStopping", "patient": 3}, "EarlyStopping has no argument 'patient'; did you mean patience"),
        ({"callback": "CSVLogger"}, "filename must be a path relative to the results, found None"),
        (
            {"callback": "CSVLogger", "filename": "/etc/x"},
            "filename must be relative and must not contain '..', found '/etc/x'",
        ),
        (
            {"callback": "ModelCheckpoint", "filepath": "a/../../b.keras"},
            "filepath must be relative and must not contain '..'",
        ),
        ({"callback": "ModelCheckpoint", "filepath": "a.pickle"}, "(ModelCheckpoint): "),
        (
            {"callback": "CSVLogger", "filename": "é" * 100},
            "filename must have at most 150 bytes in each folder name and file name, found 'éé",
        ),
        ({"callback": "ModelCheckpoint", "filepath": "{epoch"}, "filepath '{epoch' cannot be formatted: expected '}'"),
    ],
)
def test_failures_name_the_field(described: dict[str, Any], message: str, tmp_path: Path) -> None:
    with expect_failure("InvalidTraining", r"spec\.training\.callbacks\[0\] .*" + re.escape(message), 64):
        callbacks.build(specs(described), folder=tmp_path)


@pytest.mark.parametrize(
    "field",
    [
        "{epoch.__doc__[127]}{epoch.__doc__[127]}/x",
        "{epoch.real}",
        "{loss[0]}",
        "{}",
        "{epoch!r}",
        "{epoch:1000000000}",
        "{loss:.1000000000f}",
        "{epoch:{batch}}",
        "{epoch:c}",
        "{loss:/^9}",
    ],
)
def test_invalid_placeholders_in_a_path(field: str, tmp_path: Path) -> None:
    with expect_failure(
        "InvalidTraining", r"callbacks\[0\] \(ModelCheckpoint\): filepath may use metrics by their names"
    ):
        callbacks.build(specs({"callback": "ModelCheckpoint", "filepath": f"{field}.keras"}), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "filepath",
    ["{epoch}.keras", ".{epoch:03d}./{loss}.keras", "{loss:.2f}/{val_loss:08.3e}{{..}}.keras", "{loss:%}.keras"],
)
@pytest.mark.parametrize("figure", [0.5, -1e300, float("nan"), float("-inf")])
def test_formatted_paths_stay_in_the_folder(filepath: str, figure: float, tmp_path: Path) -> None:
    described = specs({"callback": "ModelCheckpoint", "filepath": filepath})
    (built,) = callbacks.build(described, folder=tmp_path)
    callbacks.check_metric_names(described, ["loss", "val_loss"])
    path = built._get_file_path(0, None, {"loss": figure, "val_loss": figure})
    assert Path(path).resolve().is_relative_to(tmp_path)


def test_files_stay_in_the_folder(tmp_path: Path) -> None:
    built = callbacks.build(
        specs(*({"callback": name, **arguments} for name, arguments in ARGUMENTS.items()), {"callback": "TensorBoard"}),
        folder=tmp_path,
    )
    paths = [built[0]._backup_dir if hasattr(built[0], "_backup_dir") else str(tmp_path), built[1].filename]
    paths += [built[2].filepath, built[3].log_dir]
    assert all(Path(path).is_relative_to(tmp_path) for path in paths)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_restored_backup_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    files = [tmp_path / "backup" / name for name in ("latest.weights.h5", "training_metadata.json")]
    for file in files:
        file.write_bytes(b"damaged")
    described = specs({"callback": "BackupAndRestore", "backup_dir": "backup", "delete_checkpoint": False})
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(np.zeros((4, 2)), np.zeros(4), verbose=0, callbacks=callbacks.build(described, folder=tmp_path))
    assert all(file.read_bytes() != b"damaged" for file in files)


def test_callback_specs() -> None:
    early, history = {"callback": "EarlyStopping", "patience": 2}, {"callback": "History"}
    nan = {"callback": "TerminateOnNaN"}
    assert callbacks.callback_specs(specs(nan, history, early)) == [nan, early]


@pytest.mark.parametrize(
    "described",
    [
        {"callback": "EarlyStopping"},
        {"callback": "ReduceLROnPlateau", "monitor": "acuracy"},
        {"callback": "ModelCheckpoint", "filepath": "x.keras", "save_best_only": True},
    ],
)
def test_unknown_monitor(described: dict[str, Any]) -> None:
    with pytest.raises(Failure, match=r"callbacks\[0\] .* monitors '\w+', but the metrics are loss, accuracy"):
        callbacks.check_metric_names(specs(described), ["loss", "accuracy"])


@pytest.mark.parametrize(
    ("monitor", "metrics", "ends"),
    [
        ("val_mea", ["loss", "mae", "val_loss", "val_mae"], r"val_loss, val_mae; did you mean val_mae.*\?$"),
        ("val_mae", ["loss", "mae"], "but the metrics are loss, mae; val_ metrics need spec.data.validation$"),
        ("zzz", ["loss", "val_loss"], "but the metrics are loss, val_loss$"),
    ],
)
def test_suggestions_for_an_unknown_monitor(monitor: str, metrics: list[str], ends: str) -> None:
    with pytest.raises(Failure, match=ends):
        callbacks.check_metric_names(specs({"callback": "EarlyStopping", "monitor": monitor}), metrics)


def test_known_monitors() -> None:
    described = [{"callback": "EarlyStopping"}, {"callback": "ModelCheckpoint", "filepath": "x.keras"}]
    callbacks.check_metric_names(specs(*described), ["loss", "val_loss"])
    callbacks.check_metric_names(specs(described[1], {"callback": "TerminateOnNaN"}), ["loss"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filepath": "{epoch}-{val_acc:.2f}.keras"}, r"filepath '\{epoch\}-\{val_acc:.2f\}.keras' cannot .*'val_acc'"),
        ({"filepath": "{val_loss:.2f}.keras", "save_freq": 10}, "available are epoch, batch, loss$"),
        ({"filepath": "{batch}.keras"}, "available are epoch, loss, val_loss$"),
        ({"filepath": "{learning_rate}.keras"}, "available are epoch, loss, val_loss$"),
        ({"filepath": "{epoch:zz}.keras"}, "ValueError"),
        ({"filepath": "{0}.keras"}, "IndexError"),
        ({"filepath": "{loss:d}.keras"}, "ValueError: Unknown format code 'd' for object of type 'float'"),
        ({"filepath": "{epoch:.2}.keras"}, "ValueError: Precision not allowed"),
    ],
)
def test_unknown_metrics_in_a_path(arguments: dict[str, Any], message: str) -> None:
    described = specs({"callback": "ModelCheckpoint", **arguments})
    with expect_failure("InvalidTraining", message):
        callbacks.check_metric_names(described, ["loss", "val_loss"])
    named: list[dict[str, Any]] = [
        {"callback": "ModelCheckpoint", "filepath": "{epoch:02}-{batch}.keras", "save_freq": 3},
        {"callback": "ReduceLROnPlateau"},
        {"callback": "ModelCheckpoint", "filepath": "{epoch:02}-{val_loss:.2f}-{learning_rate:.3f}.keras"},
    ]
    callbacks.check_metric_names(specs(*named), ["loss", "val_loss"])


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (
            {"filepath": "best.keras", "save_best_only": True},
            "validationEveryEpochs is 2: .* Keras saves the model and overwrites",
        ),
        ({"filepath": "{val_loss:.2f}.keras"}, "available are epoch, loss$"),
    ],
)
def test_model_checkpoints_of_epochs_without_validation(described: dict[str, Any], message: str) -> None:
    saved = specs({"callback": "ModelCheckpoint", **described})
    callbacks.check_metric_names(saved, ["loss", "val_loss"])
    with expect_failure("InvalidTraining", message):
        callbacks.check_metric_names(saved, ["loss", "val_loss"], validation_every=2)
    callbacks.check_metric_names(specs({"callback": "EarlyStopping"}), ["loss", "val_loss"], validation_every=2)


SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)


@pytest.mark.parametrize(
    ("callback", "wrong", "right"),
    [
        ("ReduceLROnPlateau", {"learning_rate": SCHEDULE}, {"learning_rate": 0.1}),
        ("SwapEMAWeights", {"use_ema": False}, {"use_ema": True}),
    ],
)
def test_optimizer_must_support_callbacks(callback: str, wrong: dict[str, Any], right: dict[str, Any]) -> None:
    described = specs({"callback": callback, **ARGUMENTS.get(callback, {})})
    for wrapped in (lambda optimizer: optimizer, keras.optimizers.LossScaleOptimizer):
        callbacks.check_optimizer(described, wrapped(keras.optimizers.Adam(**right)))
        with pytest.raises(Failure, match=rf"callbacks\[0\] \({callback}\)"):
            callbacks.check_optimizer(described, wrapped(keras.optimizers.Adam(**wrong)))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("swap_on_epoch", [False, True])
@pytest.mark.parametrize("validated", [False, True])
def test_early_stop_leaves_averaged_weights(tmp_path: Path, *, swap_on_epoch: bool, validated: bool) -> None:
    features = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    labels = features.sum(axis=1)

    def weights(epochs: int, *described: dict[str, Any]) -> list[Any]:
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), "mse", run_eagerly=True)
        model.fit(
            features,
            labels,
            epochs=epochs,
            shuffle=False,
            validation_data=(features, labels) if validated else None,
            callbacks=callbacks.build(specs(*described), folder=tmp_path),
            verbose=0,
        )
        return [array.tolist() for array in model.get_weights()]

    swap = {"callback": "SwapEMAWeights", "swap_on_epoch": swap_on_epoch}
    stop = {"callback": "EarlyStopping", "monitor": "loss", "min_delta": 1000, "patience": 1}
    undisturbed, *_ = weights(2)
    for ended in (weights(9, swap, stop), weights(9, stop, swap), weights(2, swap)):
        np.testing.assert_allclose(ended[0], undisturbed, rtol=1e-5)


@pytest.mark.parametrize(
    ("found", "epoch"),
    [
        ([], None),
        ([{"restore_best_weights": True, "best_epoch": 2, "best_weights": [1]}], 3),
        ([{"restore_best_weights": True, "best_epoch": 0, "best_weights": None}], None),
        ([{"restore_best_weights": False, "best_epoch": 2}], None),
        ([{"restore_best_weights": True, "best_epoch": at, "best_weights": [1]} for at in (2, 4)], 5),
    ],
    ids=str,
)
def test_restored_epoch(found: list[dict[str, Any]], epoch: int | None) -> None:
    early = [keras.callbacks.EarlyStopping() for _ in found]
    for callback, attributes in zip(early, found, strict=True):
        vars(callback).update({"best_weights": None} | attributes)
    assert callbacks.restored_epoch([keras.callbacks.TerminateOnNaN(), *early]) == epoch


NAN = {"callback": "TerminateOnNaN"}


@pytest.mark.parametrize(
    ("optimizer", "described", "averages"),
    [
        (keras.optimizers.SGD(), [], False),
        (keras.optimizers.SGD(use_ema=True), [], True),
        (keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(use_ema=True)), [NAN], True),
        (keras.optimizers.SGD(use_ema=True), [{"callback": "SwapEMAWeights", "swap_on_epoch": True}], False),
    ],
    ids=["no averages", "averages", "of a scaled loss", "swapped"],
)
def test_ends_with_averages(tmp_path: Path, optimizer: Any, described: list[dict[str, Any]], *, averages: bool) -> None:
    built = callbacks.build(specs(*described), folder=tmp_path)
    assert callbacks.ends_with_averages(optimizer, built) is averages
