import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, pairwise
from unittest.mock import Mock

import pytest
from epochal_api.trainingjob.report import Waiting
from epochal_trainer.lib.failures import Failure, bad_spec, refused
from epochal_trainer.storage import Patience, Waits
from epochal_trainer.storage import patience as module
from epochal_trainer.storage.patience import JITTER, _jitter


@dataclass
class Clock(Waits):
    """Time that passes only while it is waited for."""

    now: float = 100.0
    pauses: list[float] = field(default_factory=list)
    told: list[Waiting | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.told.append)

    def read(self) -> float:
        return self.now

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.now += seconds
        return False

    def patience(self, seconds: float) -> Patience:
        return Patience(seconds, waits=self, clock=self.read, jitter=lambda: 1.0)


def passing(error: Exception) -> Failure | None:
    return bad_spec("EndpointUnreachable", str(error)) if isinstance(error, ConnectionError) else None


def call_until(clock: Clock, patience: float, succeeds_at: float) -> list[float]:
    tries = []

    def call() -> list[float]:
        tries.append(clock.now)
        if clock.now < succeeds_at:
            raise ConnectionError(f"at {clock.now}")
        return tries

    return clock.patience(patience).persevere(call, passing)


def test_a_call_that_succeeds_is_not_waited_for() -> None:
    clock = Clock()
    assert call_until(clock, 20, 0) == [100]
    assert clock.pauses == []
    assert clock.told == []


def test_pauses_grow_to_a_quarter_of_a_minute() -> None:
    tries = call_until(Clock(), 3600, 150)
    assert [after - before for before, after in pairwise(tries)] == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_it_ends_in_time_with_the_last_error_and_how_long_it_took() -> None:
    clock = Clock()
    words = r"at 120\.0; tried for 20s, as long as spec\.storage\.timeoutSeconds says"
    with pytest.raises(Failure, match=words) as caught:
        call_until(clock, 20, 1000)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert (caught.value.reason, caught.value.exit_code) == ("EndpointUnreachable", 64)
    assert clock.now == 120


def test_patience_counts_from_the_first_error() -> None:
    clock = Clock()
    tries = []

    def call() -> None:
        tries.append(clock.now)
        clock.now += 30  # so long a download goes well
        raise ConnectionError(f"at {clock.now}")

    with pytest.raises(Failure, match=r"tried for 1m32s"):
        clock.patience(60).persevere(call, passing)
    assert tries == [100, 130.5, 161.5]


def test_no_patience_is_one_try() -> None:
    clock = Clock()
    with pytest.raises(Failure):
        call_until(clock, 0, 1000)
    assert clock.pauses == []


def test_an_error_that_does_not_pass_ends_it_at_once() -> None:
    clock = Clock()

    def call() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        clock.patience(20).persevere(call, passing)
    assert clock.pauses == []


def test_it_is_told_what_is_waited_for_and_when_it_goes_on() -> None:
    clock = Clock()
    call_until(clock, 3600, 110)
    first, *others, last = clock.told
    assert first is not None
    assert (first.reason, first.message) == ("EndpointUnreachable", "at 101.5")
    assert last is None
    assert {other.since for other in others if other} == {first.since}


def test_a_moment_is_not_worth_a_word() -> None:
    clock = Clock()
    call_until(clock, 3600, 100.5)
    assert clock.told == []


def test_who_gives_up_does_not_tell_of_an_answer() -> None:
    clock = Clock()
    with pytest.raises(Failure):
        call_until(clock, 5, 1000)
    assert None not in clock.told
    call_until(clock, 5, 0)
    assert clock.told[-1] is None


def test_waiting_can_be_ended() -> None:
    clock = Clock()

    class Enough(BaseException):
        pass

    def check() -> None:
        if clock.now > 107:
            raise Enough

    patience = Patience(3600, check, clock, clock.read, lambda: 1.0)

    def call() -> None:
        raise ConnectionError

    with pytest.raises(Enough):
        patience.persevere(call, passing)
    assert clock.now < 108
    assert None not in clock.told


def test_who_gets_an_answer_wakes_the_others() -> None:
    waits = Waits()
    waits.begin("us", bad_spec("EndpointUnreachable", "refused"), 1)
    threading.Timer(0.2, waits.end, ["us"], {"answered": True}).start()
    assert waits.pause(10)


def test_jitter_makes_pauses_shorter_only() -> None:
    found = [_jitter() for _ in range(100)]
    assert 1 - JITTER <= min(found) < max(found) <= 1


SILENCE = bad_spec("EndpointUnreachable", "no answer so far")


@pytest.mark.parametrize("errors", [0, 1])
def test_a_first_try_that_takes_long_is_told(monkeypatch: pytest.MonkeyPatch, errors: int) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.0)
    said, clock, tries = threading.Event(), Clock(), count()

    def tell(waiting: Waiting | None) -> None:
        clock.told.append(waiting)
        said.set()

    monkeypatch.setattr(clock, "_report", tell)

    def call() -> str:
        assert said.wait(10)
        if next(tries) < errors:
            raise ConnectionError("refused")
        return "here"

    assert clock.patience(20).persevere(call, passing, SILENCE) == "here"
    messages = ["no answer so far", *["refused"] * errors]
    assert [waiting and waiting.message for waiting in clock.told] == [*messages, None]


def test_a_first_try_that_succeeds_soon_is_not_told_of_later() -> None:
    clock = Clock()
    assert clock.patience(20).persevere(lambda: "here", passing, SILENCE) == "here"
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert clock.told == []


GONE = bad_spec("EndpointUnreachable", "cannot read x")
FULL = refused("ResultsNotWritable", "no room")


def test_it_waits_while_anyone_does(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Waiting | None] = []
    waits = Waits(told.append)
    with caplog.at_level("INFO"):
        waits.begin("a", GONE, 2)
        waits.begin("b", FULL, 1)
        waits.end("a", answered=True)
        waits.begin("b", FULL, 3)
        waits.end("b", answered=True)
    assert [waiting and waiting.reason for waiting in told] == ["EndpointUnreachable", "ResultsNotWritable", None]
    first, last = caplog.messages
    assert first == "Waiting for the storage: cannot read x"
    assert last.startswith("The storage answers again after 2.")


def test_what_is_waited_for_may_change(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Waiting | None] = []
    waits = Waits(told.append)
    waits.begin("a", GONE, 2)
    waits.begin("a", FULL, 7)
    before, after = told
    assert before is not None
    assert after is not None
    assert (after.reason, after.since) == ("ResultsNotWritable", before.since)
    assert len(caplog.messages) == 1


def test_an_outage_has_one_start_although_the_clock_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Waiting | None] = []
    waits = Waits(told.append)
    clock = Mock(wraps=datetime)
    monkeypatch.setattr(module, "datetime", clock)
    for who, hour in (("a", 13), ("b", 11), ("c", 12)):
        clock.now.return_value = datetime(2026, 1, 1, hour, tzinfo=UTC)
        waits.begin(who, GONE if who == "b" else FULL, 1)
    waits.end("a", answered=False)
    assert [waiting and waiting.reason for waiting in told] == [FULL.reason, GONE.reason]
    assert len({waiting.since for waiting in told if waiting}) == 1


def test_who_did_not_wait_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Waiting | None] = []
    Waits(told.append).end("a", answered=True)
    assert told == []
    assert caplog.messages == []


def test_giving_up_is_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Waiting | None] = []
    waits = Waits(told.append)
    waits.begin("a", GONE, 1)
    with caplog.at_level("INFO"):
        waits.end("a", answered=False)
    assert len(caplog.messages) == 1
    assert told[-1] is not None
    waits.end("who never waited", answered=True)
    assert told[-1] is None
