import weakref
from typing import Any, NamedTuple

import keras
import pytest
from epochal_api.trainingjob.training import Training
from epochal_trainer.checkpoint import Position
from epochal_trainer.lib.signals import Stopping, Terminated
from epochal_trainer.reporting.best import Monitor
from epochal_trainer.reporting.history import Epoch
from epochal_trainer.training.progress import Progress


def training(epochs: int) -> Training:
    return Training.model_validate({"loss": "mse", "epochs": epochs})


class Kept:
    """Stands for what validation will change, which may be as large as the network."""

    def put_back(self) -> None:
        """See BeforeValidation."""


class Taken(NamedTuple):
    """Stands for a checkpoint."""

    position: Position
    kept: Kept | None

    def changed(self, **_: Any) -> "Taken":
        """See Snapshot."""
        return self


class Checkpointer:
    """Takes a checkpoint, and looks what is in memory beside it."""

    def __init__(self) -> None:
        self.kept: weakref.ref[Kept] | None = None
        self.stored: list[Any] = []
        self.best: list[int] = []

    def before_validation(self) -> Kept:
        kept = Kept()
        self.kept = weakref.ref(kept)
        return kept

    def due_within(self) -> bool:
        return False

    def due_after(self, epoch: int) -> bool:
        return epoch == 3

    def keep_best(self, epoch: int) -> None:
        self.best.append(epoch)

    def check(self) -> None:
        pass

    def capture(self, position: Any, *_: Any, **__: Any) -> Any:
        return Taken(position, None if self.kept is None else self.kept())

    def store(self, snapshot: Any) -> None:
        self.stored.append(snapshot)


def test_who_is_told_to_stop_while_it_validates_keeps_one_copy_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping, checkpointer = Stopping(), Checkpointer()
    progress = Progress(
        training(2),
        steps=5,
        stopping=stopping,
        monitor=Monitor("loss"),
        on_epoch=lambda _: None,
        on_step=lambda *_: None,
        checkpointer=checkpointer,  # type: ignore[arg-type]
    )
    progress.on_test_begin()
    progress.on_test_batch_begin(0)
    monkeypatch.setattr(Stopping, "requested", True)
    with pytest.raises(Terminated):
        progress.on_test_batch_begin(1)
    ((position, kept),) = checkpointer.stored
    assert (position.epoch, position.step, kept) == (0, 5, None)


@pytest.mark.parametrize(
    ("before", "lost", "ends"),
    [
        (None, None, "best"),
        (0.75, None, "best"),
        (0.25, None, "best since epoch 3"),
        (None, 0.75, "best"),
        (0.75, 0.25, "best since epoch 3"),
    ],
)
def test_the_log_calls_no_epoch_the_best_that_is_not(
    caplog: pytest.LogCaptureFixture, before: float | None, lost: float | None, ends: str
) -> None:
    progress = Progress(
        training(4),
        steps=5,
        stopping=Stopping(),
        monitor=Monitor("loss"),
        on_epoch=lambda _: None,
        on_step=lambda *_: None,
        without_weights=[value for value in (before, lost) if value is not None],
    )
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    progress.set_model(model)
    progress.history += [Epoch(number, 1.0, None, {"loss": 0.25}, comparable=False) for number in (1, 2)]
    with caplog.at_level("INFO"):
        progress.on_epoch_end(2, {"loss": 0.5})
        progress.on_epoch_end(3, {"loss": 0.625})
    assert [ends in line for line in caplog.messages] == [True, False]
    assert f"  loss 0.5  {ends}" in caplog.messages[0]


def test_the_weights_of_each_best_epoch_are_kept_whether_or_not_a_checkpoint_is_due() -> None:
    """A later checkpoint has the weights of the best epoch, which may be one without a checkpoint."""
    checkpointer = Checkpointer()
    progress = Progress(
        training(9),
        steps=5,
        stopping=Stopping(),
        monitor=Monitor("loss"),
        on_epoch=lambda _: None,
        on_step=lambda *_: None,
        checkpointer=checkpointer,  # type: ignore[arg-type]
    )
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    progress.set_model(model)
    for epoch, loss in enumerate([0.75, 0.25, 0.5, 0.125]):
        progress.on_epoch_end(epoch, {"loss": loss})
        progress.last.on_epoch_end(epoch)
    assert checkpointer.best == [1, 2, 4]
    assert [taken.position.epoch for taken in checkpointer.stored] == [3]
