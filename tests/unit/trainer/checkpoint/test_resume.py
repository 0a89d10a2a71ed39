"""What a training may go on from, and what is said when it may not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.training import Training
from epochal_trainer.buckets import FolderBucket
from epochal_trainer.checkpoint import Facts, Position, Snapshot, Start, Store, find, fitted, variables
from epochal_trainer.failures import Failure

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

Make = Callable[..., Snapshot]
URI = "s3://results/lab/old/1/"


def store(tmp_path: Path, folder: str) -> Store:
    tmp_path.joinpath("bucket").mkdir(exist_ok=True)
    return Store(FolderBucket(tmp_path / "bucket"), folder, tmp_path / "scratch")


def training(epochs: int = 5, **continue_from: str) -> Training:
    described = {"loss": "mse", "epochs": epochs}
    return Training.model_validate(described | ({"continueFrom": continue_from} if continue_from else {}))


def found(tmp_path: Path, spec: Training) -> Start | None:
    return find(
        store(tmp_path, "lab/new/2"), spec, lambda uri: store(tmp_path, uri.removeprefix("s3://results/").strip("/"))
    )


def test_without_a_checkpoint_it_begins_anew(tmp_path: Path) -> None:
    assert found(tmp_path, training()) is None


def test_its_own_comes_first(tmp_path: Path, make: Make) -> None:
    store(tmp_path, "lab/old/1").write(make(4))
    store(tmp_path, "lab/new/2").write(make(2, step=3, attempt=7))
    start = found(tmp_path, training(uri=URI))
    assert start is not None
    assert start.own
    assert str(start) == "epoch 3, step 3 of 5 (checkpoint of attempt 7)"


def test_it_continues_another(tmp_path: Path, make: Make) -> None:
    store(tmp_path, "lab/old/1").write(make(4, stop_training=True))
    start = found(tmp_path, training(uri=URI))
    assert start is not None
    assert not start.own
    assert not start.snapshot.state.stop_training
    assert str(start) == f"the end of epoch 4 (checkpoint in {tmp_path}/bucket/lab/old/1/checkpoints)"


@pytest.mark.parametrize(
    ("epochs", "continued", "message"),
    [
        (5, {"uri": "s3://results/lab/none/1/"}, "continueFrom: there is no checkpoint in .*lab/none/1/checkpoints"),
        (4, {"uri": URI}, r"spec.training.epochs: found 4, and 4 were trained in .*: it must be greater"),
        (5, {"name": "old"}, r"continueFrom.name: found 'old', .* give uri"),
    ],
)
def test_what_cannot_be_continued(
    tmp_path: Path, make: Make, epochs: int, continued: dict[str, str], message: str
) -> None:
    store(tmp_path, "lab/old/1").write(make(4))
    with pytest.raises(Failure, match=message) as caught:
        found(tmp_path, training(epochs, **continued))
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)


FACTS = Facts(samples=10, batch_size=2, steps=5, seed=7, optimizer={"name": "Adam"}, data={"a": "0" * 64})


def model(units: int = 2, optimizer: str = "Adam", metrics: tuple[str, ...] = ()) -> keras.Model:
    layers = [keras.Input((3,)), keras.layers.Dense(units, name="hidden"), keras.layers.Dense(1, name="out")]
    built = keras.Sequential(layers)
    built.compile(optimizer=optimizer, loss="mse", metrics=list(metrics))
    built.optimizer.build(built.trainable_variables)
    built.compute_loss(x=None, y=np.zeros((1, 1)), y_pred=np.zeros((1, 1)))
    built.compute_metrics(x=None, y=np.zeros((1, 1)), y_pred=np.zeros((1, 1)))
    return built


def start(make: Make, *, own: bool, **of: Any) -> Start:
    there = {group: variables.describe(members) for group, members in variables.groups(model()).items()}
    return Start(make(**of).changed(variables=there, facts=FACTS), own=own, where="s3://results/lab/old/1/checkpoints/")


def test_what_fits_is_left_as_it_is(make: Make) -> None:
    fit = fitted(start(make, own=True, step=3), model(), FACTS)
    assert fit is not None
    assert fit.snapshot.state.position == Position(epoch=1, step=3, begun=True)
    assert set(fit.snapshot.state.variables) == {"model", "optimizer", "metrics", "random"}


def test_another_network(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    shapes = r"there .*hidden/kernel of shape \(3, 2\) and type float32, here .*hidden/kernel of shape \(3, 4\)"
    with pytest.raises(Failure, match=shapes) as caught:
        fitted(start(make, own=False), model(units=4), FACTS)
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidTraining", 64)
    assert fitted(start(make, own=True), model(units=4), FACTS) is None
    assert "DOES NOT FIT THE NETWORK" in caplog.text


def test_another_optimizer_starts_anew(make: Make) -> None:
    facts = FACTS.model_copy(update={"optimizer": {"name": "SGD"}})
    fit = fitted(start(make, own=False), model(optimizer="SGD"), facts)
    assert fit is not None
    assert "optimizer" not in fit.snapshot.state.variables


@pytest.mark.parametrize("change", [{"samples": 12}, {"batch_size": 5}, {"seed": 8}, {}], ids=str)
def test_an_epoch_with_other_batches_begins_anew(
    make: Make, change: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    other = model(metrics=("mae",)) if not change else model()
    fit = fitted(start(make, own=False, step=3), other, FACTS.model_copy(update=change))
    assert fit is not None
    assert fit.snapshot.state.position == Position(epoch=1)
    assert "metrics" not in fit.snapshot.state.variables
    assert "from the middle of epoch 2: that epoch begins anew" in caplog.text


def test_other_data_are_noticed(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    assert fitted(start(make, own=True), model(), FACTS.model_copy(update={"data": {"a": "1" * 64}})) is not None
    assert "The data have changed" in caplog.text


def test_callbacks_of_another_class_start_anew(make: Make) -> None:
    early, plateau = keras.callbacks.EarlyStopping(), keras.callbacks.ReduceLROnPlateau()
    start(make, own=False).snapshot.changed(variables={}).restore(model(), [plateau, early])
    assert (plateau.wait, early.wait) == (0, 0)
    snapshot = start(make, own=False).snapshot.changed(variables={})
    snapshot.restore(model(), [early])
    assert snapshot.arrays == {}
    assert (early.wait, early.best) == (2, 0.5)


def test_a_normalization_computes_with_what_it_learned_then() -> None:
    def normalizing(values: Any) -> keras.Model:
        layer = keras.layers.Normalization()
        built = keras.Sequential([keras.Input((1,)), layer, keras.layers.Dense(1)])
        built.compile(optimizer="SGD", loss="mse")
        layer.adapt(np.array(values, "float32")[:, None])
        return built

    one, other = normalizing([1, 2, 3]), normalizing([10, 30])
    snapshot = Snapshot.of(
        one, [], position=Position(), history=[], seconds=0, facts=FACTS, attempt=1, files={}, versions={}
    )
    snapshot.restore(other, [])
    features = np.array([[0.5]], "float32")
    np.testing.assert_array_equal(one(features), other(features))
