import signal
from collections.abc import Iterator

import pytest
from epochal_trainer.lib.signals import Terminated, TerminationRequest


@pytest.fixture
def termination_request() -> Iterator[TerminationRequest]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    listening = TerminationRequest()
    listening.listen()
    yield listening
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_raises_terminated(termination_request: TerminationRequest, number: signal.Signals) -> None:
    assert not termination_request.requested
    assert termination_request.seconds == 0
    with pytest.raises(Terminated):
        signal.raise_signal(number)
    assert termination_request.requested
    assert termination_request.seconds > 0


def test_deferred_signals_are_raised_by_check(termination_request: TerminationRequest) -> None:
    with termination_request.deferred():
        termination_request.check()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Terminated):
            termination_request.check()


def test_a_second_sigterm_is_ignored(termination_request: TerminationRequest) -> None:
    with pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)


def test_a_second_ctrl_c_raises_keyboard_interrupt(termination_request: TerminationRequest) -> None:
    with termination_request.deferred():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
