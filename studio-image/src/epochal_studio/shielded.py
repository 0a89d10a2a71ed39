"""Runs tasks to their end even if the browser disconnects: threads and requests to the checker cannot be stopped."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class ShieldedTasks:
    """A set of running tasks that the cancellation of a request's handler does not cancel."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T], at_end: Callable[[], None] | None = None) -> T:
        """Run a coroutine as a task, and return its result. If the caller is cancelled, the task continues.

        Args:
            work: The coroutine.
            at_end: Called when the task has ended, even if it was cancelled before it began.
        """
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(partial(self._end, at_end))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel all running tasks, and wait for their end."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _end(self, at_end: Callable[[], None] | None, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if at_end is not None:
            at_end()
        if not task.cancelled():
            task.exception()  # the page may have left
