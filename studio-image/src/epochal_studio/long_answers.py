"""The maximum numbers of concurrent requests: of all requests, and lower numbers of long or large requests.

Long and large requests are downloads, logs, comparisons and others, which keep memory and connections in use.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TypeVar
from weakref import WeakValueDictionary

from epochal_studio.shares import Shares
from epochal_studio.shielded import ShieldedTasks

MAX_REQUESTS, MAX_USER_REQUESTS = 900, 128
"""Maximum concurrent requests of all signed-in users, and of one user: fewer than the 1,000 connections.

Requests above this or a following maximum for all users and one user are refused.
"""
MAX_ANSWERS = 64
"""Maximum concurrent downloads and logs of all users. Each keeps at most one piece of a file in memory."""
MAX_USER_ANSWERS = 6
MAX_COMPARISONS, MAX_USER_COMPARISONS = 3, 2
"""Maximum concurrent comparisons of all users, and of one user. Each needs at most about 32 MiB of memory."""
MAX_PREDICTIONS, MAX_USER_PREDICTIONS = 16, 4
"""Maximum concurrent predictions of all users, and of one user. Each keeps a part of its body, or an answer of at most
4 MiB, in memory."""
MAX_MODEL_READS, MAX_USER_MODEL_READS = 12, 3
"""Maximum concurrent reads of model servers' descriptions and metrics, of all users and of one user. Each needs at most
4 MiB of memory."""
MAX_PREVIEWS, MAX_USER_PREVIEWS = 3, 2
"""Maximum concurrent previews of data of all users, and of one user. Each needs at most about 24 MiB of memory."""
MAX_CAPACITIES, MAX_USER_CAPACITIES = 4, 2
"""Maximum concurrent requests for the nodes' resources, of all users and of one user. Each lists all pods."""
MAX_DOCUMENTS, MAX_USER_DOCUMENTS, MAX_READING = 64, 4, 2
"""Maximum YAML documents that are parsed or wait, of all users and of one user, and maximum that are parsed at the same
time: parsing slows down the event loop."""
MAX_HISTORIES, MAX_USER_HISTORIES = 96, 12
"""Maximum files history.csv that are read or wait, of all users and of one user."""
MAX_READING_HISTORIES, MAX_USER_READING_HISTORIES = 3, 2
"""Maximum files history.csv that are read at the same time, of all users and of one user: parsing slows down the event
loop, and a storage that does not answer keeps its turn."""
MAX_IMPORTS, MAX_USER_IMPORTS = 4, 1
"""Maximum concurrent imports of all users, and of one user. Each stores its file on the disk while it arrives."""
MAX_EXPORTS, MAX_USER_EXPORTS = 4, 1
"""Maximum concurrent exports of all users, and of one user."""
MAX_PROCESSES = 2
"""Maximum concurrent child processes of imports and exports. Each may use at most 192 MiB."""

T = TypeVar("T")


class LongAnswers(Shares):
    """Counts the running requests of one type, and refuses requests above the maximum of a user or of all users.

    Args:
        most: Maximum requests of all users.
        most_of_user: Maximum requests of one user.
        name: Plural name of the requests, for messages.
        turns: Maximum calls of `to_its_end` that run at the same time; further calls wait. None: no such limit.
        user_turns: The same maximum for the calls of one user. None: no such limit.
    """

    def __init__(
        self,
        most: int = MAX_ANSWERS,
        most_of_user: int = MAX_USER_ANSWERS,
        name: str = "downloads and logs",
        turns: int | None = None,
        user_turns: int | None = None,
    ) -> None:
        super().__init__(
            most,
            most_of_user,
            f"Studio has too many {name} under way.",
            f"You have {most_of_user} {name} under way already: wait for one, or close its page.",
        )
        self._turns = _turns(turns)
        self._user_turns = user_turns
        self._turns_of_users: WeakValueDictionary[str, AbstractAsyncContextManager[None]] = WeakValueDictionary()
        self._tasks = ShieldedTasks()

    async def to_its_end(self, user: str, read: Callable[[], Awaitable[T]]) -> T:
        """Await `read` to its end, even if the browser disconnects, and return its result.

        The call counts against the limits until its end, because Python cannot stop its thread. Otherwise a user could
        exceed the limit by loading a page again and again.

        Args:
            user: Key of the user's limit.
            read: Returns the awaitable to run.

        Raises:
            Refusal: 503, if this user, or all users together, have too many such requests.
        """

        async def held() -> T:
            with self.hold(user):
                async with self._turns_of_users.setdefault(user, _turns(self._user_turns)), self._turns:
                    return await read()

        return await self._tasks.run(held())


def _turns(most: int | None) -> AbstractAsyncContextManager[None]:
    return nullcontext() if most is None else asyncio.Semaphore(most)
