"""A bound on the bytes of the API server's answers in memory, of all users together."""

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from epochal_studio.problems import too_busy

MAX_BYTES = 16 * 2**20
"""Maximum bytes of the answers of all calls. As Python objects, hostile JSON needs 24 times its bytes."""

P = ParamSpec("P")
T = TypeVar("T")


class AnswerMemory:
    """The bytes of the answers that calls have read. They count until the call ends, since its result has them.

    Args:
        most: Maximum bytes.
    """

    def __init__(self, most: int = MAX_BYTES) -> None:
        self._most = most
        self._held = 0
        self._lock = threading.Lock()
        self._of_call = threading.local()

    @property
    def held(self) -> int:
        """Bytes that calls hold now."""
        return self._held

    def reserve(self, size: int) -> None:
        """Count bytes for the call of this thread; a negative number gives bytes back.

        Raises:
            Refusal: If they do not fit.
        """
        with self._lock:
            if size > 0 and self._held + size > self._most:
                raise too_busy("Studio reads too many large objects from the API server now.")
            self._held += size
        self._of_call.size = getattr(self._of_call, "size", 0) + size

    def call(self, function: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> T:
        """Return the result of a call, and give back its bytes."""
        try:
            return function(*args, **options)
        finally:
            self.reserve(-getattr(self._of_call, "size", 0))
