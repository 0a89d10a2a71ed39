"""Checks the YAML documents of all users, in threads, with few concurrent requests to the checker."""

import asyncio

from epochal_api.checker import Answer

from epochal_studio.access import Access
from epochal_studio.long_answers import LongAnswers
from epochal_studio.networks.checker import Checker, NoAnswer
from epochal_studio.networks.conclude import with_answer, without_answer
from epochal_studio.networks.examine import Examined, examine
from epochal_studio.networks.latest import Latest
from epochal_studio.shielded import ShieldedTasks
from epochal_studio.wire.common import Problem
from epochal_studio.wire.networks import Checked

MAX_ASKING = 4
"""Maximum concurrent requests to the checker. Its queue has 16 places, which the operator uses, too."""
WAIT_SECONDS = 6.0
_BUSY = Problem(
    reason="Overloaded",
    message="The checker is busy with the networks of other users, so the shapes of layers are unknown.",
    remedy="Try again in a few seconds.",
)
_UNREADABLE = Problem(
    reason="Unreachable",
    message="The answer of the checker cannot be read. The checker may have another version than Studio.",
    remedy="Ask an administrator to upgrade Studio and the checker with the chart.",
)


class Checks:
    """Runs the checks of all users: one check at a time for each user.

    Args:
        checker: The client of the checker.
        documents: Limits the documents that are parsed at the same time.
    """

    def __init__(self, checker: Checker, documents: LongAnswers) -> None:
        self._checker = checker
        self._documents = documents
        self._latest = Latest()
        self._asking = asyncio.Semaphore(MAX_ASKING)
        self._tasks = ShieldedTasks()

    async def check(self, access: Access, text: str, page: str = "") -> Checked:
        """Return the problems of a YAML document, and the shapes of its layers, or why the shapes are unknown.

        The checker builds a network to the end even if the browser disconnects, so the next check of the user waits
        until then.

        Raises:
            Refusal: 503, if a newer document of the same page replaces this waiting check, or too many checks of the
                user or of all users wait.
        """
        await self._latest.begin(access.owner, page)
        return await self._tasks.run(self._check(access, text), at_end=lambda: self._latest.end(access.owner))

    async def close(self) -> None:
        """Cancel the running checks, and wait for their end."""
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
