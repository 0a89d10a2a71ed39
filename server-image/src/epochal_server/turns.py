"""Limits how many calls run at a time, with two queues of waiting calls that take turns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Lets at most `calls` calls run at a time. Parts of large requests and all other calls wait in two queues.

    At most the first call of each queue waits for the semaphore, which admits calls in the order of their arrival. The
    queues thus take turns.
    """

    def __init__(self, calls: int) -> None:
        self._semaphore = asyncio.Semaphore(calls)
        self._parts, self._others = asyncio.Lock(), asyncio.Lock()

    @asynccontextmanager
    async def wait(self, *, is_part: bool) -> AsyncIterator[None]:
        """Wait for the turn of a call, which runs until the end of the `with` block."""
        async with self._parts if is_part else self._others:
            await self._semaphore.acquire()
        try:
            yield
        finally:
            self._semaphore.release()
