"""Estimates the seconds until the calls of a WorkerPool have ended, from the measured seconds of earlier calls."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from epochal_server.slow_call import slow_call_message

LATEST_WEIGHT = 0.1
"""Weight of the latest call in the moving average of the seconds of a function."""


class JobTiming:
    """Measures the calls in a pool of `threads` threads, and estimates the seconds until all waiting calls have ended.

    Each function has its own average, by its name. Otherwise a slow function, such as encoding a large answer, would
    raise the estimate for calls of a fast function.

    Attributes:
        calls: Number of calls that wait or run, by the name of the function.
        planned: Number of calls that admitted requests will make later, by the name of the function.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._averages: dict[str, float] = {}
        self._running: list[tuple[str, float]] = []
        self.calls: Counter[str] = Counter()
        self.planned: Counter[str] = Counter()

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure the running function `name` in the `with` block, whether or not it fails."""
        call = name, perf_counter()
        self._running.append(call)
        try:
            yield
        finally:
            self._running.remove(call)
            latest = perf_counter() - call[1]
            average = self._averages.get(name, latest)
            self._averages[name] = average + LATEST_WEIGHT * (latest - average)

    def remaining(self) -> float:
        """Return the estimated seconds until all calls that now wait or run have ended, without the planned calls."""
        now = perf_counter()
        waiting = Counter(self.calls)
        averages = self._known_averages(now)
        running = 0.0
        for name, began in self._running:
            waiting[name] -= 1
            running = max(running, now - began, averages[name])  # a late function may take as long again
        return self._seconds(waiting, averages) + running

    def planned_seconds(self) -> float:
        """Return the estimated seconds of the planned calls."""
        return self._seconds(self.planned, self._known_averages(perf_counter()))

    def slow_call_message(self, seconds: float, factor: float) -> str | None:
        """Return an error message if a running call is too slow, else None. See `epochal_server.slow_call`."""
        now = perf_counter()
        for name, began in self._running:
            expected = self._averages.get(name, 0.0)
            late = slow_call_message(f"the call of {name}", now - began, expected, seconds=seconds, factor=factor)
            if late is not None:
                return late
        return None

    def _known_averages(self, now: float) -> dict[str, float]:
        """Return the average seconds of a call, by the name of the function that the worker threads call.

        If the first call of a function still runs, its seconds so far count as the average.
        """
        averages = dict(self._averages)
        for name, began in self._running:  # those that began first are first
            averages.setdefault(name, now - began)
        return averages

    def _seconds(self, calls: Counter[str], averages: dict[str, float]) -> float:
        return sum(count * averages.get(name, 0.0) for name, count in calls.items()) / self._threads
