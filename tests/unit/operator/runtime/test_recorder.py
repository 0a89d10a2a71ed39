"""Events that the API server does not take at once are told later, and hold nothing else up."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime import recorder as module
from epochal_operator.runtime.api.errors import ApiError, Conflict, Forbidden, NotFound, Unavailable
from epochal_operator.runtime.api.resource import Resource
from epochal_operator.runtime.leader import LeaseLost
from epochal_operator.runtime.recorder import KEPT, KEPT_SECONDS, Recorder

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube

BUSY = Unavailable(429, "TooManyRequests", "busy")


def told(name: str, namespace: str = "vision") -> Any:
    about = {"namespace": namespace, "name": "digits"}
    return {"metadata": {"namespace": namespace, "name": name}, "regarding": about, "reason": "Completed", "note": name}


class Events:
    """An API server that refuses Events, or gives no answer, until it has recovered."""

    def __init__(self, error: ApiError | None = None) -> None:
        self.error = error
        self.hangs = False
        self.asked: list[str] = []
        self.kept: list[str] = []
        self.seconds = 0.0

    async def create(self, _: Resource, event: Any) -> None:
        self.asked.append(event["metadata"]["name"])
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        self.kept.append(event["metadata"]["name"])

    def recorder(self) -> Recorder:
        return Recorder(cast("Kube", self), clock=lambda: self.seconds)


async def run(recorder: Recorder) -> None:
    """Runs it for as long as it has anything to do at once."""
    task = asyncio.ensure_future(recorder.run())
    for _ in range(20 * KEPT):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})


@pytest.mark.parametrize("error", [BUSY, Unavailable(503, "", "no"), Conflict(409, "Conflict", "quota")])
async def test_what_cannot_be_taken_now_is_told_later(error: ApiError) -> None:
    events = Events(error)
    recorder = events.recorder()
    await recorder.tell(told("a"))
    assert events.kept == []
    events.error = None
    await run(recorder)
    assert events.kept == ["a"]
    await recorder.tell(told("b"))
    assert events.kept == ["a", "b"]


@pytest.mark.parametrize("error", [Forbidden(403, "Forbidden", "no"), NotFound(404, "NotFound", "gone")])
async def test_what_is_refused_for_good_is_told_no_more(error: ApiError, caplog: pytest.LogCaptureFixture) -> None:
    events = Events(error)
    recorder = events.recorder()
    await recorder.tell(told("a"))
    await run(recorder)
    assert events.asked == ["a"]
    assert "an Event was refused: vision/digits: Completed: a" in caplog.text


async def test_a_namespace_whose_events_hang_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.01)
    events = Events()
    events.hangs = True
    recorder = events.recorder()
    await recorder.tell(told("a"))
    await recorder.tell(told("b"))
    assert events.asked == ["a"]
    events.hangs = False
    await recorder.tell(told("c", "other"))
    assert events.kept == ["c"]
    await run(recorder)
    assert sorted(events.kept) == ["a", "b", "c"]


async def test_a_namespace_whose_events_go_on_hanging_holds_up_nobody() -> None:
    class Hanging(Events):
        async def create(self, _: Resource, event: Any) -> None:
            if self.error is None and event["metadata"]["namespace"] == "hangs":
                await asyncio.Event().wait()
            await super().create(_, event)

    events = Hanging(BUSY)
    recorder = events.recorder()
    for number in range(9):
        await recorder.tell(told(f"event-{number}", "hangs"))
    await recorder.tell(told("a", "other"))
    events.error = None
    await run(recorder)
    assert events.kept == ["a"]


async def test_no_more_is_kept_than_there_is_room_for(caplog: pytest.LogCaptureFixture) -> None:
    events = Events(BUSY)
    recorder = events.recorder()
    for number in range(KEPT + 1):
        await recorder.tell(told(f"event-{number}"))
    assert "an Event is not told, since too many wait: vision/digits: Completed: event-0" in caplog.text
    events.error, events.asked = None, []
    await run(recorder)
    assert events.kept == [f"event-{number}" for number in range(1, KEPT + 1)]


async def test_who_keeps_most_makes_room() -> None:
    events = Events(BUSY)
    recorder = events.recorder()
    await recorder.tell(told("other", "other"))
    for number in range(KEPT + 1):
        await recorder.tell(told(f"event-{number}"))
    events.error, events.asked = None, []
    await run(recorder)
    assert events.kept[0] == "other"
    assert len(events.kept) == KEPT


async def test_nothing_is_tried_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    events = Events(BUSY)
    recorder = events.recorder()
    await recorder.tell(told("a"))
    events.seconds = KEPT_SECONDS
    await run(recorder)
    assert events.asked == ["a"]
    assert "an Event is not told, since it was refused for too long" in caplog.text


async def test_an_event_that_exists_is_told() -> None:
    events = Events(Conflict(409, "AlreadyExists", "it was told before"))
    recorder = events.recorder()
    await recorder.tell(told("a"))
    events.error = None
    await run(recorder)
    assert (events.asked, events.kept) == (["a"], [])


class Lost(Events):
    async def create(self, _: Resource, event: Any) -> None:
        raise LeaseLost(event["metadata"]["name"])


async def test_the_loss_of_the_lease_is_not_kept_quiet() -> None:
    with pytest.raises(LeaseLost):
        await Lost().recorder().tell(told("a"))
