import weakref
from types import SimpleNamespace
from typing import Any, NamedTuple

import keras
import pytest
from epochal_api.trainingjob.training import Training
from epochal_trainer.checkpoint import Position
from epochal_trainer.lib.signals import Terminated, TerminationRequest
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.training.progress import Progress


class FakeBackup:
    """Replaces the backup of the state that a validation changes."""

    def restore(self) -> None:
        """See ValidationBackup."""


class FakeSnapshot(NamedTuple):
    """A checkpoint, and the backup that is in memory at the same time."""

    position: Position
    backup: FakeBackup | None

    def changed(self, **_: Any) -> "FakeSnapshot":
        """See Snapshot."""
        return self


class FakeCheckpointer:
    """Records checkpoints and best epochs."""

    def __init__(self) -> None:
        self.backup: weakref.ref[FakeBackup] | None = None
        self.stored: list[Any] = []
        self.best: list[int] = []

    def before_validation(self) -> FakeBackup:
        backup = FakeBackup()
        self.backup = weakref.ref(backup)
        return backup

    def due_within(self) -> bool:
        return False

    def due_after(self, epoch: int) -> bool:
        return epoch == 3

    def keep_best(self, epoch: int) -> None:
        self.best.append(epoch)

    def check(self) -> None:
        pass

    def capture(self, position: Any, *_: Any, **__: Any) -> Any:
        return FakeSnapshot(position, None if self.backup is None else self.backup())

    def store(self, snapshot: Any) -> None:
        self.stored.append(snapshot)


def make_progress(epochs: int, **arguments: Any) -> Progress:
    progress = Progress(
        Training.model_validate({"loss": "mse", "epochs": epochs}),
        steps=5,
        termination_request=TerminationRequest(),
        monitor=Monitor("loss"),
        on_epoch=lambda _: None,
        on_step=lambda *_: None,
        **arguments,
    )
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    progress.set_model(model)
    return progress


def test_stop_during_validation_frees_the_backup_before_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpointer = FakeCheckpointer()
    progress = make_progress(2, checkpointer=checkpointer)
    progress.on_test_begin()
    progress.on_test_batch_begin(0)
    monkeypatch.setattr(TerminationRequest, "requested", True)
    with pytest.raises(Terminated):
        progress.on_test_batch_begin(1)
    ((position, backup),) = checkpointer.stored
    assert (position.epoch, position.step, backup) == (0, 5, None)


@pytest.mark.parametrize("resumed", [False, True])
def test_the_stage_is_training_after_the_first_step(*, resumed: bool) -> None:
    progress = make_progress(3)
    first = 0
    if resumed:
        first = 3
        state = SimpleNamespace(finished_early=False, position=Position(epoch=1, step=3), seconds=1.0)
        progress.resume(SimpleNamespace(history=[Epoch(1, 1.0, None, {"loss": 0.25})], state=state))  # type: ignore[arg-type]
    found = []
    for step in (first, first + 1):
        progress.on_train_batch_begin(step)
        found.append({name: progress.step_fields().get(name, "as before") for name in ("stage", "start_stage")})
    assert found == [{"stage": "as before", "start_stage": "as before"}, {"stage": "Training", "start_stage": None}]


@pytest.mark.parametrize(
    ("better_values", "label"),
    [([], "best"), ([0.75], "best"), ([0.25], "best since epoch 3"), ([0.75, 0.25], "best since epoch 3")],
)
def test_label_of_the_best_epoch(caplog: pytest.LogCaptureFixture, better_values: list[float], label: str) -> None:
    progress = make_progress(4, values_without_weights=better_values)
    progress.history += [Epoch(number, 1.0, None, {"loss": 0.25}, eligible=False) for number in (1, 2)]
    with caplog.at_level("INFO"):
        progress.on_epoch_end(2, {"loss": 0.5})
        progress.on_epoch_end(3, {"loss": 0.625})
    assert [label in line for line in caplog.messages] == [True, False]
    assert f"  loss 0.5  {label}" in caplog.messages[0]


def test_best_weights_are_kept_without_a_checkpoint() -> None:
    """A later checkpoint has the weights of the best epoch, which may be one without a checkpoint."""
    checkpointer = FakeCheckpointer()
    progress = make_progress(9, checkpointer=checkpointer)
    for epoch, loss in enumerate([0.75, 0.25, 0.5, 0.125]):
        progress.on_epoch_end(epoch, {"loss": loss})
        progress.after_user_callbacks.on_epoch_end(epoch)
    assert checkpointer.best == [1, 2, 4]
    assert [snapshot.position.epoch for snapshot in checkpointer.stored] == [3]
