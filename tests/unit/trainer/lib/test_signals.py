import signal
from collections.abc import Iterator

import pytest
from epochal_trainer.lib.signals import Stopping, Terminated


@pytest.fixture
def stopping() -> Iterator[Stopping]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    listening = Stopping()
    listening.listen()
    yield listening
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_raises_terminated(stopping: Stopping, number: signal.Signals) -> None:
    assert not stopping.requested
    assert stopping.seconds == 0
    with pytest.raises(Terminated):
        signal.raise_signal(number)
    assert stopping.requested
    assert stopping.seconds > 0


def test_deferred_signals_are_raised_by_check(stopping: Stopping) -> None:
    with stopping.deferred():
        stopping.check()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Terminated):
            stopping.check()


def test_a_second_sigterm_is_ignored(stopping: Stopping) -> None:
    with pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)


def test_a_second_ctrl_c_raises_keyboard_interrupt(stopping: Stopping) -> None:
    with stopping.deferred():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
