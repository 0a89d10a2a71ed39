"""Events that the API server cannot accept at once are retried, and block nothing else."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime import recorder as module
from epochal_operator.runtime.api.errors import ApiError, Conflict, Forbidden, NotFound, Unavailable
from epochal_operator.runtime.api.resource import Resource
from epochal_operator.runtime.leader import LeaseLost
from epochal_operator.runtime.recorder import MAX_QUEUED, RETRY_SECONDS, Recorder

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube

BUSY = Unavailable(429, "TooManyRequests", "busy")


def event(name: str, namespace: str = "vision") -> Any:
    about = {"namespace": namespace, "name": "digits"}
    return {"metadata": {"namespace": namespace, "name": name}, "regarding": about, "reason": "Completed", "note": name}


class Events:
    """An API server that refuses Events, or gives no answer, until it has recovered."""

    def __init__(self, error: ApiError | None = None) -> None:
        self.error = error
        self.hangs = False
        self.requested: list[str] = []
        self.created: list[str] = []
        self.seconds = 0.0

    async def create(self, _: Resource, event: Any) -> None:
        self.requested.append(event["metadata"]["name"])
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        self.created.append(event["metadata"]["name"])

    def recorder(self) -> Recorder:
        return Recorder(cast("Kube", self), clock=lambda: self.seconds)


async def run(recorder: Recorder) -> None:
    """Run a recorder until all due retries are done."""
    task = asyncio.ensure_future(recorder.run())
    for _ in range(20 * (1 + len(recorder._queued))):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})


@pytest.mark.parametrize("error", [BUSY, Unavailable(503, "", "no"), Conflict(409, "Conflict", "quota")])
async def test_an_event_with_a_temporary_error_is_retried(error: ApiError) -> None:
    events = Events(error)
    recorder = events.recorder()
    await recorder.create(event("a"))
    assert events.created == []
    events.error = None
    await run(recorder)
    assert events.created == ["a"]
    await recorder.create(event("b"))
    assert events.created == ["a", "b"]


@pytest.mark.parametrize("error", [Forbidden(403, "Forbidden", "no"), NotFound(404, "NotFound", "gone")])
async def test_a_refused_event_is_not_retried(error: ApiError, caplog: pytest.LogCaptureFixture) -> None:
    events = Events(error)
    recorder = events.recorder()
    await recorder.create(event("a"))
    await run(recorder)
    assert events.requested == ["a"]
    assert "the API server refuses an Event: vision/digits: Completed: a" in caplog.text


async def test_an_event_that_hangs_blocks_no_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CREATE_SECONDS", 0.01)
    events = Events()
    events.hangs = True
    recorder = events.recorder()
    await recorder.create(event("a"))
    await recorder.create(event("b"))
    assert events.requested == ["a"]
    events.hangs = False
    await recorder.create(event("c", "other"))
    assert events.created == ["c"]
    await run(recorder)
    assert sorted(events.created) == ["a", "b", "c"]


async def test_retries_that_hang_block_no_other_namespace() -> None:
    class Hanging(Events):
        async def create(self, _: Resource, event: Any) -> None:
            if self.error is None and event["metadata"]["namespace"] == "hangs":
                await asyncio.Event().wait()
            await super().create(_, event)

    events = Hanging(BUSY)
    recorder = events.recorder()
    for number in range(9):
        await recorder.create(event(f"event-{number}", "hangs"))
    await recorder.create(event("a", "other"))
    events.error = None
    await run(recorder)
    assert events.created == ["a"]


async def test_the_number_of_queued_events_is_limited(caplog: pytest.LogCaptureFixture) -> None:
    events = Events(BUSY)
    recorder = events.recorder()
    for number in range(MAX_QUEUED + 1):
        await recorder.create(event(f"event-{number}"))
    assert "Events are queued: vision/digits: Completed: event-0" in caplog.text
    events.error, events.requested = None, []
    await run(recorder)
    assert events.created == [f"event-{number}" for number in range(1, MAX_QUEUED + 1)]


async def test_the_namespace_with_most_events_loses_its_oldest() -> None:
    events = Events(BUSY)
    recorder = events.recorder()
    await recorder.create(event("other", "other"))
    for number in range(MAX_QUEUED + 1):
        await recorder.create(event(f"event-{number}"))
    events.error, events.requested = None, []
    await run(recorder)
    assert events.created[0] == "other"
    assert len(events.created) == MAX_QUEUED


async def test_an_event_is_dropped_after_its_time(caplog: pytest.LogCaptureFixture) -> None:
    events = Events(BUSY)
    recorder = events.recorder()
    await recorder.create(event("a"))
    events.seconds = RETRY_SECONDS
    await run(recorder)
    assert events.requested == ["a"]
    assert "dropped an Event that could not be created" in caplog.text


async def test_an_existing_event_is_not_retried() -> None:
    events = Events(Conflict(409, "AlreadyExists", "already exists"))
    recorder = events.recorder()
    await recorder.create(event("a"))
    events.error = None
    await run(recorder)
    assert (events.requested, events.created) == (["a"], [])


async def test_the_loss_of_the_lease_is_raised() -> None:
    class Lost(Events):
        async def create(self, _: Resource, event: Any) -> None:
            raise LeaseLost(event["metadata"]["name"])

    with pytest.raises(LeaseLost):
        await Lost().recorder().create(event("a"))
