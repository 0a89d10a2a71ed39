"""Computes a result in a thread, once for all waiting callers."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Generic, TypeVar

T = TypeVar("T")

PART = 0.05
"""Maximum part of a CPU's time for the function, for any number of callers."""


class Shared(Generic[T]):
    """Calls a function in a thread. All callers that wait when a call begins get its result.

    Args:
        function: The function. Its result is always computed after the request for it.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[T] | None = None
        self._not_before = 0.0

    async def __call__(self) -> T:
        """Return the result of the next call."""
        if self._next is None:
            self._next = asyncio.create_task(self._call())
        return await asyncio.shield(self._next)  # a cancelled request does not cancel the call for others

    async def _call(self) -> T:
        async with self._turn:
            await asyncio.sleep(self._not_before - perf_counter())
            self._next = None
            began = perf_counter()
            try:
                return await asyncio.to_thread(self._function)
            finally:
                ended = perf_counter()
                self._not_before = ended + (ended - began) * (1 / PART - 1)
