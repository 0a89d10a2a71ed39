"""The leader election, with Leases in memory."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime import leader
from epochal_operator.runtime.api.errors import Conflict, Forbidden, NotFound, Unavailable
from epochal_operator.runtime.api.resource import PODS, Resource
from epochal_operator.runtime.leader import (
    ENDED_SECONDS,
    LEASE_SECONDS,
    RENEW_DEADLINE_SECONDS,
    Leadership,
    LeaseLost,
    has_ended,
)

from tests.kit.fake.objects import Objects, Refusal

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube


def pod(phase: str = "Running", last: Any = None, **state: Any) -> dict[str, Any]:
    """Return a pod whose operator's container has a state and a last state, beside another container that runs."""
    operator = {"name": "operator", "state": state, "lastState": last or {}}
    containers = [{"name": "proxy", "state": {"running": {}}}, operator]
    return {"status": {"phase": phase, "containerStatuses": containers}}


RENEWED = "2026-11-25T12:00:07.600000Z"
SAME_SECOND: dict[str, Any] = {"terminated": {"exitCode": 137, "finishedAt": "2026-11-25T12:00:07Z"}}
BEFORE: dict[str, Any] = {"terminated": {"exitCode": 137, "finishedAt": "2026-11-25T12:00:06Z"}}
AFTER: dict[str, Any] = {"terminated": {"exitCode": 137, "finishedAt": "2099-11-25T12:00:00Z"}}
"""States of a container that ended in the second of a renewal, before, or after any renewal."""
RUNNING = pod(running={})


class Leases:
    """An API server with Leases and one pod, whose requests may be slow, hang or fail.

    Attributes:
        pod: The pod of any name, or the error of its read.
        reads: Reads of Leases.
        requests: All requests.
    """

    def __init__(self, clock: "Clock") -> None:
        self.objects = Objects("epochal-system")
        self.clock = clock
        self.pod: dict[str, Any] | Exception = RUNNING
        self.reads = 0
        self.requests = 0
        self.seconds = 0.0
        self.is_down = False
        self.hangs = False

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        if resource == PODS:
            return await self._answer(self._pod)
        self.reads += 1
        return await self._answer(lambda: self.objects.get("leases", namespace, name))

    async def create(self, _: Resource, lease: dict[str, Any]) -> dict[str, Any]:
        return await self._answer(lambda: self.objects.create("leases", lease["metadata"]["namespace"], lease))

    async def replace(self, _: Resource, lease: dict[str, Any]) -> dict[str, Any]:
        return await self._answer(lambda: self.objects.replace("leases", lease["metadata"]["namespace"], lease))

    def _pod(self) -> dict[str, Any]:
        if isinstance(self.pod, Exception):
            raise self.pod
        return self.pod

    async def _answer(self, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self.requests += 1
        await asyncio.sleep(3600 if self.hangs else 0)
        if self.is_down:
            raise Unavailable(0, "", "no connection")
        try:
            return do()
        except Refusal as refusal:
            kind = {404: NotFound, 409: Conflict}[refusal.status]
            raise kind(refusal.status, refusal.reason, refusal.message) from refusal
        finally:
            self.clock.now += self.seconds

    @property
    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.objects.get("leases", "epochal-system", "epochal")["spec"]
        return spec


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Leases:
    for name in ("RENEW_SECONDS", "ACQUIRE_SECONDS"):
        monkeypatch.setattr(leader, name, 0.002)
    monkeypatch.setattr(leader, "REQUEST_SECONDS", 0.05)
    return Leases(clock)


def candidate(leases: Leases, name: str) -> Leadership:
    return Leadership(cast("Kube", leases), "epochal-system", "epochal", name, leases.clock)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.001)


async def acquired(leases: Leases, *candidates: Leadership) -> list[bool]:
    """Return which of some candidates lead after each has read the lease several times."""
    waiting = [asyncio.create_task(one.acquire()) for one in candidates]
    enough = leases.reads + 4 * len(candidates)
    await until(lambda: leases.reads >= enough or all(task.done() for task in waiting))
    won = [task.done() for task in waiting]
    for task in (task for task in waiting if task.done()):
        task.result()
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    return won


async def leads(leases: Leases, one: Leadership) -> bool:
    (won,) = await acquired(leases, one)
    return won


async def holding(leases: Leases, one: Leadership) -> "asyncio.Task[None]":
    """Return the task that renews a lease, after its first renewal."""
    task, requests = asyncio.create_task(one.renew_until_lost()), leases.requests
    await until(lambda: task.done() or leases.requests > requests + 1)
    assert not task.done()
    return task


async def lost(task: "asyncio.Task[None]", cause: str) -> None:
    with pytest.raises(LeaseLost, match=cause):
        async with asyncio.timeout(5):
            await task


@pytest.fixture
async def first(leases: Leases) -> Leadership:
    """The leader, with the identity a."""
    leader = candidate(leases, "a")
    assert await leads(leases, leader)
    return leader


async def test_one_of_two_candidates_leads(leases: Leases) -> None:
    candidates = [candidate(leases, name) for name in "ab"]
    won = await acquired(leases, *candidates)
    assert sorted(won) == [False, True]
    assert leases.spec["holderIdentity"] == "ab"[won.index(True)]


async def test_a_standby_takes_over_an_expired_lease(leases: Leases, clock: Clock, first: Leadership) -> None:
    second = candidate(leases, "b")
    assert not await leads(leases, second)
    clock.now += LEASE_SECONDS - 1
    assert not await leads(leases, second)
    clock.now += 2
    assert await leads(leases, second)
    assert leases.spec["leaseTransitions"] == 1


async def test_a_renewed_lease_is_not_taken_over(leases: Leases, clock: Clock, first: Leadership) -> None:
    second = candidate(leases, "b")
    for _ in range(5):
        clock.now += LEASE_SECONDS - 1
        assert await leads(leases, first)
        assert not await leads(leases, second)


@pytest.mark.parametrize(
    ("found", "ended"),
    [
        (RUNNING, False),
        (pod(running={}, last=AFTER), False),
        (pod(**AFTER), True),
        (pod(**SAME_SECOND), True),
        (pod(**BEFORE), False),
        (pod(terminated={"exitCode": 137, "finishedAt": None}), False),
        (pod(last=AFTER, waiting={"reason": "CrashLoopBackOff"}), True),
        (pod(last=SAME_SECOND, waiting={"reason": "CrashLoopBackOff"}), True),
        (pod(last=BEFORE, waiting={"reason": "CrashLoopBackOff"}), False),
        (pod(last=BEFORE, **AFTER), True),
        (pod(waiting={"reason": "ContainerCreating"}), False),
        (pod("Failed"), True),
        (pod("Succeeded"), True),
        ({"status": {"phase": "Failed"}}, True),
        ({"status": {"phase": "Pending"}}, False),
        ({"status": {"phase": "Unknown", "containerStatuses": []}}, False),
        ({}, False),
    ],
)
def test_an_operator_has_ended_if_its_container_ended_after_the_renewal(found: dict[str, Any], ended: bool) -> None:  # noqa: FBT001
    assert has_ended(found, RENEWED) is ended


def test_without_a_renewal_a_container_has_not_ended() -> None:
    assert not has_ended(pod(**AFTER), None)


@pytest.mark.parametrize("found", [NotFound(404, "NotFound", "no pod"), pod(**AFTER)])
async def test_a_standby_takes_over_soon_from_an_operator_that_has_ended(
    leases: Leases, clock: Clock, first: Leadership, found: Any
) -> None:
    leases.pod, second = found, candidate(leases, "b")
    assert not await leads(leases, second)
    clock.now += ENDED_SECONDS - 1
    assert not await leads(leases, second), "its successor in the same pod may lead"
    clock.now += 2
    assert await leads(leases, second)


@pytest.mark.parametrize(
    "found", [RUNNING, pod(**BEFORE), Forbidden(403, "Forbidden", "pods"), Unavailable(0, "", "no connection")]
)
async def test_a_leader_that_may_run_keeps_the_lease(
    leases: Leases, clock: Clock, first: Leadership, found: Any
) -> None:
    leases.pod, second = found, candidate(leases, "b")
    assert not await leads(leases, second)
    clock.now += LEASE_SECONDS - 1
    assert not await leads(leases, second)
    clock.now += 2
    assert await leads(leases, second)


async def test_an_operator_outside_of_the_cluster_has_no_pod(leases: Leases, clock: Clock) -> None:
    assert await leads(leases, candidate(leases, "laptop_42"))
    leases.pod, second = NotFound(404, "NotFound", "no pod"), candidate(leases, "b")
    assert not await leads(leases, second)
    clock.now += LEASE_SECONDS - 1
    assert not await leads(leases, second)


async def test_a_renewal_is_one_request(leases: Leases, first: Leadership) -> None:
    requests = leases.requests
    assert await leads(leases, first)
    assert leases.requests == requests + 1


async def test_a_leader_renews_a_lease_that_another_writer_has_changed(leases: Leases, first: Leadership) -> None:
    leases.objects.patch("leases", "epochal-system", "epochal", {"metadata": {"annotations": {"note": "kept"}}})
    assert await leads(leases, first)
    lease = leases.objects.get("leases", "epochal-system", "epochal")
    assert (lease["spec"]["holderIdentity"], lease["metadata"]["annotations"]) == ("a", {"note": "kept"})


async def test_a_restarted_container_of_the_same_pod_leads_at_once(leases: Leases) -> None:
    assert await leads(leases, candidate(leases, "a"))
    assert await leads(leases, candidate(leases, "a"))


async def test_a_released_lease_is_free_at_once(leases: Leases, first: Leadership) -> None:
    await first.release()
    assert await leads(leases, candidate(leases, "b"))
    await first.release()
    assert leases.spec["holderIdentity"] == "b"


async def test_a_candidate_waits_while_the_api_server_is_unavailable(leases: Leases) -> None:
    leases.is_down = True
    waiting = asyncio.create_task(candidate(leases, "a").acquire())
    await until(lambda: leases.reads > 2)
    assert not waiting.done()
    leases.is_down = False
    async with asyncio.timeout(5):
        await waiting


async def test_a_leader_stops_when_another_holds_the_lease(leases: Leases, first: Leadership) -> None:
    task = await holding(leases, first)
    leases.objects.patch("leases", "epochal-system", "epochal", {"spec": {"holderIdentity": "b"}})
    await lost(task, "another replica")


async def test_a_leader_that_cannot_renew_stops_before_the_lease_expires(
    leases: Leases, clock: Clock, first: Leadership
) -> None:
    leases.is_down = True
    task = await holding(leases, first)
    clock.now += RENEW_DEADLINE_SECONDS + 1
    await lost(task, "cannot renew the leader lease for 25 s")


async def test_one_request_that_hangs_does_not_lose_the_lease(leases: Leases, clock: Clock, first: Leadership) -> None:
    leases.hangs = True
    task = await holding(leases, first)
    leases.hangs = False
    version = leases.objects.version
    clock.now += 1
    await until(lambda: first.seconds_left() == LEASE_SECONDS)
    assert leases.objects.version > version
    assert not task.done()
    task.cancel()


async def test_the_lease_duration_starts_at_the_request(leases: Leases, clock: Clock) -> None:
    """Others may have seen it written at any moment in between, and count from there."""
    first = candidate(leases, "a")
    leases.seconds = 1.5
    assert await leads(leases, first)
    assert first.seconds_left() == LEASE_SECONDS - 1.5
    clock.now += LEASE_SECONDS - 1.5
    with pytest.raises(LeaseLost):
        first.seconds_left()


async def test_the_time_for_writes_ends_with_the_lease(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, "a")
    with pytest.raises(LeaseLost):
        first.seconds_left()
    assert await leads(leases, first)
    assert first.seconds_left() == LEASE_SECONDS
    clock.now += LEASE_SECONDS - 1
    assert first.seconds_left() == 1
    clock.now += 1
    with pytest.raises(LeaseLost):
        first.seconds_left()


async def test_a_released_lease_permits_no_writes(first: Leadership) -> None:
    await first.release()
    with pytest.raises(LeaseLost):
        first.seconds_left()


@pytest.mark.parametrize("spec", [None, {}, {"holderIdentity": "a"}, {"holderIdentity": ""}])
async def test_an_emptied_lease_is_acquired_and_released(leases: Leases, spec: dict[str, Any] | None) -> None:
    emptied = {"metadata": {"name": "epochal"}} | ({} if spec is None else {"spec": spec})
    leases.objects.create("leases", "epochal-system", emptied)
    first = candidate(leases, "a")
    assert await leads(leases, first)
    assert leases.spec["holderIdentity"] == "a"
    leases.objects.replace("leases", "epochal-system", emptied)
    await first.release()
    assert await leads(leases, candidate(leases, "b"))
