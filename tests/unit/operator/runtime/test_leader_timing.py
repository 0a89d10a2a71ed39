"""The leader election in virtual time, with an API server that is slow or silent for one of the processes."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime.api.errors import Conflict, NotFound
from epochal_operator.runtime.api.resource import PODS, Resource
from epochal_operator.runtime.leader import (
    ENDED_SECONDS,
    LEASE_SECONDS,
    RENEW_DEADLINE_SECONDS,
    RENEW_SECONDS,
    Leadership,
    LeaseLost,
)

from tests.kit.fake.objects import Objects, Refusal

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube

SLOW_SECONDS = 7.0
"""Seconds of each request to an API server on a machine with eight times as many busy threads as cores."""
RUNNING = {"status": {"phase": "Running", "containerStatuses": [{"name": "operator", "state": {"running": {}}}]}}


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer, so that no test waits."""

    def __init__(self) -> None:
        self._now = 1000.0
        loop = self

        class Selector(selectors.SelectSelector):
            def select(self, timeout: float | None = None) -> Any:
                loop._now += timeout or 0
                return super().select(0)

        super().__init__(Selector())

    def time(self) -> float:
        return self._now


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


class Way:
    """The way of one process to the API server.

    Args:
        seconds: Duration of each request.

    Attributes:
        silent: Start and end of the time in which requests get no answer.
    """

    def __init__(self, objects: Objects, seconds: float = 0.0) -> None:
        self._objects = objects
        self._seconds = seconds
        self.silent = 0.0, 0.0

    async def get(self, resource: Resource, namespace: str, name: str) -> Any:
        return await self._answer(lambda: RUNNING if resource == PODS else self._objects.get("leases", namespace, name))

    async def create(self, _: Resource, lease: Any) -> Any:
        return await self._answer(lambda: self._objects.create("leases", "epochal-system", lease))

    async def replace(self, _: Resource, lease: Any) -> Any:
        return await self._answer(lambda: self._objects.replace("leases", "epochal-system", lease))

    async def _answer(self, do: Callable[[], Any]) -> Any:
        begin, end = self.silent
        if begin <= now() < end:
            await asyncio.sleep(3600)
        await asyncio.sleep(self._seconds)
        try:
            return do()
        except Refusal as refusal:
            kind = {404: NotFound, 409: Conflict}[refusal.status]
            raise kind(refusal.status, refusal.reason, refusal.message) from refusal


def now() -> float:
    return asyncio.get_running_loop().time()


def candidate(way: Way, name: str) -> Leadership:
    return Leadership(cast("Kube", way), "epochal-system", "epochal", name, now)


def test_a_leader_stops_before_another_process_may_lead() -> None:
    assert RENEW_DEADLINE_SECONDS + 2 * RENEW_SECONDS < LEASE_SECONDS
    assert ENDED_SECONDS > 2 * RENEW_SECONDS


def test_slow_requests_do_not_lose_the_lease() -> None:
    async def main() -> None:
        objects = Objects("epochal-system")
        first = candidate(Way(objects, SLOW_SECONDS), "a")
        second = candidate(Way(objects), "b")
        await first.acquire()
        holding, waiting = asyncio.create_task(first.renew_until_lost()), asyncio.create_task(second.acquire())
        await asyncio.wait({holding, waiting}, timeout=3600, return_when=asyncio.FIRST_COMPLETED)
        assert not holding.done()
        assert not waiting.done()

    run(main)


def test_a_silence_of_20_seconds_does_not_lose_the_lease() -> None:
    async def main() -> None:
        way = Way(Objects("epochal-system"))
        first = candidate(way, "a")
        await first.acquire()
        holding = asyncio.create_task(first.renew_until_lost())
        await asyncio.sleep(60)
        way.silent = now(), now() + 20
        await asyncio.wait({holding}, timeout=600)
        assert not holding.done()

    run(main)


@pytest.mark.parametrize("offset", [0.0, 0.5, 1.0, 1.9, 2.0])
@pytest.mark.parametrize("seconds", [0.0, 1.0, 4.0])
def test_a_leader_without_answers_stops_before_another_leads(offset: float, seconds: float) -> None:
    async def main() -> None:
        objects = Objects("epochal-system")
        way = Way(objects, seconds)
        first, second = candidate(way, "a"), candidate(Way(objects), "b")
        await first.acquire()
        holding, waiting = asyncio.create_task(first.renew_until_lost()), asyncio.create_task(second.acquire())
        await asyncio.sleep(60 + offset)
        way.silent = now(), float("inf")
        began = now()
        with pytest.raises(LeaseLost):
            await holding
        assert not waiting.done()
        assert first.seconds_left() > 0
        await waiting
        assert now() - began < LEASE_SECONDS + seconds + 3

    run(main)
