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
    """Seconds of work that need no pause, so that the first list after a rest arrives soon. All watches share them.

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
        """Pay for `spent` seconds of work, and return the seconds beyond the credit, which need a pause."""
        with self._lock:
            now = self._clock()
            self._left = min(self._most, self._left + _CREDIT_GAIN * (now - self._paid))
            self._paid = now
            paid = min(spent, self._left)
            self._left -= paid
            return spent - paid


class Turns:
    """Runs functions of all watches in one thread, one after another.

    Without credit, the thread rests as long as it has worked: Python runs one thread at a time, so the event loop gets
    the other half.

    Args:
        credit: The seconds of work that need no rest.
    """

    def __init__(self, credit: Credit) -> None:
        self.credit = credit
        self._threads = ThreadPoolExecutor(1, "parse")

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return the result of a function, which runs after the functions that were passed before."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._half, work)

    def close(self) -> None:
        """Cancel the functions that have not begun."""
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
        credit: The seconds of work that need no pause; None if all work needs pauses.
    """

    def __init__(self, pause: float, credit: Credit | None = None) -> None:
        self._pause = pause
        self._credit = credit
        self._spent = self._began = 0.0

    def begin(self) -> None:
        """Note the start of work in the event loop."""
        self._began = time.perf_counter()

    async def end(self) -> None:
        """Note the end of work, and pause if the work since the last pause has taken BUSY_SECONDS."""
        self._spent += time.perf_counter() - self._began
        if self._spent > BUSY_SECONDS:
            spent, self._spent = self._spent, 0.0
            if self._credit is not None:
                spent = self._credit.pay(spent)
            await asyncio.sleep(self._pause * spent)
