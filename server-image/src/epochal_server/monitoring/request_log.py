"""Counts the requests in progress, and records each finished request in metrics and log."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from epochal_server.monitoring.access_log import AccessLog, Entry
from epochal_server.monitoring.metrics import Metrics

HEALTH = ""
"""Protocol of requests that get no metrics and no log line: health probes, and requests of /metrics."""
CLIENT_CLOSED_REQUEST = 499
"""Status code for requests that the client cancelled before the answer."""


class RequestLog:
    """Counts the requests in progress, and records finished requests.

    Attributes:
        in_progress: Number of requests that are being answered or have arrived in part.
    """

    def __init__(self, metrics: Metrics, access_log: AccessLog, is_shutting_down: Callable[[], bool]) -> None:
        self._metrics = metrics
        self._access_log = access_log
        self.is_shutting_down = is_shutting_down
        self.in_progress = 0
        self._none_in_progress = asyncio.Event()
        self._none_in_progress.set()

    def begin(self) -> None:
        """Add 1 to the number of requests in progress."""
        self.in_progress += 1
        self._none_in_progress.clear()

    def end(self) -> None:
        """Subtract 1 from the number of requests in progress, for an answered or abandoned request."""
        self.in_progress -= 1
        if not self.in_progress:
            self._none_in_progress.set()

    def record(self, entry: Entry) -> None:
        """Record a finished request in the metrics and in the access log.

        Health probes and requests for /metrics (protocol HEALTH) are recorded in neither.
        """
        if entry.protocol == HEALTH:
            return
        self._metrics.request(entry.protocol, entry.code, entry.seconds, entry.received, entry.sent)
        self._access_log.add(entry)

    async def wait_until_idle(self, seconds: float) -> int:
        """Wait at most `seconds` until no request is in progress. Return the number of requests still in progress."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.in_progress:
                    await self._none_in_progress.wait()
        return self.in_progress
