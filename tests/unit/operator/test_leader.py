"""The election: against a Lease in memory, with resourceVersions as the API server counts them."""

import asyncio
import copy
from typing import Any, cast

import pytest
from epochal_operator import leader
from epochal_operator.kube import Conflict, Kube, NotFound, Unavailable
from epochal_operator.leader import LEASE_SECONDS, Leadership, LeaseLost


class Leases:
    """One Lease, as the API server keeps it."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.away = False
        self.hangs = False

    async def get_lease(self, *_: str) -> dict[str, Any]:
        await self._answer()
        if self.lease is None:
            raise NotFound(404, "NotFound", "no lease")
        return copy.deepcopy(self.lease)

    async def create_lease(self, lease: dict[str, Any]) -> dict[str, Any]:
        await self._answer()
        if self.lease is not None:
            raise Conflict(409, "AlreadyExists", "exists")
        return self._keep(lease)

    async def replace_lease(self, lease: dict[str, Any]) -> dict[str, Any]:
        await self._answer()
        if lease["metadata"]["resourceVersion"] != str(self.version):
            raise Conflict(409, "Conflict", "has changed")
        return self._keep(lease)

    def _keep(self, lease: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.lease = copy.deepcopy(lease)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        return self.lease

    async def _answer(self) -> None:
        await asyncio.sleep(3600 if self.hangs else 0)
        if self.away:
            raise Unavailable(0, "", "away")

    @property
    def holder(self) -> str:
        assert self.lease is not None
        holder = self.lease["spec"]["holderIdentity"]
        assert isinstance(holder, str)
        return holder


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def leases(monkeypatch: pytest.MonkeyPatch) -> Leases:
    for name in ("RENEW_SECONDS", "WAIT_SECONDS"):
        monkeypatch.setattr(leader, name, 0.002)
    monkeypatch.setattr(leader, "TRY_SECONDS", 0.05)
    return Leases()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def candidate(leases: Leases, clock: Clock, name: str) -> Leadership:
    return Leadership(cast("Kube", leases), "epochal-system", "epochal", name, clock)


async def acquired(one: Leadership, seconds: float = 0.05) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await one.acquire()
    except TimeoutError:
        return False
    return True


async def test_one_of_two_leads(leases: Leases, clock: Clock) -> None:
    candidates = [candidate(leases, clock, name) for name in "ab"]
    won = await asyncio.gather(*map(acquired, candidates))
    assert sorted(won) == [False, True]
    assert leases.holder == "ab"[won.index(True)]


async def test_another_takes_over_once_the_lease_was_not_touched_for_its_whole_time(
    leases: Leases, clock: Clock
) -> None:
    assert await acquired(candidate(leases, clock, "a"))
    second = candidate(leases, clock, "b")
    assert not await acquired(second)
    clock.now += LEASE_SECONDS - 1
    assert not await acquired(second)
    clock.now += 2
    assert await acquired(second)
    assert leases.lease is not None
    assert leases.lease["spec"]["leaseTransitions"] == 1


async def test_a_lease_that_is_renewed_is_not_taken(leases: Leases, clock: Clock) -> None:
    first, second = candidate(leases, clock, "a"), candidate(leases, clock, "b")
    assert await acquired(first)
    for _ in range(5):
        clock.now += LEASE_SECONDS - 1
        assert await acquired(first)
        assert not await acquired(second)


async def test_a_container_started_again_in_its_pod_leads_on_at_once(leases: Leases, clock: Clock) -> None:
    assert await acquired(candidate(leases, clock, "a"))
    assert await acquired(candidate(leases, clock, "a"))


async def test_a_lease_that_was_given_back_is_free_at_once(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    assert await acquired(first)
    await first.release()
    assert await acquired(candidate(leases, clock, "b"))
    await first.release()
    assert leases.holder == "b"


async def test_it_waits_while_the_api_server_is_away(leases: Leases, clock: Clock) -> None:
    leases.away = True
    waiting = asyncio.create_task(candidate(leases, clock, "a").acquire())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    leases.away = False
    async with asyncio.timeout(5):
        await waiting


async def test_a_leader_that_another_has_replaced_ends(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    assert await acquired(first)
    holding = asyncio.create_task(first.hold())
    await asyncio.sleep(0.01)
    assert not holding.done()
    assert leases.lease is not None
    leases.lease["spec"]["holderIdentity"] = "b"
    with pytest.raises(LeaseLost, match="another process"):
        async with asyncio.timeout(5):
            await holding


async def test_a_leader_that_cannot_renew_ends_before_others_take_over(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    assert await acquired(first)
    leases.away = True
    holding = asyncio.create_task(first.hold())
    await asyncio.sleep(0.01)
    assert not holding.done()
    clock.now += LEASE_SECONDS - 4
    with pytest.raises(LeaseLost, match="could not be renewed for 10 s"):
        async with asyncio.timeout(5):
            await holding


async def test_one_request_that_hangs_costs_no_lease(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    assert await acquired(first)
    leases.hangs = True
    holding = asyncio.create_task(first.hold())
    await asyncio.sleep(0.1)
    leases.hangs = False
    version = leases.version
    await asyncio.sleep(0.1)
    assert leases.version > version
    assert not holding.done()
    holding.cancel()


async def test_what_a_leader_may_still_write_ends_with_its_lease(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    with pytest.raises(LeaseLost):
        first.seconds_left()
    assert await acquired(first)
    assert first.seconds_left() == LEASE_SECONDS
    clock.now += LEASE_SECONDS - 1
    assert first.seconds_left() == 1
    clock.now += 1
    with pytest.raises(LeaseLost):
        first.seconds_left()


async def test_whoever_gave_the_lease_back_may_write_nothing(leases: Leases, clock: Clock) -> None:
    first = candidate(leases, clock, "a")
    assert await acquired(first)
    await first.release()
    with pytest.raises(LeaseLost):
        first.seconds_left()
