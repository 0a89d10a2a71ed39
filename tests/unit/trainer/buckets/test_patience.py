from dataclasses import dataclass, field

import pytest
from epochal_trainer.buckets import Patience


@dataclass
class Clock:
    now: float = 100.0
    pauses: list[float] = field(default_factory=list)

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def call_until(clock: Clock, patience: float, succeeds_at: float) -> float:
    def call() -> float:
        if clock.now < succeeds_at:
            raise ConnectionError(f"at {clock.now}")
        return clock.now

    return Patience(patience, clock.read, clock.sleep).persevere(call, lambda error: isinstance(error, ConnectionError))


def test_a_call_that_succeeds_is_not_waited_for() -> None:
    clock = Clock()
    assert call_until(clock, 20, 0) == 100
    assert clock.pauses == []


def test_pauses_grow_to_five_seconds() -> None:
    clock = Clock()
    assert call_until(clock, 60, 115) == 117.5
    assert clock.pauses == [0.5, 1, 2, 4, 5, 5]


def test_it_ends_in_time_with_the_last_error() -> None:
    clock = Clock()
    with pytest.raises(ConnectionError, match=r"at 117\.5"):
        call_until(clock, 20, 1000)
    assert clock.now <= 120


def test_no_patience_is_one_try() -> None:
    clock = Clock()
    with pytest.raises(ConnectionError):
        call_until(clock, 0, 1000)
    assert clock.pauses == []


def test_an_error_that_does_not_pass_ends_it_at_once() -> None:
    clock = Clock()

    def call() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        Patience(20, clock.read, clock.sleep).persevere(call, lambda error: isinstance(error, ConnectionError))
    assert clock.pauses == []
