"""The checks of all users: documents are read in threads, and few questions at a time go to the checker."""

import asyncio
from functools import partial

from epochal_api.checker import Answer

from epochal_studio.access import Access
from epochal_studio.networks.checker import Checker, NoAnswer
from epochal_studio.networks.conclude import with_answer, without_answer
from epochal_studio.networks.examine import Examined, examine
from epochal_studio.networks.latest import Latest
from epochal_studio.wire import Checked, Problem

MAX_READING = 2
"""Maximum documents that are read at a time: reading holds back the event loop."""
MAX_ASKING = 4
"""Maximum questions at a time. 16 may wait at the checker, of which the operator needs some, too."""
WAIT_SECONDS = 6.0
_BUSY = Problem(
    reason="Overloaded",
    message="The checker has the questions of other users now, so the shapes of layers are unknown.",
    remedy="Try again in a few seconds.",
)
_UNREADABLE = Problem(
    reason="Unreachable",
    message="The answer of the checker cannot be read. It may have another version than Studio.",
    remedy="Ask an administrator to upgrade both with the chart.",
)


class Checks:
    """The checks of all users.

    Args:
        checker: The checker.
    """

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._latest = Latest()
        self._reading = asyncio.Semaphore(MAX_READING)
        self._asking = asyncio.Semaphore(MAX_ASKING)
        self._running: set[asyncio.Task[Checked]] = set()

    async def check(self, access: Access, text: str) -> Checked:
        """Return what is known of a document.

        The checker builds a network to the end even if the page leaves, so the turn of the user lasts until then.

        Raises:
            Refusal: If a newer document of the user is checked in place of this one, or Studio is busy.
        """
        await self._latest.begin(access.owner)
        task = asyncio.create_task(self._check(access, text))
        self._running.add(task)
        task.add_done_callback(partial(self._end, access.owner))
        return await asyncio.shield(task)

    def _end(self, owner: str, task: "asyncio.Task[Checked]") -> None:
        self._running.discard(task)
        self._latest.end(owner)
        if not task.cancelled():
            task.exception()  # the page may have left

    async def close(self) -> None:
        """End the checks under way."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _check(self, access: Access, text: str) -> Checked:
        async with self._reading:
            examined = await access.in_thread(examine, text)
        if examined.question is None:
            return without_answer(examined, examined.reason)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._asking.acquire()
        except TimeoutError:
            return without_answer(examined, _BUSY)
        try:
            answer = await self._checker.ask(examined.question)
        except NoAnswer as error:
            return without_answer(examined, error.problem)
        finally:
            self._asking.release()
        return await access.in_thread(_conclude, examined, answer)


def _conclude(examined: Examined, content: bytes) -> Checked:
    try:
        answer = Answer.model_validate_json(content)
    except ValueError:
        return without_answer(examined, _UNREADABLE)
    return with_answer(examined, answer)
