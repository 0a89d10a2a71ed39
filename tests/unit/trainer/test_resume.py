"""A training that goes on from a checkpoint ends as if it had never stopped."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.network import Network
from epochal_api.training import Training
from epochal_trainer import callbacks, network, train
from epochal_trainer.batches import steps_per_epoch
from epochal_trainer.buckets import FolderBucket
from epochal_trainer.checkpoint import Checkpointer, Facts, Files, Position, Snapshot, Store, Writer
from epochal_trainer.compile import check_labels, compile_model
from epochal_trainer.data import Samples
from epochal_trainer.epochs import Epoch
from epochal_trainer.stopping import Stopping
from epochal_trainer.watch import Watch

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

LAYERS: list[dict[str, Any]] = [
    {"layer": "RandomFlip"},
    {"layer": "Conv2D", "filters": 4, "kernel_size": 2, "activation": "relu"},
    {"layer": "Flatten"},
    {"layer": "BatchNormalization"},
    {"layer": "Dropout", "rate": 0.3},
    {"layer": "Dense", "units": 3, "activation": "softmax"},
]
CALLBACKS: list[dict[str, Any]] = [
    {"callback": "EarlyStopping", "monitor": "val_loss", "patience": 9, "restore_best_weights": True},
    {"callback": "ReduceLROnPlateau", "monitor": "loss", "min_delta": 0.4, "patience": 1, "factor": 0.5},
    {"callback": "CSVLogger", "filename": "log.csv"},
    {"callback": "ModelCheckpoint", "filepath": "best.keras", "monitor": "val_loss", "save_best_only": True},
]
STEPS = 4


def samples(count: int, seed: int) -> Samples:
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, 5, 5, 1)).astype("float32")
    return Samples(features, features[:, 0, :3, 0].argmax(axis=1), "features", "labels")


TRAIN, VALIDATION = samples(50, 0), samples(20, 1)


class Recorder(Checkpointer):
    """Takes a checkpoint whenever it could, and keeps all."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.taken: list[Snapshot] = []

    def due_within(self) -> bool:
        return True

    def capture(self, position: Position, history: Sequence[Epoch], seconds: float) -> Snapshot:
        self.taken.append(super().capture(position, history, seconds))
        return self.taken[-1]


@dataclass
class Trained:
    weights: list[np.ndarray[Any, Any]]
    history: list[Epoch]
    scratch: Path
    taken: list[Snapshot]

    def figures(self) -> list[tuple[int, float | None, dict[str, float]]]:
        return [(epoch.number, epoch.learning_rate, dict(epoch.metrics)) for epoch in self.history]

    def at(self, position: Position) -> Snapshot:
        (found,) = [snapshot for snapshot in self.taken if snapshot.state.position == position]
        return found


def run(
    scratch: Path,
    *,
    epochs: int = 3,
    start: Snapshot | None = None,
    kind: type[Checkpointer] | None = Recorder,
    stopping: Stopping | None = None,
    extra: Sequence[Any] = (),
    written: list[Snapshot] | None = None,
    layers: Sequence[dict[str, Any]] = LAYERS,
    **fields: Any,
) -> Trained:
    """Trains as an attempt does, without its buckets and reports."""
    described = {"loss": "SparseCategoricalCrossentropy", "optimizer": "Adam", "callbacks": CALLBACKS, **fields}
    spec = Training.model_validate({**described, "epochs": epochs, "batchSize": 16, "metrics": ["accuracy"]})
    shape = list(TRAIN.features.shape[1:])
    model = network.build(
        Network.model_validate({"input": {"shape": shape}, "layers": list(layers)}), seed=spec.seed, memory=1 << 30
    )
    compile_model(model, spec)
    check_labels(model, spec, TRAIN.labels)
    scratch.mkdir(exist_ok=True)
    files = Files(scratch, ["callbacks"], scratch / "staging")
    user = [*callbacks.build(spec.callbacks, folder=scratch / "callbacks"), *extra]
    facts = Facts(samples=50, batch_size=16, steps=STEPS, seed=spec.seed, optimizer={}, data={})
    writer = Writer((written if written is not None else []).append)
    checkpointer = None
    if kind is not None:
        checkpointer = kind(
            spec.checkpoint,
            model=model,
            callbacks=user,
            files=files,
            writer=writer,
            facts=facts,
            attempt=1,
            versions={},
        )
    watch = Watch(
        epochs=epochs,
        steps=steps_per_epoch(50, 16),
        stopping=stopping or Stopping(),
        on_epoch=lambda _: None,
        on_step=lambda *_: None,
        checkpointer=checkpointer,
    )
    if start is not None:
        files.put_back(start.files)
    try:
        train.fit(model, spec, train=TRAIN, validation=VALIDATION, callbacks=user, watch=watch, start=start)
    finally:
        writer.flush(10)
        writer.close()
    taken = checkpointer.taken if isinstance(checkpointer, Recorder) else []
    return Trained(model.get_weights(), watch.history, scratch, taken)


def assert_same(one: Trained, other: Trained) -> None:
    for here, there in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(here, there)
    assert one.figures() == other.figures()
    logs = [(trained.scratch / "callbacks/log.csv").read_text() for trained in (one, other)]
    assert logs[0] == logs[1]
    models = [keras.saving.load_model(trained.scratch / "callbacks/best.keras") for trained in (one, other)]
    for here, there in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(here, there)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return run(tmp_path_factory.mktemp("whole"))


def test_taking_checkpoints_changes_nothing(whole: Trained, tmp_path: Path) -> None:
    assert_same(run(tmp_path, kind=None), whole)
    assert len(csv.DictReader((tmp_path / "callbacks/log.csv").read_text().splitlines()).fieldnames or []) == 6
    assert [epoch.learning_rate for epoch in whole.history] != [whole.history[0].learning_rate] * 3


@pytest.mark.parametrize(
    "position",
    [
        Position(epoch=0, step=0, begun=True),
        Position(epoch=0, step=3, begun=True),
        Position(epoch=1, step=2, begun=True),
        Position(epoch=1, step=STEPS, begun=True),
        Position(epoch=2),
        Position(epoch=3),
    ],
    ids=["first step", "last step", "middle", "validation", "end of an epoch", "end of the training"],
)
def test_it_goes_on_from(position: Position, whole: Trained, tmp_path: Path) -> None:
    store = Store(FolderBucket(tmp_path), "job", tmp_path / "scratch")
    store.write(whole.at(position))
    start = store.newest()
    assert start is not None
    assert_same(run(tmp_path / "resumed", start=start), whole)
