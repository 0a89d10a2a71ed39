"""One thread that parses for all watches, so that no large object blocks the event loop."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

BUSY_SECONDS = 0.02
"""Work of a watch in the event loop after which it pauses."""

Result = TypeVar("Result")


class Turns:
    """Runs functions of all watches in one thread, one after another.

    The thread rests as long as it has worked: Python runs one thread at a time, so the event loop gets the other half.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, "parse")

    async def run(self, work: Callable[[], Result]) -> Result:
        """Return the result of a function, which runs after the functions that were passed before."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _half, work)

    def close(self) -> None:
        """Cancel the functions that have not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Pace:
    """Makes a watch pause, so that it uses only a part of the event loop.

    Args:
        pause: Seconds of pause for a second of work.
    """

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._spent = self._began = 0.0

    def begin(self) -> None:
        """Note the start of work in the event loop."""
        self._began = time.perf_counter()

    async def end(self) -> None:
        """Note the end of work, and pause if the work since the last pause has taken BUSY_SECONDS."""
        self._spent += time.perf_counter() - self._began
        if self._spent > BUSY_SECONDS:
            spent, self._spent = self._spent, 0.0
            await asyncio.sleep(self._pause * spent)


def _half(work: Callable[[], Result]) -> Result:
    began = time.perf_counter()
    try:
        return work()
    finally:
        time.sleep(time.perf_counter() - began)
