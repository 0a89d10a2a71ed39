import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count, pairwise
from unittest.mock import Mock

import pytest
from epochal_api.trainingjob.report import Waiting
from epochal_trainer.lib.failures import Failure, bad_spec, refused_failure
from epochal_trainer.storage import RetryPolicy, StorageWaits
from epochal_trainer.storage import retry as module
from epochal_trainer.storage.retry import JITTER, _jitter


@dataclass
class Clock(StorageWaits):
    """A clock that advances only during pauses."""

    now: float = 100.0
    pauses: list[float] = field(default_factory=list)
    reported: list[Waiting | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.reported.append)

    def read(self) -> float:
        return self.now

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.now += seconds
        return False

    def retry(self, seconds: float) -> RetryPolicy:
        return RetryPolicy(seconds, waits=self, clock=self.read, jitter=lambda: 1.0)


def temporary_failure(error: Exception) -> Failure | None:
    return bad_spec("EndpointUnreachable", str(error)) if isinstance(error, ConnectionError) else None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reported() -> list[Waiting | None]:
    return []


@pytest.fixture
def waits(reported: list[Waiting | None]) -> StorageWaits:
    return StorageWaits(reported.append)


def call_until(policy: RetryPolicy, clock: Clock, succeeds_at: float) -> list[float]:
    tries = []

    def call() -> list[float]:
        tries.append(clock.now)
        if clock.now < succeeds_at:
            raise ConnectionError(f"at {clock.now}")
        return tries

    return policy.call_with_retries(call, temporary_failure)


def test_a_successful_call_is_not_reported(clock: Clock) -> None:
    assert call_until(clock.retry(20), clock, 0) == [100]
    assert clock.pauses == []
    assert clock.reported == []


def test_pauses_grow_to_15_seconds(clock: Clock) -> None:
    tries = call_until(clock.retry(3600), clock, 150)
    assert [after - before for before, after in pairwise(tries)] == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_the_timeout_raises_the_last_error_with_the_duration(clock: Clock) -> None:
    with pytest.raises(Failure, match=r"at 120\.0; tried for 20s, .*spec\.storage\.timeoutSeconds") as caught:
        call_until(clock.retry(20), clock, 1000)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert (caught.value.reason, caught.value.exit_code) == ("EndpointUnreachable", 64)
    assert clock.now == 120


def test_the_timeout_begins_at_the_first_error(clock: Clock) -> None:
    tries = []

    def call() -> None:
        tries.append(clock.now)
        clock.now += 30  # a download that fails after 30 s
        raise ConnectionError(f"at {clock.now}")

    with pytest.raises(Failure, match=r"tried for 1m32s"):
        clock.retry(60).call_with_retries(call, temporary_failure)
    assert tries == [100, 130.5, 161.5]


def test_a_timeout_of_zero_allows_one_try(clock: Clock) -> None:
    with pytest.raises(Failure):
        call_until(clock.retry(0), clock, 1000)
    assert clock.pauses == []


def test_a_permanent_error_is_not_retried(clock: Clock) -> None:

    def call() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        clock.retry(20).call_with_retries(call, temporary_failure)
    assert clock.pauses == []


def test_begin_and_end_of_a_wait_are_reported(clock: Clock) -> None:
    call_until(clock.retry(3600), clock, 110)
    first, *others, last = clock.reported
    assert first is not None
    assert (first.reason, first.message) == ("EndpointUnreachable", "at 101.5")
    assert last is None
    assert {other.since for other in others if other} == {first.since}


def test_a_short_wait_is_not_reported(clock: Clock) -> None:
    call_until(clock.retry(3600), clock, 100.5)
    assert clock.reported == []


def test_a_timeout_does_not_end_the_reported_wait(clock: Clock) -> None:
    with pytest.raises(Failure):
        call_until(clock.retry(5), clock, 1000)
    assert None not in clock.reported
    call_until(clock.retry(5), clock, 0)
    assert clock.reported[-1] is None


def test_check_can_end_the_wait(clock: Clock) -> None:

    def check() -> None:
        if clock.now > 107:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call_until(replace(clock.retry(3600), check=check), clock, 1000)
    assert clock.now < 108
    assert None not in clock.reported


def test_an_answer_wakes_other_callers(waits: StorageWaits) -> None:
    waits.begin("us", bad_spec("EndpointUnreachable", "refused"), 1)
    threading.Timer(0.02, waits.end, ["us"], {"is_answered": True}).start()
    assert waits.pause(10)


def test_jitter_shortens_pauses() -> None:
    found = [_jitter() for _ in range(100)]
    assert 1 - JITTER <= min(found) < max(found) <= 1


SLOW = bad_spec("EndpointUnreachable", "no answer so far")


@pytest.mark.parametrize("errors", [0, 1])
def test_a_slow_first_try_is_reported(clock: Clock, monkeypatch: pytest.MonkeyPatch, errors: int) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(module, "FAILURE_REPORT_SECONDS", 0.0)
    is_reported, tries = threading.Event(), count()

    def report(waiting: Waiting | None) -> None:
        clock.reported.append(waiting)
        is_reported.set()

    monkeypatch.setattr(clock, "_report", report)

    def call() -> str:
        assert is_reported.wait(10)
        if next(tries) < errors:
            raise ConnectionError("refused")
        return "here"

    assert clock.retry(20).call_with_retries(call, temporary_failure, SLOW) == "here"
    messages = ["no answer so far", *["refused"] * errors]
    assert [waiting and waiting.message for waiting in clock.reported] == [*messages, None]


def test_a_fast_first_try_is_not_reported(clock: Clock) -> None:
    assert clock.retry(20).call_with_retries(lambda: "here", temporary_failure, SLOW) == "here"
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert clock.reported == []


GONE = bad_spec("EndpointUnreachable", "cannot read x")
FULL = refused_failure("ResultsNotWritable", "no room")


def test_the_wait_ends_with_the_last_caller(
    waits: StorageWaits, reported: list[Waiting | None], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        waits.begin("a", GONE, 2)
        waits.begin("b", FULL, 1)
        waits.end("a", is_answered=True)
        waits.begin("b", FULL, 3)
        waits.end("b", is_answered=True)
    assert [waiting and waiting.reason for waiting in reported] == ["EndpointUnreachable", "ResultsNotWritable", None]
    first, last = caplog.messages
    assert first == "Waiting for the storage: cannot read x"
    assert last.startswith("The storage answers again after 2.")


def test_a_new_failure_keeps_the_start_of_the_wait(
    waits: StorageWaits, reported: list[Waiting | None], caplog: pytest.LogCaptureFixture
) -> None:
    waits.begin("a", GONE, 2)
    waits.begin("a", FULL, 7)
    before, after = reported
    assert before is not None
    assert after is not None
    assert (after.reason, after.since) == ("ResultsNotWritable", before.since)
    assert len(caplog.messages) == 1


def test_an_outage_has_one_start_if_the_clock_jumps(
    waits: StorageWaits, reported: list[Waiting | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    wall_clock = Mock(wraps=datetime)
    monkeypatch.setattr(module, "datetime", wall_clock)
    for caller, hour in (("a", 13), ("b", 11), ("c", 12)):
        wall_clock.now.return_value = datetime(2026, 1, 1, hour, tzinfo=UTC)
        waits.begin(caller, GONE if caller == "b" else FULL, 1)
    waits.end("a", is_answered=False)
    assert [waiting and waiting.reason for waiting in reported] == [FULL.reason, GONE.reason]
    assert len({waiting.since for waiting in reported if waiting}) == 1


def test_the_end_of_an_unknown_caller_is_ignored(
    waits: StorageWaits, reported: list[Waiting | None], caplog: pytest.LogCaptureFixture
) -> None:
    waits.end("a", is_answered=True)
    assert reported == []
    assert caplog.messages == []


def test_a_caller_that_gives_up_does_not_end_the_wait(
    waits: StorageWaits, reported: list[Waiting | None], caplog: pytest.LogCaptureFixture
) -> None:
    waits.begin("a", GONE, 1)
    with caplog.at_level("INFO"):
        waits.end("a", is_answered=False)
    assert len(caplog.messages) == 1
    assert reported[-1] is not None
    waits.end("another caller", is_answered=True)
    assert reported[-1] is None
