"""Runs blocking functions in threads instead of the event loop, at most one for each CPU at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from epochal_server.intake import Intake

P = ParamSpec("P")
R = TypeVar("R")


class Threads:
    """Runs functions in a pool of threads. See service.Work.

    Args:
        pool: The pool of threads.
        intake: The admission control, which counts the calls as waiting requests.
        threads: Maximum number of functions that run at a time.
    """

    def __init__(self, pool: Executor, intake: Intake, threads: int) -> None:
        self._pool = pool
        self._free = asyncio.Semaphore(threads)
        self._intake = intake
        self._turn = asyncio.Lock()

    async def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of a function that runs in a thread. See service.Work."""
        with self._intake.waits():
            return await self._done(function, *args, **kwargs)

    async def alone(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of a function that takes much memory; one runs at a time. See service.Work."""
        with self._intake.waits():  # counts also while the call waits for its turn
            async with self._turn:
                return await self._done(function, *args, **kwargs)

    async def admitted(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of a function, in turn with `alone` and without a check of the intake. See service.Work."""
        self._intake.waiting += 1
        try:
            async with self._turn:
                return await self._done(function, *args, **kwargs)
        finally:
            self._intake.waiting -= 1

    async def _done(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        async with self._free:  # the pool's own queue would keep the arguments of cancelled calls
            job = self._pool.submit(function, *args, **kwargs)
            try:
                return await asyncio.wrap_future(job)
            except asyncio.CancelledError:
                if not job.cancelled():  # a started function takes memory until its end, even without its client
                    with suppress(Exception):
                        await asyncio.wrap_future(job)
                raise
