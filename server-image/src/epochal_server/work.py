"""Does what would hold up others in threads, as many at a time as there are CPUs."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from epochal_server.intake import Intake

P = ParamSpec("P")
R = TypeVar("R")


class Threads:
    """See service.Work.

    Args:
        pool: The threads.
        intake: How many may wait.
        threads: How many threads there are.
    """

    def __init__(self, pool: Executor, intake: Intake, threads: int) -> None:
        self._pool = pool
        self._free = asyncio.Semaphore(threads)
        self._intake = intake
        self._turn = asyncio.Lock()

    async def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """See service.Work."""
        with self._intake.waits():
            return await self._done(function, *args, **kwargs)

    async def alone(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """See service.Work."""
        with self._intake.waits():  # for its turn, too
            async with self._turn:
                return await self._done(function, *args, **kwargs)

    async def admitted(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Returns the result of the function, in turn with `alone`. See service.Work."""
        self._intake.waiting += 1
        try:
            async with self._turn:
                return await self._done(function, *args, **kwargs)
        finally:
            self._intake.waiting -= 1

    async def _done(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        async with self._free:  # the pool's own queue keeps the arguments of those who have gone
            job = self._pool.submit(function, *args, **kwargs)
            try:
                return await asyncio.wrap_future(job)
            except asyncio.CancelledError:
                if not job.cancelled():  # it has begun, and takes memory to its end, whether its client is there or not
                    with suppress(Exception):
                        await asyncio.wrap_future(job)
                raise
