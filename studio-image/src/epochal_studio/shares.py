"""A bound for all users together, and a lower one for each of them, so that one user leaves a part to the others."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from epochal_studio.problems import too_busy


class Shares:
    """The shares that users hold of a number of places or bytes. Threads may share it.

    Args:
        most: Maximum of all users.
        most_of_user: Maximum of one user.
        all_hold: Message if all users hold too much.
        user_holds: Message if one user holds too much.
    """

    def __init__(self, most: int, most_of_user: int, all_hold: str, user_holds: str) -> None:
        self._most = most
        self._most_of_user = most_of_user
        self._all_hold = all_hold
        self._user_holds = user_holds
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """The places or bytes that all users hold now."""
        return self._held.total()

    def add(self, user: str, size: int) -> None:
        """Add to the share of a user; a negative size gives back.

        Raises:
            Refusal: If there is too little left.
        """
        with self._lock:
            if size > 0 and self._held[user] + size > self._most_of_user:
                raise too_busy(self._user_holds)
            if size > 0 and self.count + size > self._most:
                raise too_busy(self._all_hold)
            self._held[user] += size
            if not self._held[user]:
                del self._held[user]

    @contextmanager
    def hold(self, user: str, size: int = 1) -> Iterator[None]:
        """Add to the share of a user until the end of the block.

        Raises:
            Refusal: If there is too little left.
        """
        self.add(user, size)
        try:
            yield
        finally:
            self.add(user, -size)
