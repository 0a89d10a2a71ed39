"""Asking in several processes: who waits for whom, and which of them is asked."""

import asyncio

import pytest
from epochal_operator.experiment.search.child import Searcher, SearchTooSlow
from epochal_operator.experiment.search.lanes import LANES, Lanes
from epochal_operator.experiment.search.request import Request, Response

from tests.unit.operator.experiment.search.test_suggest import request

LONG, SHORT, SLOW = request(trials=(1, 2)), request(trials=(3,)), request(trials=(4,))


class Asked(Searcher):
    """Answers a long question once it may, and remembers all that it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Request] = []
        self.goes_on = asyncio.Event()
        self.closed = False

    async def ask(self, request: Request) -> Response:
        self.asked.append(request)
        if request is LONG:
            await self.goes_on.wait()
        if request is SLOW:
            raise SearchTooSlow("the search took longer than 30 s")
        return Response()

    async def close(self) -> None:
        self.closed = True


async def test_a_question_that_takes_long_holds_no_other_one_up() -> None:
    searchers = [Asked() for _ in range(LANES)]
    lanes = Lanes(searchers)
    long = asyncio.create_task(lanes.ask(LONG))
    await asyncio.sleep(0)
    for _ in range(3):
        await lanes.ask(SHORT)
    assert not long.done()
    assert [len(one.asked) for one in searchers] == [3, 1]
    searchers[1].goes_on.set()
    assert await long == Response()


async def test_who_has_answered_last_is_asked_next_and_no_more_than_needed() -> None:
    searchers = [Asked() for _ in range(LANES)]
    lanes = Lanes(searchers)
    for _ in range(3):
        await lanes.ask(SHORT)
    assert [len(one.asked) for one in searchers] == [0, 3]


async def test_of_many_questions_all_are_answered_though_some_fail() -> None:
    searchers = [Asked() for _ in range(LANES)]
    lanes = Lanes(searchers)
    for _ in range(LANES):
        with pytest.raises(SearchTooSlow):
            await lanes.ask(SLOW)
    long = [asyncio.create_task(lanes.ask(LONG)) for _ in range(LANES)]
    waits = asyncio.create_task(lanes.ask(SHORT))
    await asyncio.sleep(0)
    assert not waits.done()
    searchers[0].goes_on.set()
    assert await waits == Response()
    searchers[1].goes_on.set()
    await asyncio.gather(*long)


async def test_all_are_closed() -> None:
    searchers = [Asked() for _ in range(LANES)]
    await Lanes(searchers).close()
    assert all(one.closed for one in searchers)
