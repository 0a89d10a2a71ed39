"""Estimates the seconds until the calls of a WorkerPool have ended, from the measured seconds of earlier calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

LATEST_WEIGHT = 0.1
"""Weight of the latest function in the moving average of the seconds per function."""


class JobTiming:
    """Measures functions of which `threads` run at a time, and estimates the time of those that wait.

    Attributes:
        calls: Number of calls that wait or run.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._average: float | None = None
        self._running: list[float] = []
        self.calls = 0

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Measure the running function in the `with` block, whether or not it fails."""
        began = perf_counter()
        self._running.append(began)
        try:
            yield
        finally:
            self._running.remove(began)
            latest = perf_counter() - began
            average = latest if self._average is None else self._average
            self._average = average + LATEST_WEIGHT * (latest - average)

    def remaining(self) -> float:
        """Return the estimated seconds until the present calls have ended."""
        if not self.calls:
            return 0.0
        oldest = perf_counter() - self._running[0] if self._running else 0.0
        average = oldest if self._average is None else self._average
        # A late function may take as long again.
        running = max(oldest, average) if self._running else 0.0
        return (self.calls - len(self._running)) * average / self._threads + running
