"""Knows which requests are under way, and tells of each what became of it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from epochal_server.access_log import AccessLog, Entry
from epochal_server.metrics import Metrics

HEALTH = ""
"""The protocol of what is neither counted nor logged."""
GONE = 499
"""Code of requests whose client has not waited for the answer."""


class Bookkeeping:
    """Knows which requests are under way.

    Args:
        metrics: Where requests are counted.
        access_log: Where requests are logged.
        ending: Returns whether the server is to end: then each connection ends with its next answer.

    Attributes:
        under_way: How many requests are being answered, or have come in part.
    """

    def __init__(self, metrics: Metrics, access_log: AccessLog, ending: Callable[[], bool]) -> None:
        self._metrics = metrics
        self._access_log = access_log
        self.ending = ending
        self.under_way = 0
        self._none_under_way = asyncio.Event()
        self._none_under_way.set()

    def begin(self) -> None:
        """Says that a request is being answered."""
        self.under_way += 1
        self._none_under_way.clear()

    def end(self) -> None:
        """Says that one is answered, or is not going to be."""
        self.under_way -= 1
        if not self.under_way:
            self._none_under_way.set()

    def tell(self, entry: Entry) -> None:
        """Counts and logs a request."""
        if entry.protocol == HEALTH:
            return
        self._metrics.request(entry.protocol, entry.code, entry.seconds, entry.received, entry.sent)
        self._access_log.add(entry)

    async def done(self, seconds: float) -> int:
        """Waits until no request is being answered.

        Args:
            seconds: How long to wait, at most.

        Returns:
            How many still are.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.under_way:
                    await self._none_under_way.wait()
        return self.under_way
