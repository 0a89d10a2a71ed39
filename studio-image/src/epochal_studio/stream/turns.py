"""Limits the time that watches use: parses large objects in one thread, and makes watches pause in the event loop."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

BUSY_SECONDS = 0.02
"""Seconds of work in the event loop after which a watch pauses."""

CREDIT_SECONDS = 0.25
"""Maximum credit: seconds of work of all watches without a pause. They suffice for about a thousand runs."""
_CREDIT_GAIN = 0.05
"""Seconds of credit that are added in each second."""

Result = TypeVar("Result")


class Credit:
    """A token bucket of seconds that all watches may work without a pause, so that a first list arrives quickly.

    Args:
        most: Maximum credit in seconds, which is also the initial credit.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(self, most: float = CREDIT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = self._left = most
        self._clock = clock
        self._paid = clock()
        self._lock = threading.Lock()

    def pay(self, spent: float) -> float:
        """Reduce the credit by `spent` seconds of work. Return the seconds above the credit, which need a pause."""
        with self._lock:
            now = self._clock()
            self._left = min(self._most, self._left + _CREDIT_GAIN * (now - self._paid))
            self._paid = now
            paid = min(spent, self._left)
            self._left -= paid
            return spent - paid


class Turns:
    """Runs functions of all watches in one thread, one after another.

    Without credit, the thread sleeps after each function as long as the function has run. Python runs one thread at a
    time, so the event loop can use at least half of the time.

    Args:
        credit: The seconds of work without a pause.
    """

    def __init__(self, credit: Credit) -> None:
        self.credit = credit
        self._threads = ThreadPoolExecutor(1, "parse")

    async def run(self, work: Callable[[], Result]) -> Result:
        """Call a function in the thread after all earlier functions have ended, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._half, work)

    def close(self) -> None:
        """Stop the thread after its current function. Functions that wait are cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _half(self, work: Callable[[], Result]) -> Result:
        began = time.perf_counter()
        try:
            return work()
        finally:
            time.sleep(self.credit.pay(time.perf_counter() - began))


class Pace:
    """Measures the work of a watch in the event loop, and makes it pause in proportion to its work.

    Args:
        pause: Seconds of pause for each second of work.
        credit: The seconds of work without a pause; None for no credit.
    """

    def __init__(self, pause: float, credit: Credit | None = None) -> None:
        self._pause = pause
        self._credit = credit
        self._spent = self._began = 0.0

    def begin(self) -> None:
        """Start to measure a piece of work."""
        self._began = time.perf_counter()

    async def end(self) -> None:
        """End the measurement. Pause if the work since the last pause exceeds BUSY_SECONDS."""
        self._spent += time.perf_counter() - self._began
        if self._spent > BUSY_SECONDS:
            spent, self._spent = self._spent, 0.0
            if self._credit is not None:
                spent = self._credit.pay(spent)
            await asyncio.sleep(self._pause * spent)
