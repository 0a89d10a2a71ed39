import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Named, Network
from epochal_api.trainingjob.training import Training
from epochal_trainer.backend import tensorflow
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.weights import apply_class_weights, check_weights
from epochal_trainer.lib.failures import Failure
from epochal_trainer.lib.signals import TerminationRequest
from epochal_trainer.model import callbacks, network
from epochal_trainer.model.compile import compile_model
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.training import fit as keras_fit
from epochal_trainer.training.progress import Progress
from keras.src.utils import python_utils
from sklearn.utils.class_weight import compute_class_weight

from .conftest import terminated

LAYERS: list[dict[str, Any]] = [
    {"layer": "Dense", "units": 16, "activation": "relu"},
    {"layer": "BatchNormalization"},
    {"layer": "Dropout", "rate": 0.3},
    {"layer": "Dense", "units": 3, "activation": "softmax"},
]


def samples(count: int = 100) -> Samples:
    random = np.random.default_rng(0)
    features = random.normal(size=(count, 4)).astype("float32")
    return Samples.single(features, features[:, :3].argmax(axis=1), "features", "labels")


def fit(
    *,
    data: Samples | None = None,
    validation: Samples | None = None,
    layers: Sequence[dict[str, Any]] = LAYERS,
    termination_request: TerminationRequest | None = None,
    folder: Path = Path(),
    **fields: Any,
) -> tuple[keras.Model, list[Epoch], list[dict[str, Any]]]:
    data = data or samples()
    spec = Training.model_validate(
        {"loss": "SparseCategoricalCrossentropy", "epochs": 3, "optimizer": "Adam", **fields}
    )
    shape = list(data.features.shape[1:])
    described = Network.model_validate({"input": {"shape": shape}, "layers": list(layers)})
    model = network.build(described, seed=spec.seed, memory=1 << 30, training=spec)
    compile_model(model, spec)
    positions: list[dict[str, Any]] = []

    def on_epoch(history: Sequence[Epoch]) -> None:
        positions.append({"epochs": len(history), **progress.step_fields()})

    progress = Progress(
        spec,
        steps=data.order(batch_size=spec.batch_size, seed=spec.seed).steps,
        termination_request=termination_request or TerminationRequest(),
        monitor=Monitor("loss"),
        on_epoch=on_epoch,
        on_step=lambda *_: None,
    )
    user = callbacks.build(spec.callbacks, folder=folder)
    keras_fit.fit_or_resume(model, spec, train=data, validation=validation, callbacks=user, progress=progress)
    return model, progress.history, positions


def test_an_epoch_has_its_metrics() -> None:
    _, history, positions = fit(validation=samples(20), metrics=["accuracy"])
    assert [epoch.number for epoch in history] == [1, 2, 3]
    assert all(list(epoch.metrics) == ["loss", "accuracy", "val_loss", "val_accuracy"] for epoch in history)
    assert all(epoch.seconds > 0 and epoch.learning_rate == pytest.approx(0.001) for epoch in history)
    assert [(at["epochs"], at["step"]) for at in positions] == [(1, 0), (2, 0), (3, 0)]


def test_the_same_seed_gives_the_same_weights() -> None:
    first, same, other = (fit(seed=seed)[0].get_weights() for seed in (7, 7, 8))
    for one, two in zip(first, same, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], other[0])


PLAIN: list[dict[str, Any]] = [LAYERS[0], LAYERS[3]]
COUNTS = np.random.default_rng(3).integers(0, 4, 100)


@pytest.mark.parametrize("by_class", [None, {"0": "0.5", "2": "3"}, "Balanced"], ids=str)
@pytest.mark.parametrize("beside", [None, COUNTS], ids=["alone", "sample_weight"])
def test_weighted_training_gives_the_weights_of_a_plain_script(by_class: Any, beside: Any) -> None:
    """Keras takes either class_weight or sample_weight; a script that has both multiplies them."""
    data, held_out = samples(), samples()
    if beside is not None:
        data, held_out = (each.with_weights(beside, "sample_weight") for each in (data, held_out))
    given = check_weights(data, [[3]])
    factors: dict[int, float] = {}
    if by_class == "Balanced":
        factors = dict(enumerate(compute_class_weight("balanced", classes=np.arange(3), y=data.labels)))
    elif by_class is not None:
        factors = {int(number): float(weight) for number, weight in by_class.items()}
    if by_class is not None:
        given, _ = apply_class_weights(given, by_class, Named(name="SparseCategoricalCrossentropy"))
    model, history, _ = fit(
        data=given, validation=check_weights(held_out, [[3]]), layers=PLAIN, metrics=["accuracy"], epochs=2
    )

    described = Network.model_validate({"input": {"shape": [4]}, "layers": PLAIN})
    plain = network.build(described, seed=0, memory=1 << 30)
    plain.compile("Adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    wanted = []
    for epoch in range(2):
        rows = tensorflow.sample_order(100, seed=0, pass_index=epoch).numpy()
        weights: dict[str, Any] = {"class_weight": factors or None}
        if beside is not None:
            by_label = [factors.get(label, 1.0) for label in data.labels.tolist()]
            weights = {"sample_weight": (beside * by_label)[rows].astype("float32")}
        validation = (held_out.features, held_out.labels, *([] if beside is None else [beside.astype("float32")]))
        features, labels = data.features[rows], data.labels[rows]
        run = plain.fit(
            features, labels, batch_size=32, shuffle=False, validation_data=validation, verbose=0, **weights
        )
        wanted.append({name: values[0] for name, values in run.history.items()})
    for found, figures in zip(history, wanted, strict=True):
        assert dict(found.metrics) == pytest.approx(figures, rel=1e-5)
    for one, other in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_a_network_learns() -> None:
    model, history, _ = fit(
        epochs=30, metrics=["accuracy"], data=samples(400), optimizer={"name": "Adam", "learning_rate": 0.01}
    )
    assert history[-1].metrics["loss"] < 0.5 * history[0].metrics["loss"]
    assert keras_fit.evaluate(model, samples(400), batch_size=32, on_step=lambda: None)["accuracy"] > 0.9


def test_metrics_are_computed_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    numbers = python_utils.pythonify_logs

    def counted(logs: Any) -> Any:
        made.extend([logs] if logs else [])
        return numbers(logs)

    monkeypatch.setattr(python_utils, "pythonify_logs", counted)
    fit(epochs=3, callbacks=[{"callback": "EarlyStopping", "monitor": "loss", "patience": 9}])
    assert len(made) == 3 + 1  # the epochs' ends, and that of the training


def test_early_stopping() -> None:
    _, history, _ = fit(
        epochs=50,
        validation=samples(20),
        callbacks=[{"callback": "EarlyStopping", "monitor": "val_loss", "min_delta": 100, "patience": 2}],
    )
    assert len(history) == 3


def test_an_epoch_has_the_learning_rate_of_its_training() -> None:
    reduce = {"callback": "ReduceLROnPlateau", "monitor": "loss", "min_delta": 100, "patience": 1, "factor": 0.5}
    _, history, _ = fit(callbacks=[reduce])
    rates = [epoch.learning_rate for epoch in history]
    assert rates == pytest.approx([0.001, 0.001, 0.0005])
    assert all("learning_rate" not in epoch.metrics for epoch in history)


def test_callbacks_write_into_their_folder(tmp_path: Path) -> None:
    fit(
        folder=tmp_path,
        validation=samples(20),
        callbacks=[
            {"callback": "ModelCheckpoint", "filepath": "best/{epoch:02d}.keras"},
            {"callback": "CSVLogger", "filename": "log.csv"},
            {"callback": "TensorBoard", "histogram_freq": 1},
            {"callback": "BackupAndRestore", "backup_dir": "backup"},
            {"callback": "SwapEMAWeights"},
            {"callback": "TerminateOnNaN"},
        ],
        optimizer={"name": "SGD", "use_ema": True},
    )
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == ["01.keras", "02.keras", "03.keras"]
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4
    assert list((tmp_path / "logs" / "train").iterdir())


@pytest.mark.parametrize("terminate", [[], [{"callback": "TerminateOnNaN"}]])
def test_a_nan_loss_ends_the_training(terminate: list[dict[str, str]]) -> None:
    with pytest.raises(Failure, match=r"after epoch 1, .* a lower learning rate") as caught:
        fit(optimizer={"name": "SGD", "learning_rate": 1e30}, callbacks=terminate)
    assert (caught.value.reason, caught.value.exit_code) == ("NonFiniteLoss", 65)


def test_data_outside_the_range_of_a_layer_fail() -> None:
    data = Samples.single(np.full((10, 4), 12, "float32"), np.zeros(10, "int64"), "features", "labels")
    layers: list[dict[str, Any]] = [
        {"layer": "Embedding", "input_dim": 10, "output_dim": 2},
        {"layer": "Flatten"},
        {"layer": "Dense", "units": 3, "activation": "softmax"},
    ]
    with pytest.raises(Failure, match=r"step 1 of 1 of epoch 1: .*embedding_0.*12 is not in \[0, 10\)") as caught:
        fit(data=data, layers=layers)
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidData", 65)


def test_an_argument_that_keras_refuses_is_a_mistake_of_the_user() -> None:
    data = Samples.single(samples().features, np.eye(3)[samples().labels], "features", "labels")
    words = "Keras refuses to train, in step .* of epoch .*: EarlyStopping callback received monitor=other, but Keras"
    with pytest.raises(Failure, match=words) as caught:
        fit(data=data, loss="mse", metrics=["mse"], callbacks=[{"callback": "EarlyStopping", "monitor": "other"}])
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)


@pytest.mark.parametrize("kind", [TypeError, ValueError])
@pytest.mark.parametrize(
    "part", ["reporting.history.log_line", "reporting.best.RunningBest.add", "backend.tensorflow.sample_order"]
)
def test_internal_errors_are_no_mistakes_of_the_user(
    monkeypatch: pytest.MonkeyPatch, part: str, kind: type[Exception]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise kind("ours")

    monkeypatch.setattr(f"epochal_trainer.{part}", broken)
    with pytest.raises(kind, match="ours"):
        fit()


class SignalAtStep(keras.callbacks.Callback):  # type: ignore[misc]
    """Sends SIGTERM when so many steps have begun."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.steps: list[int] = []
        self.step = step

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        del logs
        self.steps.append(batch)
        if len(self.steps) == self.step:
            signal.raise_signal(signal.SIGTERM)


def test_sigterm_ends_the_training_at_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    termination_request, callback = TerminationRequest(), SignalAtStep(5)
    monkeypatch.setattr(callbacks, "build", lambda *_, **__: [callback])
    with terminated(termination_request):
        fit(termination_request=termination_request)
    assert callback.steps == [0, 1, 2, 3, 0]
