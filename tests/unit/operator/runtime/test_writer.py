"""Writes of all kinds: the cache has the result at once, and other objects are enqueued."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from epochal_operator.runtime.api.errors import Conflict, NotFound
from epochal_operator.runtime.api.resource import JOBS, Key
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.writer import CREATE_RETRIES, Writer
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.kit.fake.objects import Objects, Refusal
from tests.unit.operator.direct import Direct
from tests.unit.operator.fakes import reconcile_context
from tests.unit.operator.objects import KIND, NOW, SPEC

if TYPE_CHECKING:
    from epochal_operator.runtime.store import Change

BODY: dict[str, Any] = {
    "metadata": {"name": "digits", "namespace": "vision", "labels": {"epochal.dev/trainingjob": "digits"}},
    "spec": {"parallelism": 1},
}


class World:
    """A writer before objects.

    Attributes:
        refusals: How the next requests to create something are refused.
    """

    def __init__(self) -> None:
        self.objects = Objects("vision", clock=lambda: NOW)
        self.store = store_for([KIND])
        self.news: list[Change | None] = []
        self.refusals: list[Refusal] = []
        direct = Direct(self.objects, self._refused)
        self.writer = Writer(
            reconcile_context(direct, self.store, on_change=self.news.append), TRAINING_JOBS, "test", lambda: NOW
        )
        made = self.objects.create("trainingjobs", "vision", {"metadata": {"name": "digits"}, "spec": SPEC})
        self.store.put(TRAINING_JOBS, made)

    def _refused(self, verb: str, *_: str) -> Refusal | None:
        return self.refusals.pop() if verb == "create" and self.refusals else None

    @property
    def job(self) -> Any:
        return self.store.get(TRAINING_JOBS, Key("vision", "digits"))


async def test_a_written_status_is_cached_at_once() -> None:
    world = World()
    await world.writer.apply_status(world.job, {"state": "Queued"})
    assert world.job["status"] == {"state": "Queued"}
    assert [change.after for change in world.news if change] == [world.job]


async def test_a_status_of_a_changed_object_is_a_conflict() -> None:
    world, before = World(), World().job
    await world.writer.apply_status(world.job, {"state": "Queued"})
    with pytest.raises(Conflict):
        await world.writer.apply_status(before, {"state": "Running"})


async def test_an_existing_object_is_returned_instead_of_created() -> None:
    world = World()
    first, is_new = await world.writer.create(JOBS, BODY)
    assert is_new
    again, is_new = await world.writer.create(JOBS, BODY)
    assert not is_new
    assert again == first


async def test_a_quota_conflict_is_retried_a_few_times() -> None:
    world = World()
    race = Refusal(409, "Conflict", "Operation cannot be fulfilled on resourcequotas")
    world.refusals = [race] * CREATE_RETRIES
    assert (await world.writer.create(JOBS, BODY))[1]
    world.objects.delete("jobs", "vision", "digits")
    world.refusals = [race] * (CREATE_RETRIES + 1)
    with pytest.raises(Conflict):
        await world.writer.create(JOBS, BODY)


async def test_a_refresh_removes_a_deleted_object_from_the_cache() -> None:
    world = World()
    key = Key("vision", "digits")
    await world.writer.refresh(TRAINING_JOBS, key, world.job)
    assert world.job is not None
    known = world.job
    world.objects.delete("trainingjobs", *key)
    await world.writer.refresh(TRAINING_JOBS, key, known)
    assert world.job is None
    await world.writer.refresh(TRAINING_JOBS, key, None)


async def test_an_object_with_a_new_status_is_replaced() -> None:
    world = World()
    made, _ = await world.writer.create(JOBS, BODY)
    world.objects.patch("jobs", "vision", "digits", {"status": {"active": 1}}, subresource="status")
    replaced = await world.writer.replace(JOBS, made, lambda live: {**live, "spec": {"parallelism": 0}})
    assert (replaced["spec"]["parallelism"], replaced["status"]) == (0, {"active": 1})


def _change(objects: Objects) -> None:
    objects.patch("jobs", "vision", "digits", {"spec": {"parallelism": 2}})


def _recreate(objects: Objects) -> None:
    objects.delete("jobs", "vision", "digits")
    objects.create("jobs", "vision", BODY)


def _begin_deletion(objects: Objects) -> None:
    objects.patch("jobs", "vision", "digits", {"metadata": {"finalizers": ["example.com/keep"]}})
    objects.delete("jobs", "vision", "digits")


@pytest.mark.parametrize("change", [_change, _recreate, _begin_deletion])
async def test_a_changed_object_is_not_replaced(change: Callable[[Objects], None]) -> None:
    world = World()
    made, _ = await world.writer.create(JOBS, BODY)
    change(world.objects)
    before = world.objects.get("jobs", "vision", "digits")
    with pytest.raises(Conflict, match="the Job has changed since it was read"):
        await world.writer.replace(JOBS, made, lambda live: {**live, "spec": {"parallelism": 0}})
    assert world.objects.get("jobs", "vision", "digits") == before


async def test_a_changed_object_is_not_deleted() -> None:
    world = World()
    before = world.job
    await world.writer.apply_status(before, {"state": "Queued"})
    with pytest.raises(Conflict):
        await world.writer.delete(TRAINING_JOBS, before)
    known = world.job
    await world.writer.delete(TRAINING_JOBS, known)
    assert world.job is None
    with pytest.raises(NotFound):
        await world.writer.delete(TRAINING_JOBS, known)
