"""Runs blocking functions in threads instead of the event loop."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import ParamSpec, TypeVar

from epochal_server.admission import AdmissionControl

P = ParamSpec("P")
R = TypeVar("R")


class WorkerPool:
    """Runs functions in a pool of threads, at most one for each CPU at a time."""

    def __init__(self, pool: Executor, admission: AdmissionControl, threads: int) -> None:
        self._pool = pool
        self._free = asyncio.Semaphore(threads)
        self._admission = admission
        self._turn = asyncio.Lock()

    async def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of a function that runs in a thread.

        Raises:
            Busy: If the maximum number of requests is waiting.
            Exception: The exception of the function, such as Refused.
        """
        with self._admission.waiting_request():
            return await self._done(function, *args, **kwargs)

    async def run_exclusively(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of a function that takes much memory. Only one such function runs at a time.

        Parsed JSON may take forty times its bytes. A picture of a thousand bytes may take a quarter of a GiB. There is
        no memory for two of them.
        """
        with self._admission.waiting_request():  # counts also while the call waits for its turn
            async with self._turn:
                return await self._done(function, *args, **kwargs)

    async def run_for_answer(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of a function for a request that the model has answered, such as encoding a large answer.

        It runs in turn with functions of `run_exclusively`, and counts as waiting, but is never refused.
        """
        self._admission.waiting += 1
        try:
            async with self._turn:
                return await self._done(function, *args, **kwargs)
        finally:
            self._admission.waiting -= 1

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


def run_in_daemon(function: Callable[[], R]) -> asyncio.Future[R]:
    """Start a function in a daemon thread, and return its future. The process can end before the thread does."""
    result: Future[R] = Future()
    result.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result.set_result(function())
        except BaseException as error:  # noqa: BLE001 - the awaiting caller gets every exception
            result.set_exception(error)

    threading.Thread(target=run, name="load", daemon=True).start()
    return asyncio.wrap_future(result)
