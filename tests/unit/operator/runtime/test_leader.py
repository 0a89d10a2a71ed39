"""The election: against Leases in memory, by the rules of the API server."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime import leader
from epochal_operator.runtime.api.errors import Conflict, NotFound, Unavailable
from epochal_operator.runtime.api.resource import Resource
from epochal_operator.runtime.leader import LEASE_SECONDS, Leadership, LeaseLost

from tests.kit.fake.objects import Objects, Refusal

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube


class Leases:
    """The Leases of an API server, and what may be wrong with it."""

    def __init__(self, clock: "Clock") -> None:
        self.objects = Objects("epochal-system")
        self.clock = clock
        self.looks = 0
        self.takes = 0.0
        self.away = False
        self.hangs = False

    async def get(self, _: Resource, namespace: str, name: str) -> dict[str, Any]:
        self.looks += 1
        return await self._answer(lambda: self.objects.get("leases", namespace, name))

    async def create(self, _: Resource, lease: dict[str, Any]) -> dict[str, Any]:
        return await self._answer(lambda: self.objects.create("leases", lease["metadata"]["namespace"], lease))

    async def replace(self, _: Resource, lease: dict[str, Any]) -> dict[str, Any]:
        return await self._answer(lambda: self.objects.replace("leases", lease["metadata"]["namespace"], lease))

    async def _answer(self, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        await asyncio.sleep(3600 if self.hangs else 0)
        if self.away:
            raise Unavailable(0, "", "away")
        try:
            return do()
        except Refusal as refusal:
            kind = {404: NotFound, 409: Conflict}[refusal.status]
            raise kind(refusal.status, refusal.reason, refusal.message) from refusal
        finally:
            self.clock.now += self.takes

    @property
    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.objects.get("leases", "epochal-system", "epochal")["spec"]
        return spec


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Leases:
    for name in ("RENEW_SECONDS", "WAIT_SECONDS"):
        monkeypatch.setattr(leader, name, 0.002)
    monkeypatch.setattr(leader, "TRY_SECONDS", 0.05)
    return Leases(clock)


def candidate(leases: Leases, clock: Clock, name: str) -> Leadership:
    return Leadership(cast("Kube", leases), "epochal-system", "epochal", name, clock)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.001)


async def acquired(leases: Leases, *candidates: Leadership) -> list[bool]:
    """Returns which of some candidates lead once each had the time to look at the lease more than once."""
    waiting = [asyncio.create_task(one.acquire()) for one in candidates]
    enough = leases.looks + 4 * len(candidates)
    await until(lambda: leases.looks >= enough or all(task.done() for task in waiting))
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
    """Returns what renews a lease, once it has done so."""
    task, looks = asyncio.create_task(one.hold()), leases.looks
    await until(lambda: task.done() or leases.looks > looks + 1)
    assert not task.done()
    return task


async def lost(task: "asyncio.Task[None]", why: str) -> None:
    with pytest.raises(LeaseLost, match=why):
        async with asyncio.timeout(5):
            await task


async def test_one_of_two_leads(leases: Leases, clock: Clock) -> None:
    candidates = [candidate(leases, clock, name) for name in "ab"]
    won = await acquired(leases, *candidates)
    assert sorted(won) == [False, True]
    assert leases.spec["holderIdentity"] == "ab"[won.index(True)]


async def test_another_takes_over_once_the_lease_was_not_touched_for_its_whole_time(
    leases: Leases, clock: Clock
) -> None:
    assert await leads(leases, candidate(leases, clock, "a"))
    second = candidate(leases, clock, "b")
    assert not await leads(leases, second)
    clock.now += LEASE_SECONDS - 1
    assert not await leads(leases, second)
    clock.now += 2
    assert await leads(leases, second)
    assert leases.spec["leaseTransitions"] == 1


async def test_a_lease_that_is_renewed_is_not_taken(leases: Leases, clock: Clock) -> None:
    first, second = candidate(leases, clock, "a"), candidate(leases, clock, "b")
    assert await leads(leases, first)
    for _ in range(5):
        clock.now += LEASE_SECONDS - 1
        assert await leads(leases, first)
        assert not await leads(leases, second)


async def test_a_container_started_again_in_its_pod_leads_on_at_once(leases: Leases, clock: Clock) -> None:
    assert await leads(leases, candidate(leases, clock, "a"))
    assert await leads(leases, candidate(leases, clock, "a"))


async def test_a_lease_that_was_given_back_is_free_at_once(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    assert await leads(leases, first)
    await first.release()
    assert await leads(leases, candidate(leases, clock, "b"))
    await first.release()
    assert leases.spec["holderIdentity"] == "b"


async def test_it_waits_while_the_api_server_is_away(leases: Leases, clock: Clock) -> None:
    leases.away = True
    waiting = asyncio.create_task(candidate(leases, clock, "a").acquire())
    await until(lambda: leases.looks > 2)
    assert not waiting.done()
    leases.away = False
    async with asyncio.timeout(5):
        await waiting


async def test_a_leader_that_another_has_replaced_ends(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    assert await leads(leases, first)
    task = await holding(leases, first)
    leases.objects.patch("leases", "epochal-system", "epochal", {"spec": {"holderIdentity": "b"}})
    await lost(task, "another replica")


async def test_a_leader_that_cannot_renew_ends_before_others_take_over(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    assert await leads(leases, first)
    leases.away = True
    task = await holding(leases, first)
    clock.now += LEASE_SECONDS - 4
    await lost(task, "cannot renew the leader lease for 10 s")


async def test_one_request_that_hangs_costs_no_lease(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    assert await leads(leases, first)
    leases.hangs = True
    task = await holding(leases, first)
    leases.hangs = False
    version = leases.objects.version
    clock.now += 1
    await until(lambda: first.seconds_left() == LEASE_SECONDS)
    assert leases.objects.version > version
    assert not task.done()
    task.cancel()


async def test_a_lease_counts_from_the_question_not_from_the_answer(leases: Leases, clock: Clock) -> None:
    """Others may have seen it written at any moment in between, and count from there."""
    first = candidate(leases, clock, "a")
    leases.takes = 1.5
    assert await leads(leases, first)
    assert first.seconds_left() == LEASE_SECONDS - 3
    clock.now += LEASE_SECONDS - 3
    with pytest.raises(LeaseLost):
        first.seconds_left()


async def test_what_a_leader_may_still_write_ends_with_its_lease(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    with pytest.raises(LeaseLost):
        first.seconds_left()
    assert await leads(leases, first)
    assert first.seconds_left() == LEASE_SECONDS
    clock.now += LEASE_SECONDS - 1
    assert first.seconds_left() == 1
    clock.now += 1
    with pytest.raises(LeaseLost):
        first.seconds_left()


async def test_whoever_gave_the_lease_back_may_write_nothing(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    assert await leads(leases, first)
    await first.release()
    with pytest.raises(LeaseLost):
        first.seconds_left()


@pytest.mark.parametrize("spec", [None, {}, {"holderIdentity": "a"}, {"holderIdentity": ""}])
async def test_a_lease_that_somebody_emptied_is_led_by_and_given_back(
    leases: Leases, clock: Clock, spec: dict[str, Any] | None
) -> None:
    emptied = {"metadata": {"name": "epochal"}} | ({} if spec is None else {"spec": spec})
    leases.objects.create("leases", "epochal-system", emptied)
    first = candidate(leases, clock, "a")
    assert await leads(leases, first)
    assert leases.spec["holderIdentity"] == "a"
    leases.objects.replace("leases", "epochal-system", emptied)
    await first.release()
    assert await leads(leases, candidate(leases, clock, "b"))
