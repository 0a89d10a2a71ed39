"""Limits the memory of all users and of each user for objects of the API server, results of runs, and answers."""

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from epochal_studio.shares import Shares

MAX_BYTES, MAX_USER_BYTES = 384 * 2**20, 192 * 2**20
"""Maximum bytes of memory of all users, and of one user. Requests that need more are refused."""
JSON = 24
"""Maximum bytes of memory that one byte of JSON needs after it is parsed."""

P = ParamSpec("P")
T = TypeVar("T")


class Memory(Shares):
    """Counts the memory that calls and answers have reserved, and refuses reservations above the limits.

    A call in a thread reserves memory before it reads a large object. The reservation ends with the call, even if the
    browser has disconnected. An answer reserves memory until it is sent. A request that changes an object reserves the
    memory of its answer before the change.

    Args:
        most: Maximum bytes of all users.
        most_of_user: Maximum bytes of one user.
    """

    def __init__(self, most: int = MAX_BYTES, most_of_user: int = MAX_USER_BYTES) -> None:
        super().__init__(
            most,
            most_of_user,
            "Studio is reading too many large objects and files for all users.",
            "Studio is reading too many large objects and files for you already.",
        )
        self._call = threading.local()

    def reserve(self, size: int) -> None:
        """Reserve bytes for the call that runs in this thread; a negative number releases bytes.

        Raises:
            Refusal: 503, if the bytes exceed the limit of the user or of all users.
        """
        self.add(self._call.user, size)
        self._call.size += size

    def reserve_json(self, size: int) -> None:
        """Reserve the memory to parse `size` bytes of JSON in this thread's call; a negative size releases it.

        Raises:
            Refusal: 503, if the memory exceeds the limit of the user or of all users.
        """
        self.reserve(JSON * size)

    def call(self, user: str, function: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> T:
        """Call a function for a user in this thread, release the memory that it reserved, and return its result."""
        self._call.user, self._call.size = user, 0
        try:
            return function(*args, **options)
        finally:
            self.reserve(-self._call.size)
