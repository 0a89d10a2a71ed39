"""Reads the documents of users in threads, few at a time: each holds back the event loop while it is read."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from epochal_studio.access import Access
from epochal_studio.problems import too_busy
from epochal_studio.shielded import ShieldedTasks

MAX_READING = 2
"""Maximum documents that are read at a time."""
MAX_DOCUMENTS, MAX_USER_DOCUMENTS = 64, 4
"""Maximum documents that are read or wait, of all users, and of one user."""

P = ParamSpec("P")
T = TypeVar("T")


class Readers:
    """The documents of all users that are read or wait."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(MAX_READING)
        self._held: Counter[str] = Counter()
        self._tasks = ShieldedTasks()

    @property
    def count(self) -> int:
        """Number of documents that are read or wait."""
        return self._held.total()

    async def run(self, access: Access, read: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Return the result of reading a document.

        Python cannot stop a thread, so a document counts until it is read, even if the page has left.

        Raises:
            Refusal: If too many documents wait.
        """
        if self._held[access.owner] >= MAX_USER_DOCUMENTS:
            raise too_busy(f"{MAX_USER_DOCUMENTS} of your documents are read already.")
        if self.count >= MAX_DOCUMENTS:
            raise too_busy("Studio reads the documents of many users now.")
        self._held[access.owner] += 1
        return await self._tasks.run(self._run(access, read, *args, **options), at_end=lambda: self._end(access.owner))

    async def _run(self, access: Access, read: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        async with self._turns:
            return await access.in_thread(read, *args, **options)

    def _end(self, owner: str) -> None:
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
