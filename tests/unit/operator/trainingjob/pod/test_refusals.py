"""Why pods of Jobs cannot be created: what Events tell, and one watch of them that nothing ends."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime.api.errors import ApiError, Forbidden, Unavailable
from epochal_operator.runtime.api.resource import EVENTS, Resource
from epochal_operator.trainingjob.job.observed import PodRefusal
from epochal_operator.trainingjob.pod import refusals as module
from epochal_operator.trainingjob.pod.refusals import MAX_JOBS, MAX_NOTE_LENGTH, PodRefusals, watch_refusals

from tests.unit.operator.objects import NOW, at

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube


def told(note: str = "exceeded quota", uid: str = "job-uid", namespace: str = "vision", **fields: Any) -> Any:
    times, about = fields or {"deprecatedLastTimestamp": at(0)}, {"namespace": namespace, "uid": uid}
    return {"metadata": {"creationTimestamp": at(-900)}, "regarding": about, "note": note, **times}


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"deprecatedLastTimestamp": at(-9)}, -9),
        ({"eventTime": at(-9)}, -9),
        ({"eventTime": at(-300), "series": {"lastObservedTime": at(-9)}}, -9),
        ({"eventTime": None}, -900),
    ],
)
def test_when_it_was_told_last(fields: Any, seconds: float) -> None:
    refusals = PodRefusals()
    assert refusals.take(told(**fields)) == "job-uid"
    assert refusals.of("vision", "job-uid") == PodRefusal("exceeded quota", NOW + timedelta(seconds=seconds))
    assert refusals.of("vision", "another") is None


@pytest.mark.parametrize(
    "event",
    [
        {"metadata": {}, "regarding": {"namespace": "vision", "uid": "u"}, "note": "x"},
        {"metadata": {}, "regarding": {"uid": "u"}, "note": "x", "eventTime": at(0)},
        {"metadata": {}, "regarding": None, "note": "x", "eventTime": at(0)},
        told(note=""),
        told(eventTime="yesterday"),
    ],
)
def test_what_tells_nothing_is_passed_over(event: Any) -> None:
    assert PodRefusals().take(event) is None


def test_the_latest_counts_in_whatever_order_they_come() -> None:
    refusals = PodRefusals()
    refusals.take(told("new", eventTime=at(-1)))
    refusals.take(told("old", eventTime=at(-2)))
    last = refusals.of("vision", "job-uid")
    assert last is not None
    assert last.note == "new"


def test_it_keeps_no_more_than_it_has_room_for() -> None:
    refusals = PodRefusals()
    for number in range(MAX_JOBS + 1):
        refusals.take(told("x" * 9999, f"uid-{number}"))
    assert refusals.of("vision", "uid-0") is None
    last = refusals.of("vision", f"uid-{MAX_JOBS}")
    assert last is not None
    assert len(last.note) == MAX_NOTE_LENGTH


def test_what_one_namespace_tells_pushes_out_nothing_of_another() -> None:
    refusals = PodRefusals()
    refusals.take(told("the quota of vision"))
    for number in range(MAX_JOBS):
        refusals.take(told("theirs", f"uid-{number}", "theirs"))
    assert refusals.of("vision", "job-uid") is not None
    assert refusals.of("theirs", "uid-0") is None
    assert refusals.of("theirs", f"uid-{MAX_JOBS - 1}") is not None


def test_what_one_namespace_tells_is_of_no_job_of_another() -> None:
    refusals = PodRefusals()
    refusals.take(told("forged", namespace="theirs"))
    assert refusals.of("vision", "job-uid") is None


class Watches:
    """An API server whose watches end in several ways."""

    def __init__(self, *ends: ApiError | None) -> None:
        self._ends = list(ends)
        self.asked: list[tuple[str, str | None]] = []

    async def watch(self, resource: Resource, namespace: str | None, *, fields: str) -> AsyncIterator[Any]:
        assert resource == EVENTS
        self.asked.append((fields, namespace))
        yield told(f"after {len(self.asked)}")
        if not self._ends:
            await asyncio.Event().wait()
        if end := self._ends.pop(0):
            raise end


async def test_nothing_ends_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0)
    monkeypatch.setattr(module, "FORBIDDEN_SECONDS", 0)
    kube = Watches(None, Unavailable(503, "", "later"), Forbidden(403, "Forbidden", "events is forbidden"))
    notes: list[str] = []
    done = asyncio.Event()

    def take(event: Any) -> None:
        notes.append(event["note"])
        if len(notes) == 4:
            done.set()

    task = asyncio.ensure_future(watch_refusals(cast("Kube", kube), "vision", take))
    await done.wait()
    task.cancel()
    assert notes == ["after 1", "after 2", "after 3", "after 4"]
    assert set(kube.asked) == {("regarding.kind=Job,reason=FailedCreate", "vision")}
