import threading
from collections.abc import Callable

import pytest
from epochal_trainer.checkpoint import Costs, Snapshot, Writer
from epochal_trainer.lib.failures import Failure, refused_failure
from epochal_trainer.lib.signals import Terminated

Make = Callable[..., Snapshot]


class Slow:
    """A writer that waits for a signal before each write."""

    def __init__(self) -> None:
        self.epochs: list[int] = []
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, snapshot: Snapshot) -> None:
        self.begun.release()
        self.go_on.acquire()
        self.epochs.append(snapshot.state.position.epoch)


def test_only_the_newest_checkpoint_waits(make: Make) -> None:
    slow = Slow()
    writer = Writer(slow, Costs())
    writer.put(make(1))
    slow.begun.acquire()
    for epoch in (2, 3, 4):
        writer.put(make(epoch))
    assert not writer.flush(0.01)
    slow.go_on.release(2)
    assert writer.flush(10)
    assert slow.epochs == [1, 4]
    writer.close()


def test_flush_without_a_checkpoint() -> None:
    writer = Writer(lambda _: None, Costs())
    assert writer.flush(0)
    writer.check()
    writer.close()


@pytest.mark.parametrize(
    ("error", "raised"),
    [(refused_failure("Full", "no room"), Failure), (OSError("x"), OSError), (ValueError("x"), RuntimeError)],
)
def test_errors_are_raised_by_check(make: Make, error: Exception, raised: type[Exception]) -> None:
    def fail(_: Snapshot) -> None:
        raise error

    writer = Writer(fail, Costs())
    writer.put(make(1))
    assert not writer.flush(10)
    with pytest.raises(raised):
        writer.check()
    writer.put(make(2))
    assert not writer.flush(0)


def test_writes_are_retried_after_sigterm(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_trainer.checkpoint.writer._RETRY_SECONDS", 0.01)
    tries: list[int] = []

    def write(snapshot: Snapshot) -> None:
        tries.append(snapshot.state.position.epoch)
        if len(tries) < 3:
            raise Terminated

    writer = Writer(write, Costs())
    writer.put(make(1))
    assert writer.flush(10)
    assert tries == [1, 1, 1]
    writer.close()
