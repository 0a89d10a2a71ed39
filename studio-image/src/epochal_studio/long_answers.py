"""Maximum numbers of requests, and lower ones of requests that last: downloads, logs, comparisons, and more.

They hold memory, and connections.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TypeVar

from epochal_studio.shares import Shares
from epochal_studio.shielded import ShieldedTasks

MAX_REQUESTS, MAX_USER_REQUESTS = 900, 128
"""Maximum requests of all signed-in users, and of one user. Each keeps its connection, of which there are 1,000."""
MAX_ANSWERS = 64
"""Maximum downloads and logs of all users. Each holds at most one piece of a file."""
MAX_USER_ANSWERS = 6
MAX_COMPARISONS, MAX_USER_COMPARISONS = 3, 2
"""Maximum comparisons of all users, and of one user. Each holds at most about 32 MiB."""
MAX_PREDICTIONS, MAX_USER_PREDICTIONS = 16, 4
"""Maximum predictions of all users, and of one user. Each holds a part of its body, or an answer of at most 4 MiB."""
MAX_MODEL_READS, MAX_USER_MODEL_READS = 12, 3
"""Maximum reads of model servers, of all users and of one user. Each holds at most 4 MiB."""
MAX_PREVIEWS, MAX_USER_PREVIEWS = 3, 2
"""Maximum previews of data of all users, and of one user. Each holds at most about 24 MiB."""
MAX_CAPACITIES, MAX_USER_CAPACITIES = 4, 2
"""Maximum lists of nodes and pods of all users, and of one user: each requests all pods of the cluster."""
MAX_DOCUMENTS, MAX_USER_DOCUMENTS, MAX_READING = 64, 4, 2
"""Maximum documents that are read or wait, of all users and of one user, and those that are read at a time: each holds
back the event loop while it is read."""
MAX_IMPORTS, MAX_USER_IMPORTS = 4, 1
"""Maximum imports of all users, and of one user. Each holds its file on the disk, while a slow browser sends it."""
MAX_EXPORTS, MAX_USER_EXPORTS = 4, 1
"""Maximum exports that run at the same time, of all users and of one user."""
MAX_PROCESSES = 2
"""Maximum processes of imports and exports. Each has at most 192 MiB."""

T = TypeVar("T")


class LongAnswers(Shares):
    """Counts the requests of a type that last, and refuses those above the maximum of a user or of all users.

    Args:
        most: Maximum long answers of all users.
        most_of_user: Maximum long answers of one user.
        name: Their name for users.
        turns: Maximum that are read at a time, if the others wait for their turn.
    """

    def __init__(
        self,
        most: int = MAX_ANSWERS,
        most_of_user: int = MAX_USER_ANSWERS,
        name: str = "downloads and logs",
        turns: int | None = None,
    ) -> None:
        super().__init__(
            most,
            most_of_user,
            f"Studio has too many {name} under way.",
            f"You have {most_of_user} {name} under way already: wait for one, or close its page.",
        )
        self._turns: AbstractAsyncContextManager[None] = nullcontext() if turns is None else asyncio.Semaphore(turns)
        self._tasks = ShieldedTasks()

    async def to_its_end(self, user: str, read: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a call in a thread, which counts to its end even if the page leaves.

        Python cannot stop a thread. A page that leaves and comes back would otherwise have more calls than allowed.

        Raises:
            Refusal: If there are too many.
        """

        async def held() -> T:
            with self.hold(user):
                async with self._turns:
                    return await read()

        return await self._tasks.run(held())
