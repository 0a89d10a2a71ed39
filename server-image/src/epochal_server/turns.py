"""Limits how many calls run at a time, with several queues of waiting calls that take turns."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Turns:
    """Lets at most `calls` calls run at a time. The others wait in queues, such as one for the parts of large requests.

    At most the first call of each queue waits for the semaphore, which admits calls in the order of their arrival. The
    queues thus take turns.
    """

    def __init__(self, calls: int) -> None:
        self._semaphore = asyncio.Semaphore(calls)
        self._first = defaultdict[Hashable, asyncio.Lock](asyncio.Lock)

    @asynccontextmanager
    async def wait(self, queue: Hashable) -> AsyncIterator[None]:
        """Wait in a queue for the turn of a call, which runs until the end of the `with` block."""
        async with self._first[queue]:
            await self._semaphore.acquire()
        try:
            yield
        finally:
            self._semaphore.release()
