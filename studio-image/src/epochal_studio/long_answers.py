"""A bound on answers that last: downloads, followed logs, comparisons, and those of model servers.

They hold memory, and connections.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from epochal_studio.problems import too_busy
from epochal_studio.shielded import ShieldedTasks

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
MAX_IMPORTS, MAX_USER_IMPORTS = 4, 1
"""Maximum imports of all users, and of one user. Each holds its file on the disk, while a slow browser sends it."""
MAX_EXPORTS, MAX_USER_EXPORTS = 4, 1
"""Maximum exports of all users, and of one user."""
MAX_PROCESSES = 2
"""Maximum processes of imports and exports. Each has at most 192 MiB."""

T = TypeVar("T")


class LongAnswers:
    """The answers that last.

    Args:
        most: Maximum long answers of all users.
        most_of_user: Maximum long answers of one user.
        name: Their name for users.
    """

    def __init__(
        self, most: int = MAX_ANSWERS, most_of_user: int = MAX_USER_ANSWERS, name: str = "downloads and logs"
    ) -> None:
        self._most = most
        self._most_of_user = most_of_user
        self._name = name
        self._held: Counter[str] = Counter()
        self._tasks = ShieldedTasks()

    @property
    def count(self) -> int:
        """Number of long answers now."""
        return self._held.total()

    @contextmanager
    def hold(self, user: str) -> Iterator[None]:
        """Count a long answer of a user until the end of the block.

        Raises:
            Refusal: If there are too many.
        """
        if self._held[user] >= self._most_of_user:
            raise too_busy(f"You have {self._most_of_user} {self._name} open already: close one of them.")
        if self.count >= self._most:
            raise too_busy(f"Studio has too many {self._name} open.")
        self._held[user] += 1
        try:
            yield
        finally:
            self._held[user] -= 1
            if not self._held[user]:
                del self._held[user]

    async def to_its_end(self, user: str, read: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a call in a thread, which counts to its end even if the page leaves.

        Python cannot stop a thread. A page that leaves and comes back would otherwise have more calls than allowed.

        Raises:
            Refusal: If there are too many.
        """

        async def held() -> T:
            with self.hold(user):
                return await read()

        return await self._tasks.run(held())
