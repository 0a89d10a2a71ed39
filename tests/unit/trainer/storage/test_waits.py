from datetime import UTC, datetime
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from epochal_trainer.lib.failures import bad_spec, refused
from epochal_trainer.storage import Waits
from epochal_trainer.storage import waits as module

if TYPE_CHECKING:
    from epochal_api.report import Waiting

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
    assert first == "The storage is waited for: cannot read x"
    assert last.startswith("The storage answers again, after 2.")


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
