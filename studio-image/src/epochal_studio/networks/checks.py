"""The checks of all users: documents are read in threads, and few questions at a time go to the checker."""

import asyncio

from epochal_api.checker import Answer

from epochal_studio.access import Access
from epochal_studio.long_answers import LongAnswers
from epochal_studio.networks.checker import Checker, NoAnswer
from epochal_studio.networks.conclude import with_answer, without_answer
from epochal_studio.networks.examine import Examined, examine
from epochal_studio.networks.latest import Latest
from epochal_studio.shielded import ShieldedTasks
from epochal_studio.wire import Checked, Problem

MAX_ASKING = 4
"""Maximum questions at a time. 16 may wait at the checker, of which the operator needs some, too."""
WAIT_SECONDS = 6.0
_BUSY = Problem(
    reason="Overloaded",
    message="The checker is busy with the networks of other users, so the shapes of layers are unknown.",
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
        documents: Bounds the documents that are read.
    """

    def __init__(self, checker: Checker, documents: LongAnswers) -> None:
        self._checker = checker
        self._documents = documents
        self._latest = Latest()
        self._asking = asyncio.Semaphore(MAX_ASKING)
        self._tasks = ShieldedTasks()

    async def check(self, access: Access, text: str) -> Checked:
        """Return the problems of a document, and the shapes of its layers, or why the shapes are unknown.

        The checker builds a network to the end even if the page leaves, so the turn of the user lasts until then.

        Raises:
            Refusal: If a newer document of the user is checked in place of this one, or Studio is busy.
        """
        await self._latest.begin(access.owner)
        return await self._tasks.run(self._check(access, text), at_end=lambda: self._latest.end(access.owner))

    async def close(self) -> None:
        """End the checks under way."""
        await self._tasks.close()

    async def _check(self, access: Access, text: str) -> Checked:
        examined = await self._documents.to_its_end(access.owner, lambda: access.in_thread(examine, text))
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
