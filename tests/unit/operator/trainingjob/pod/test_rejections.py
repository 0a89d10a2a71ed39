"""Rejected pods of Jobs, from the FailedCreate Events of a watch that restarts after each error."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime.api.errors import ApiError, Forbidden, Unavailable
from epochal_operator.runtime.api.resource import EVENTS, Resource
from epochal_operator.trainingjob.job.observed import PodRejection
from epochal_operator.trainingjob.pod import rejections as module
from epochal_operator.trainingjob.pod.rejections import MAX_JOBS, MAX_NOTE_LENGTH, PodRejections, watch_rejections

from tests.unit.operator.objects import NOW, at, required

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube


def failed_create(note: str = "exceeded quota", uid: str = "job-uid", namespace: str = "vision", **fields: Any) -> Any:
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
def test_last_time_of_an_event(fields: Any, seconds: float) -> None:
    rejections = PodRejections()
    assert rejections.add(failed_create(**fields)) == "job-uid"
    assert rejections.get("vision", "job-uid") == PodRejection("exceeded quota", NOW + timedelta(seconds=seconds))
    assert rejections.get("vision", "another") is None


@pytest.mark.parametrize(
    "event",
    [
        {"metadata": {}, "regarding": {"namespace": "vision", "uid": "u"}, "note": "x"},
        {"metadata": {}, "regarding": {"uid": "u"}, "note": "x", "eventTime": at(0)},
        {"metadata": {}, "regarding": None, "note": "x", "eventTime": at(0)},
        failed_create(note=""),
        failed_create(eventTime="yesterday"),
    ],
)
def test_incomplete_events_are_ignored(event: Any) -> None:
    assert PodRejections().add(event) is None


def test_the_latest_event_counts_in_any_order() -> None:
    rejections = PodRejections()
    rejections.add(failed_create("new", eventTime=at(-1)))
    rejections.add(failed_create("old", eventTime=at(-2)))
    assert required(rejections.get("vision", "job-uid")).note == "new"


def test_number_and_length_of_notes_are_bounded() -> None:
    rejections = PodRejections()
    for number in range(MAX_JOBS + 1):
        rejections.add(failed_create("x" * 9999, f"uid-{number}"))
    assert rejections.get("vision", "uid-0") is None
    assert len(required(rejections.get("vision", f"uid-{MAX_JOBS}")).note) == MAX_NOTE_LENGTH


def test_events_of_one_namespace_displace_none_of_another() -> None:
    rejections = PodRejections()
    rejections.add(failed_create("the quota of vision"))
    for number in range(MAX_JOBS):
        rejections.add(failed_create("theirs", f"uid-{number}", "theirs"))
    assert rejections.get("vision", "job-uid") is not None
    assert rejections.get("theirs", "uid-0") is None
    assert rejections.get("theirs", f"uid-{MAX_JOBS - 1}") is not None


def test_event_of_another_namespace_with_the_uid_of_a_job_is_ignored() -> None:
    rejections = PodRejections()
    rejections.add(failed_create("forged", namespace="theirs"))
    assert rejections.get("vision", "job-uid") is None


class Watches:
    """An API server whose watches end with errors or without."""

    def __init__(self, *ends: ApiError | None) -> None:
        self._ends = list(ends)
        self.asked: list[tuple[str, str | None]] = []

    async def watch(self, resource: Resource, namespace: str | None, *, fields: str) -> AsyncIterator[Any]:
        assert resource == EVENTS
        self.asked.append((fields, namespace))
        yield failed_create(f"after {len(self.asked)}")
        if not self._ends:
            await asyncio.Event().wait()
        if end := self._ends.pop(0):
            raise end


async def test_watch_restarts_after_each_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0)
    monkeypatch.setattr(module, "FORBIDDEN_SECONDS", 0)
    kube = Watches(None, Unavailable(503, "", "later"), Forbidden(403, "Forbidden", "events is forbidden"))
    notes: list[str] = []
    done = asyncio.Event()

    def handle(event: Any) -> None:
        notes.append(event["note"])
        if len(notes) == 4:
            done.set()

    task = asyncio.ensure_future(watch_rejections(cast("Kube", kube), "vision", handle))
    await done.wait()
    task.cancel()
    assert notes == ["after 1", "after 2", "after 3", "after 4"]
    assert set(kube.asked) == {("regarding.kind=Job,reason=FailedCreate", "vision")}
