"""A training that resumes from a checkpoint ends like one that never stopped."""

import csv
import gc
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.report import ReportResponse
from epochal_api.trainingjob.training import Training
from epochal_trainer.checkpoint import (
    BestWeights,
    Checkpointer,
    Costs,
    Files,
    Position,
    ResumeFacts,
    Snapshot,
    Store,
    Writer,
    digest,
    variables,
)
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure
from epochal_trainer.lib.signals import TerminationRequest
from epochal_trainer.model import callbacks, network
from epochal_trainer.model.compile import compile_model, dry_run_metrics
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.finish_request import FinishRequest
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training import fit as keras_fit
from epochal_trainer.training.progress import Progress

from .conftest import terminated

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
    return Samples.single(features, features[:, 0, :3, 0].argmax(axis=1), "features", "labels")


TRAIN, VALIDATION = samples(50, 0), samples(20, 1)


def weighted(data: Samples) -> Samples:
    weights = np.random.default_rng(2).uniform(0, 3, len(data)).astype("float32")
    return data.with_weights(weights, "sample_weight")


class Recorder(Checkpointer):
    """Takes a checkpoint whenever it could, and keeps all."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.taken: list[Snapshot] = []

    def due_within(self) -> bool:
        return True

    def capture(self, position: Position, history: Sequence[Epoch], seconds: float) -> Snapshot:
        taken = super().capture(position, history, seconds)
        kept = {name: array.copy() for name, array in taken.arrays.items()}  # once written, they are used again
        self.taken.append(replace(taken, arrays=kept))
        return taken


class EpochRecorder(Recorder):
    """Takes a checkpoint when it is due, and keeps all."""

    def due_within(self) -> bool:
        return False


@dataclass
class Trained:
    weights: list[np.ndarray[Any, Any]]
    history: list[Epoch]
    scratch: Path
    taken: list[Snapshot]
    digest: str
    best: tuple[int, str] | None
    """The best epoch, and the digest of its kept weights."""
    finished_early: bool
    stopped: bool

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
    termination_request: TerminationRequest | None = None,
    extra: Sequence[Any] = (),
    written: list[Snapshot] | None = None,
    layers: Sequence[dict[str, Any]] = LAYERS,
    code: Callable[[], keras.Model] | None = None,
    finish: FinishRequest | None = None,
    train: Samples = TRAIN,
    validation: Samples = VALIDATION,
    **fields: Any,
) -> Trained:
    """Trains as an attempt does, without its buckets and reports."""
    described = {"loss": "SparseCategoricalCrossentropy", "optimizer": "Adam", "callbacks": CALLBACKS, **fields}
    spec = Training.model_validate({**described, "epochs": epochs, "batchSize": 16, "metrics": ["accuracy"]})
    if code is None:
        shape = list(TRAIN.features.shape[1:])
        described_network = Network.model_validate({"input": {"shape": shape}, "layers": list(layers)})
        model = network.build(described_network, seed=spec.seed, memory=1 << 30, training=spec)
    else:
        keras.utils.set_random_seed(spec.seed)
        model = code()
    compile_model(model, spec)
    dry_run_metrics(model, spec, TRAIN.labels)
    scratch.mkdir(exist_ok=True)
    files = Files(scratch, ["callbacks"], scratch / "staging")
    steps = spec.steps_per_epoch or STEPS
    user = [*callbacks.build(spec.callbacks, folder=scratch / "callbacks"), *extra]
    facts = ResumeFacts(
        samples=50,
        batch_size=16,
        steps=steps,
        seed=spec.seed,
        optimizer={},
        data={},
        loss={},
        callbacks=[],
        training_digest="0" * 64,
    )
    costs = Costs()
    best = BestWeights(model, user, costs)
    writer = Writer((written if written is not None else []).append, costs)
    checkpointer = None
    if kind is not None:
        checkpointer = kind(
            spec.checkpoint,
            model=model,
            callbacks=user,
            files=files,
            writer=writer,
            costs=costs,
            facts=facts,
            attempt=1,
            versions={},
            best_weights=best,
        )
    progress = Progress(
        spec,
        steps=steps,
        termination_request=termination_request or TerminationRequest(),
        monitor=Monitor("loss", "Max"),  # an early epoch is the best: its weights have a long way to go
        on_epoch=lambda _: None,
        on_step=lambda *_: None,
        checkpointer=checkpointer,
        finish=finish,
    )
    if start is not None:
        files.restore(start.files)
    try:
        keras_fit.fit_or_resume(
            model, spec, train=train, validation=validation, callbacks=user, progress=progress, snapshot=start
        )
    finally:
        writer.flush(10)
        writer.close()
        for callback in user:
            if isinstance(callback, keras.callbacks.CSVLogger):
                callback.on_train_end()  # which who is told to stop leaves out
    taken = checkpointer.taken if isinstance(checkpointer, Recorder) else []
    kept = (best.kept.epoch, best.kept.digest()) if best.kept else None
    ends = progress.finished_early, progress.stopped
    return Trained(model.get_weights(), progress.history, scratch, taken, digest(model), kept, *ends)


def assert_same(one: Trained, other: Trained) -> None:
    for here, there in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(here, there)
    assert one.figures() == other.figures()
    assert one.best == other.best
    logs = [(trained.scratch / "callbacks/log.csv").read_text() for trained in (one, other)]
    assert logs[0] == logs[1]
    models = [keras.saving.load_model(trained.scratch / "callbacks/best.keras") for trained in (one, other)]
    for here, there in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(here, there)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return run(tmp_path_factory.mktemp("uninterrupted"))


def test_taking_checkpoints_changes_nothing(uninterrupted: Trained, tmp_path: Path) -> None:
    assert_same(replace(run(tmp_path, kind=None), best=uninterrupted.best), uninterrupted)
    assert len(csv.DictReader((tmp_path / "callbacks/log.csv").read_text().splitlines()).fieldnames or []) == 6
    assert [epoch.learning_rate for epoch in uninterrupted.history] != [uninterrupted.history[0].learning_rate] * 3


@pytest.mark.parametrize(
    "position",
    [
        Position(epoch=0, step=0, begun=True),
        Position(epoch=0, step=3, begun=True),
        Position(epoch=1),
        Position(epoch=1, step=2, begun=True),
        Position(epoch=1, step=STEPS, begun=True),
        Position(epoch=2),
        Position(epoch=3),
    ],
    ids=["first step", "last step", "best epoch", "middle", "validation", "end of an epoch", "end of the training"],
)
def test_a_training_resumes_from(position: Position, uninterrupted: Trained, tmp_path: Path) -> None:
    store = Store(FolderBucket(tmp_path), "job", tmp_path / "scratch")
    store.write(uninterrupted.at(position))
    start = store.newest()
    assert start is not None
    assert_same(run(tmp_path / "resumed", start=start), uninterrupted)


@pytest.mark.parametrize("epoch", [2, 3])
def test_without_the_best_weights_the_best_later_epoch_is_kept(
    uninterrupted: Trained, tmp_path: Path, epoch: int
) -> None:
    store = Store(FolderBucket(tmp_path), "job", tmp_path / "scratch")
    taken = uninterrupted.at(Position(epoch=epoch))
    assert taken.best_weights is not None
    store.write(taken)
    (tmp_path / "job/checkpoints/files" / taken.best_weights.file(tmp_path).sha256).unlink()
    start = store.newest()
    assert start is not None
    assert start.newly_lost_best_epoch == 1
    best = max(uninterrupted.history[epoch - 1 :], key=lambda each: each.metrics["loss"]).number
    expected = replace(uninterrupted, best=(best, digest_after(best, tmp_path / "as it was")))
    assert_same(run(tmp_path / "resumed", start=start), expected)


def test_the_best_weights_are_the_validated_weights(uninterrupted: Trained, tmp_path: Path) -> None:
    assert uninterrupted.best is not None
    epoch, kept = uninterrupted.best
    assert epoch < 3
    assert digest_after(epoch, tmp_path / "raw") == kept
    averaged: dict[str, Any] = {"optimizer": {"name": "SGD", "momentum": 0.9, "use_ema": True}, "layers": DENSE}
    for swap in (SWAP, {**SWAP, "swap_on_epoch": False}):
        fields = {**averaged, "callbacks": [swap, *CALLBACKS[2:]]}
        one = run(tmp_path / str(swap["swap_on_epoch"]), **fields)
        assert one.best is not None
        assert one.best[1] == digest_after(one.best[0], tmp_path / f"{swap['swap_on_epoch']} again", **fields)


def digest_after(epochs: int, scratch: Path, **fields: Any) -> str:
    """Returns the digest of Keras' weights after so many epochs, without callbacks that restore others."""
    fields = {"callbacks": CALLBACKS[1:]} | fields
    return run(scratch, epochs=epochs, **fields).digest


DENSE: list[dict[str, Any]] = [{"layer": "Flatten"}, {"layer": "Dense", "units": 3, "activation": "softmax"}]
SWAP = {"callback": "SwapEMAWeights", "swap_on_epoch": True}
WRITERS: list[dict[str, Any]] = [
    {"callback": "BackupAndRestore", "backup_dir": "backup"},
    {"callback": "TensorBoard", "update_freq": 2, "histogram_freq": 1},
    *CALLBACKS[2:],
]


MIXED: list[dict[str, Any]] = [
    DENSE[0],
    {"layer": "Dense", "units": 8, "dtype": "bfloat16"},
    {**DENSE[1], "dtype": "mixed_float16"},
]


def stateful() -> keras.Model:
    """Returns a network of recurrent layers that keep their states from batch to batch."""
    inputs = keras.Input(batch_shape=(16, 5, 5, 1))
    images = keras.layers.ConvLSTM1D(2, 2, stateful=True, return_sequences=True)(inputs)
    rows = keras.layers.TimeDistributed(keras.layers.Flatten())(images)
    lstm = keras.layers.LSTM(4, stateful=True, return_sequences=True, dropout=0.2)
    both = keras.layers.Bidirectional(lstm)(rows)
    cells = [keras.layers.GRUCell(3), keras.layers.SimpleRNNCell(4)]
    last = keras.layers.RNN(cells, stateful=True)(both)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(last))


BEST_OF_STEPS = {
    "callback": "ModelCheckpoint",
    "filepath": "best.keras",
    "monitor": "loss",
    "save_best_only": True,
    "save_freq": STEPS,
}
SCALED = {"name": "LossScaleOptimizer", "inner_optimizer": {"name": "Adam"}}


@pytest.mark.parametrize(
    ("fields", "positions"),
    [
        (
            {"optimizer": {"name": "SGD", "momentum": 0.9, "use_ema": True}, "callbacks": [SWAP, *CALLBACKS[2:]]},
            [Position(epoch=0, step=STEPS, begun=True), Position(epoch=1)],
        ),
        (
            {"optimizer": {"name": "Nadam", "gradient_accumulation_steps": 3}, "callbacks": WRITERS},
            [Position(epoch=0, step=1, begun=True)],
        ),
        ({"optimizer": SCALED, "layers": MIXED}, [Position(epoch=0, step=2, begun=True)]),
        ({"callbacks": [BEST_OF_STEPS, *CALLBACKS[2:]]}, [Position(epoch=1)]),
        (
            {
                "stepsPerEpoch": STEPS - 1,
                "validationEveryEpochs": 2,
                "jitCompile": True,
                "callbacks": [CALLBACKS[2], {**CALLBACKS[3], "monitor": "loss"}],
            },
            [Position(epoch=0, step=1, begun=True), Position(epoch=1, step=2, begun=True)],
        ),
        (
            {"code": stateful, "train": samples(48, 0), "validation": samples(32, 1), "stepsPerEpoch": 3},
            [Position(epoch=0, step=2, begun=True), Position(epoch=0, step=3, begun=True), Position(epoch=1)],
        ),
    ],
    ids=[
        "averaged weights",
        "Nadam, accumulated gradients and files",
        "small types",
        "the best of steps",
        "short epochs",
        "states of recurrent layers",
    ],
)
def test_a_training_resumes_with(fields: dict[str, Any], positions: list[Position], tmp_path: Path) -> None:
    fields = {"layers": DENSE, "callbacks": CALLBACKS[2:], **fields}
    one = run(tmp_path / "uninterrupted", epochs=2, **fields)
    store = Store(FolderBucket(tmp_path), "job", tmp_path / "scratch")
    for position in positions:
        store.write(one.at(position))
        assert_same(run(tmp_path / f"{position.step}", epochs=2, start=store.newest(), **fields), one)


@pytest.mark.parametrize(
    "position",
    [Position(epoch=0, step=3, begun=True), Position(epoch=0, step=STEPS, begun=True), Position(epoch=1)],
    ids=["last step", "validation", "end of an epoch"],
)
def test_sample_weights_apply_after_a_resume(position: Position, tmp_path: Path) -> None:
    given: dict[str, Any] = {"layers": DENSE, "train": weighted(TRAIN), "validation": weighted(VALIDATION), "epochs": 2}
    one = run(tmp_path / "uninterrupted", **given)
    assert one.figures() != run(tmp_path / "plain", layers=DENSE, epochs=2).figures()
    store = Store(FolderBucket(tmp_path), "job", tmp_path / "scratch")
    store.write(one.at(position))
    assert_same(run(tmp_path / "resumed", start=store.newest(), **given), one)


def test_all_seed_generators_are_stored() -> None:
    layers: list[dict[str, Any]] = [
        {"layer": "RandAugment", "value_range": [0, 1]},
        {"layer": "AugMix", "value_range": [0, 1]},
        {"layer": "Reshape", "target_shape": [64, 3]},
        {"layer": "Bidirectional", "wrapped": {"layer": "LSTM", "units": 4, "dropout": 0.5, "return_sequences": True}},
        {"layer": "TimeDistributed", "wrapped": {"layer": "GaussianNoise", "stddev": 0.1}},
        {"layer": "GRU", "units": 4, "recurrent_dropout": 0.5},
        {"layer": "AlphaDropout", "rate": 0.1},
        {"layer": "Dense", "units": 3},
    ]
    gc.collect()
    before = {id(found) for found in gc.get_objects() if isinstance(found, keras.random.SeedGenerator)}
    described = Network.model_validate({"input": {"shape": [8, 8, 3]}, "layers": layers})
    model = network.build(described, seed=1, memory=1 << 30)
    model.compile(optimizer="Adam", loss="mse")
    gc.collect()
    made = [
        found for found in gc.get_objects() if isinstance(found, keras.random.SeedGenerator) and id(found) not in before
    ]
    taken = {id(variable) for members in variables.groups(model).values() for variable in members}
    reachable = [generator for generator in made if id(generator.state) not in taken]
    assert len(made) > 10
    assert reachable == []


def test_a_stop_by_a_callback_is_kept(tmp_path: Path) -> None:
    stop = {
        "callback": "EarlyStopping",
        "monitor": "val_loss",
        "min_delta": 100,
        "patience": 1,
        "restore_best_weights": True,
    }
    fields: dict[str, Any] = {"layers": DENSE, "callbacks": [stop, *CALLBACKS[2:]], "epochs": 5}
    one = run(tmp_path / "uninterrupted", **fields)
    assert len(one.history) == 2
    resumed = run(tmp_path / "resumed", start=one.at(Position(epoch=2)), **fields)
    assert_same(resumed, one)
    assert resumed.taken == []


ASKED = ReportResponse(message="applied", finish=True)


class AskAt(keras.callbacks.Callback):  # type: ignore[misc]
    """Requests `finish` at a step of an epoch, like an answer of the operator."""

    def __init__(self, finish: FinishRequest, epoch: int, answer: ReportResponse = ASKED) -> None:
        super().__init__()
        self.finish, self.at, self.epoch, self.answer = finish, (epoch, 1), 0, answer

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        del logs
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        del logs
        if (self.epoch, batch) == self.at:
            self.finish.update(self.answer)


AVERAGED: dict[str, Any] = {
    "optimizer": {"name": "SGD", "momentum": 0.9, "use_ema": True},
    "callbacks": [SWAP, *CALLBACKS[2:]],
    "layers": DENSE,
}
RESTORING: dict[str, Any] = {"callbacks": CALLBACKS}
SCHEDULED: dict[str, Any] = {
    "optimizer": {
        "name": "SGD",
        "learning_rate": {"name": "CosineDecay", "initial_learning_rate": 0.1, "decay_steps": 16},
    },
    "callbacks": CALLBACKS[2:],
}
FIELDS = {"restored weights": RESTORING, "averaged weights": AVERAGED, "scheduled rate": SCHEDULED}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Trained]:
    """Returns a function that trains with FIELDS of a name for so many epochs, once."""

    @cache
    def train(name: str, epochs: int) -> Trained:
        return run(tmp_path_factory.mktemp("undisturbed"), epochs=epochs, **FIELDS[name])

    return train


@pytest.mark.parametrize("name", ["restored weights", "averaged weights"])
def test_a_continued_training_is_the_same_as_one_with_all_epochs(
    name: str, tmp_path: Path, undisturbed: Callable[[str, int], Trained]
) -> None:
    fewer = run(tmp_path / "fewer", epochs=2, **FIELDS[name])
    again = run(tmp_path / "continued", epochs=4, start=fewer.taken[-1], **FIELDS[name])
    assert_same(again, undisturbed(name, 4))


@pytest.mark.parametrize("name", ["restored weights", "averaged weights"])
def test_a_part_has_the_weights_of_its_last_epoch(
    name: str, tmp_path: Path, undisturbed: Callable[[str, int], Trained]
) -> None:
    written: list[Snapshot] = []
    stopped = run(tmp_path / "stopped", epochs=4, stopAfterEpoch=2, written=written, **FIELDS[name])
    assert_same(stopped, undisturbed(name, 2))

    store = Store(FolderBucket(tmp_path), "job", tmp_path / "scratch")
    store.write(written[-1])
    again = run(tmp_path / "again", epochs=4, stopAfterEpoch=2, start=store.newest(), **FIELDS[name])
    assert_same(again, stopped)


@pytest.mark.parametrize("name", ["restored weights", "averaged weights"])
def test_a_training_with_finish_is_the_same_as_one_with_fewer_epochs(
    name: str, tmp_path: Path, undisturbed: Callable[[str, int], Trained]
) -> None:
    fields, fewer = FIELDS[name], undisturbed(name, 2)
    finish = FinishRequest()
    early = run(tmp_path / "early", epochs=5, finish=finish, extra=[AskAt(finish, epoch=1)], **fields)
    assert_same(early, fewer)
    assert (early.finished_early, fewer.finished_early) == (True, False)

    # A training killed before its results were stored finishes without another request.
    store = Store(FolderBucket(tmp_path), "job", tmp_path / "scratch")
    written: list[Snapshot] = []
    finish = FinishRequest()
    run(tmp_path / "again", epochs=5, finish=finish, extra=[AskAt(finish, epoch=1)], written=written, **fields)
    assert (written[-1].state.position, written[-1].state.finished_early) == (Position(epoch=2), True)
    store.write(written[-1])
    resumed = run(tmp_path / "resumed", epochs=5, start=store.newest(), **fields)
    assert_same(resumed, fewer)
    assert resumed.finished_early


@pytest.mark.parametrize("name", ["restored weights", "averaged weights"])
@pytest.mark.parametrize(
    "position", [Position(epoch=2), Position(epoch=1, step=2, begun=True)], ids=["end of an epoch", "middle"]
)
def test_an_attempt_that_starts_with_finish(
    name: str, position: Position, tmp_path: Path, undisturbed: Callable[[str, int], Trained]
) -> None:
    fields, fewer, uninterrupted = FIELDS[name], undisturbed(name, 2), undisturbed(name, 4)
    store = Store(FolderBucket(tmp_path), "job", tmp_path / "scratch")
    store.write(uninterrupted.at(position))
    written: list[Snapshot] = []
    early = run(
        tmp_path / "early",
        epochs=4,
        start=store.newest(),
        finish=FinishRequest(requested=True),
        written=written,
        **fields,
    )
    assert_same(early, fewer)
    assert early.finished_early
    assert written[-1].state.finished_early, "what was decided is stored before the results are"


def test_finish_before_the_first_epoch_trains_one_epoch(tmp_path: Path) -> None:
    early = run(tmp_path / "early", epochs=4, layers=DENSE, finish=FinishRequest(requested=True))
    assert_same(early, run(tmp_path / "one", epochs=1, layers=DENSE))
    assert early.finished_early


def test_finish_trains_as_far_as_an_earlier_attempt(tmp_path: Path) -> None:
    finish = FinishRequest()
    finish.update(ReportResponse(message="applied", finish=True, finish_after_epoch=2))
    early = run(tmp_path / "early", epochs=4, layers=DENSE, finish=finish)
    assert_same(early, run(tmp_path / "two", epochs=2, layers=DENSE))


def test_a_withdrawn_finish_changes_nothing(uninterrupted: Trained, tmp_path: Path) -> None:
    finish = FinishRequest(requested=True)
    back = AskAt(finish, epoch=0, answer=ReportResponse(message="applied", finish=False))
    trained = run(tmp_path, finish=finish, extra=[back])
    assert_same(trained, uninterrupted)
    assert not trained.finished_early


@pytest.mark.parametrize("name", FIELDS)
def test_a_training_in_parts_is_the_same_as_one_that_never_stopped(
    name: str, tmp_path: Path, undisturbed: Callable[[str, int], Trained]
) -> None:
    fields, uninterrupted = FIELDS[name], undisturbed(name, 4)
    start, stopped = None, None
    for after in (1, 3):
        written: list[Snapshot] = []
        stopped = run(
            tmp_path / f"rung {after}", epochs=4, start=start, stopAfterEpoch=after, written=written, **fields
        )
        assert (stopped.stopped, stopped.finished_early, len(stopped.history)) == (True, False, after)
        assert not written[-1].state.stop_training, "who goes on from there was never stopped"
        store = Store(FolderBucket(tmp_path), f"job {after}", tmp_path / "scratch")
        store.write(written[-1])
        start = store.newest()
    last = run(tmp_path / "last", epochs=4, start=start, **fields)
    assert_same(last, uninterrupted)
    assert not last.stopped


def test_a_part_killed_before_its_results_stops_at_the_same_epoch(tmp_path: Path) -> None:
    written: list[Snapshot] = []
    stopped = run(tmp_path / "stopped", epochs=4, stopAfterEpoch=2, written=written)
    store = Store(FolderBucket(tmp_path), "job", tmp_path / "scratch")
    store.write(written[-1])
    again = run(tmp_path / "again", epochs=4, stopAfterEpoch=2, start=store.newest())
    assert_same(again, stopped)
    assert again.stopped


def test_a_callback_that_ends_the_last_epoch_of_a_part_ends_the_training(tmp_path: Path) -> None:
    ends = [{"callback": "EarlyStopping", "monitor": "loss", "mode": "max", "patience": 1}]
    ended = run(tmp_path, epochs=4, stopAfterEpoch=2, layers=DENSE, callbacks=[*ends, *CALLBACKS[2:]])
    assert len(ended.history) == 2
    assert not ended.stopped


class SignalAt(keras.callbacks.Callback):  # type: ignore[misc]
    """Sends a signal at a step of the second epoch, or in its validation."""

    def __init__(self, *, train: int = -1, test: int = -1) -> None:
        super().__init__()
        self.train, self.test, self.epoch = train, test, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        del logs
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        del logs
        if (self.epoch, batch) == (1, self.train):
            signal.raise_signal(signal.SIGTERM)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        del logs
        if (self.epoch, batch) == (1, self.test):
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    ("at", "position"),
    [({"train": 1}, Position(epoch=1, step=2, begun=True)), ({"test": 0}, Position(epoch=1, step=STEPS, begun=True))],
    ids=["training", "validation"],
)
def test_sigterm_stores_a_checkpoint_of_the_current_step(
    tmp_path: Path, at: dict[str, int], position: Position, uninterrupted: Trained
) -> None:
    termination_request, written = TerminationRequest(), list[Snapshot]()
    with terminated(termination_request):
        run(
            tmp_path / "told",
            kind=Checkpointer,
            termination_request=termination_request,
            written=written,
            extra=[SignalAt(**at)],
        )
    assert written[-1].state.position == position
    for name, array in uninterrupted.at(position).arrays.items():
        np.testing.assert_array_equal(written[-1].arrays[name], array, err_msg=name)


def test_checkpoints_are_taken_at_the_ends_of_epochs(tmp_path: Path, uninterrupted: Trained) -> None:
    def ends(trained: Trained) -> list[int]:
        return [snapshot.state.position.epoch for snapshot in trained.taken if not snapshot.state.position.begun]

    assert ends(uninterrupted) == [1, 2, 3]
    assert ends(run(tmp_path, layers=DENSE, kind=EpochRecorder, checkpoint={"everyEpochs": 2})) == [2, 3]


@pytest.mark.parametrize("when", ["step", "epoch"])
def test_a_nan_loss_is_never_stored(tmp_path: Path, when: str) -> None:
    written: list[Snapshot] = []
    layers = [DENSE[0], {"layer": "Dense", "units": 4}, {"layer": "Dense", "units": 4}, DENSE[1]]
    fields: dict[str, Any] = {
        "layers": layers,
        "optimizer": {"name": "SGD", "learning_rate": 1e30},
        "callbacks": [],
    }
    kind = Recorder if when == "step" else EpochRecorder
    with pytest.raises(Failure, match="after step" if when == "step" else "after epoch 1"):
        run(tmp_path, kind=kind, written=written, **fields)
    assert all(snapshot.state.position.epoch == 0 for snapshot in written)
    assert len(run(tmp_path, terminateOnNaN=False, **fields).history) == 3
