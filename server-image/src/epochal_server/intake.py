"""How much may wait for an answer, and how many bytes of requests may be in memory meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from epochal_server.refusals import Busy

REFUSED_SECONDS = 0.05
"""How long whoever comes when too many wait is left without the answer that says so. Many come again at once, and to
refuse them again and again would take the time in which those who wait are to be answered."""


class Intake:
    """Refuses what there is no room for: by the number of requests that wait, and by the bytes of their bodies.

    Args:
        most_requests: How many may wait.
        most_bytes: What the bodies in hand may hold together.

    Attributes:
        waiting: How many wait.
        seconds: In how many seconds those that wait are likely to be answered.
    """

    def __init__(self, most_requests: int, most_bytes: int) -> None:
        self._most_requests = most_requests
        self._most_bytes = most_bytes
        self._bytes = 0
        self.waiting = 0
        self.seconds = 0.0

    def admit(self) -> None:
        """Makes sure that one more request may wait.

        Raises:
            Busy: If it may not.
        """
        if self.waiting >= self._most_requests:
            raise Busy(
                f"expected at most {self._most_requests:,} requests that wait, found as many: try again later, or "
                "raise spec.replicas or spec.limits.queuedRequests of the ModelServer",
                self.seconds,
            )

    @contextmanager
    def waits(self) -> Iterator[None]:
        """Counts a request among those that wait.

        Raises:
            Busy: If as many wait as may.
        """
        self.admit()
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def hold(self, size: int) -> None:
        """Takes some bytes of a body into account; `release` gives them back.

        Raises:
            Busy: If there is no room for them.
        """
        if self._bytes + size > self._most_bytes:
            raise Busy(
                f"expected at most {self._most_bytes:,} bytes of requests in hand, found {self._bytes:,} and {size:,} "
                "more: try again later, or raise spec.resources.limits.memory or spec.replicas of the ModelServer",
                self.seconds,
            )
        self._bytes += size

    def release(self, size: int) -> None:
        """Gives back what `hold` took."""
        self._bytes -= size
