"""A bound on the memory of all users together, for objects of the API server, results of runs, and their answers."""

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from epochal_studio.shares import Shares

MAX_BYTES, MAX_USER_BYTES = 384 * 2**20, 192 * 2**20
"""Maximum bytes of memory of all users, and of one user."""
JSON = 24
"""Bytes of memory for a byte of hostile JSON, as Python objects."""

P = ParamSpec("P")
T = TypeVar("T")


class Memory(Shares):
    """The memory that calls and answers take.

    A call in a thread reserves memory before it reads something large. The memory counts until the call ends, even if
    its page has left. An answer holds memory until it is sent. A change of an object reserves both before it is made.

    Args:
        most: Maximum bytes of all users.
        most_of_user: Maximum bytes of one user.
    """

    def __init__(self, most: int = MAX_BYTES, most_of_user: int = MAX_USER_BYTES) -> None:
        super().__init__(
            most,
            most_of_user,
            "Studio reads too many large objects and files now.",
            "Studio reads too many large objects and files for you now.",
        )
        self._call = threading.local()

    def reserve(self, size: int) -> None:
        """Count bytes for the call of this thread; a negative number gives bytes back.

        Raises:
            Refusal: If they do not fit.
        """
        self.add(self._call.user, size)
        self._call.size += size

    def reserve_json(self, size: int) -> None:
        """Count the memory of JSON for the call of this thread; a negative number of bytes gives it back.

        Raises:
            Refusal: If it does not fit.
        """
        self.reserve(JSON * size)

    def call(self, user: str, function: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> T:
        """Return the result of a call for a user, and give back its memory."""
        self._call.user, self._call.size = user, 0
        try:
            return function(*args, **options)
        finally:
            self.reserve(-self._call.size)
