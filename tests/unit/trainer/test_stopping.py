import signal
from collections.abc import Iterator

import pytest
from epochal_trainer.stopping import Stopping, Terminated


@pytest.fixture
def stopping() -> Iterator[Stopping]:
    before = signal.getsignal(signal.SIGTERM)
    listening = Stopping()
    listening.listen()
    yield listening
    signal.signal(signal.SIGTERM, before)


def test_it_stops_at_once(stopping: Stopping) -> None:
    with pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)


def test_it_stops_where_asked_to(stopping: Stopping) -> None:
    with stopping.deferred():
        stopping.check()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Terminated):
            stopping.check()


def test_a_second_signal_does_not_disturb_the_end(stopping: Stopping) -> None:
    with pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
