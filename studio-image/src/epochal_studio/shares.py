"""A limit for all users together, and a lower limit for each user, so that one user cannot use up the whole limit."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from epochal_studio.problems import too_busy


class Shares:
    """Counts the units (requests or bytes) that each user has in use, with a maximum for a user and for all users.

    It is safe to use from several threads.

    Args:
        most: Maximum units of all users together.
        most_of_user: Maximum units of one user.
        all_hold: Message of the Refusal above the maximum of all users.
        user_holds: Message of the Refusal above the maximum of one user.
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
        """The units that all users together have in use."""
        return self._held.total()

    def add(self, user: str, size: int) -> None:
        """Add `size` units to those in use by a user; a negative size releases units.

        Raises:
            Refusal: 503, if the sum exceeds the maximum of the user or of all users.
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
        """Count `size` units as in use by a user until the end of the `with` block.

        Raises:
            Refusal: 503, if the sum exceeds the maximum of the user or of all users.
        """
        self.add(user, size)
        try:
            yield
        finally:
            self.add(user, -size)
