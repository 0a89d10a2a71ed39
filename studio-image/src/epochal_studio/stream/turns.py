"""One thread that parses for all watches, so that no large object blocks the event loop."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

BUSY_SECONDS = 0.02
"""Work of a watch in the event loop after which it pauses."""

CREDIT_SECONDS = 0.25
"""Work of all watches without a pause, after a rest: that for about a thousand runs."""
_CREDIT_GAIN = 0.05
"""Credit that each second adds."""

Result = TypeVar("Result")


class Credit:
    """Work without pauses, so that the first list after a rest is there soon. All watches share it.

    Args:
        most: Seconds of work after a long rest.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(self, most: float = CREDIT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = self._left = most
        self._clock = clock
        self._paid = clock()
        self._lock = threading.Lock()

    def pay(self, spent: float) -> float:
        """Pay for some seconds of work, and return those that are left to pay by a pause."""
        with self._lock:
            now = self._clock()
            self._left = min(self._most, self._left + _CREDIT_GAIN * (now - self._paid))
            self._paid = now
            paid = min(spent, self._left)
            self._left -= paid
            return spent - paid


class Turns:
    """Works in turns, each for one watch.

    Without credit, the thread rests as long as it has worked: Python runs one thread at a time, so the event loop gets
    the other half.

    Args:
        credit: Work without rests.
    """

    def __init__(self, credit: Credit) -> None:
        self.credit = credit
        self._threads = ThreadPoolExecutor(1, "parse")

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return the result of some work, after that of the watches before."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._half, work)

    def close(self) -> None:
        """Give up the work that has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _half(self, work: Callable[[], Result]) -> Result:
        began = time.perf_counter()
        try:
            return work()
        finally:
            time.sleep(self.credit.pay(time.perf_counter() - began))


class Pace:
    """Makes a watch pause, so that it uses only a part of the event loop.

    Args:
        pause: Seconds of pause for a second of work.
        credit: Work without pauses; None for none.
    """

    def __init__(self, pause: float, credit: Credit | None = None) -> None:
        self._pause = pause
        self._credit = credit
        self._spent = self._began = 0.0

    def begin(self) -> None:
        """Begin to work."""
        self._began = time.perf_counter()

    async def end(self) -> None:
        """End the work, and pause if it was much since the last pause."""
        self._spent += time.perf_counter() - self._began
        if self._spent > BUSY_SECONDS:
            spent, self._spent = self._spent, 0.0
            if self._credit is not None:
                spent = self._credit.pay(spent)
            await asyncio.sleep(self._pause * spent)
