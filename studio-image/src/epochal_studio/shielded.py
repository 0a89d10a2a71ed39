"""Tasks that run to their end even if the page leaves: Python cannot stop a thread, nor the checker a network."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class ShieldedTasks:
    """The tasks under way."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T], at_end: Callable[[], None] | None = None) -> T:
        """Return the result of a coroutine.

        Args:
            work: The coroutine.
            at_end: Called at its end, also if it is cancelled before it begins.
        """
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(partial(self._end, at_end))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End the tasks under way."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _end(self, at_end: Callable[[], None] | None, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if at_end is not None:
            at_end()
        if not task.cancelled():
            task.exception()  # the page may have left
