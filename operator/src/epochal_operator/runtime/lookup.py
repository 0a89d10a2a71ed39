"""Questions to the API server whose answers are remembered for a time: a yes and a no apart, and bounded."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from cachetools import TTLCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REFUSALS = 1024
"""Keys of which it is remembered that the answer was no: whoever asks for nonsense pushes out nothing but nonsense."""


class Lookup(Generic[K, V]):
    """Asks once for what several want to know at a time, and remembers the answer.

    Args:
        most: Keys of which the answer is remembered. Of any beyond, it is not: to exchange one for another, round and
            round, would leave none of them to be found.
        yes_seconds: How long an answer is remembered.
        no_seconds: How long it is remembered that there is none.
        at_once: Questions that may be under way; others wait.
        clock: Returns the time in seconds.
    """

    def __init__(
        self, *, most: int, yes_seconds: float, no_seconds: float, at_once: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self._most = most
        self._yes: TTLCache[K, V, float] = TTLCache(most, yes_seconds, clock)
        self._no: TTLCache[K, None, float] = TTLCache(REFUSALS, no_seconds, clock)
        self._slots = asyncio.Semaphore(at_once)
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()

    def known(self, key: K) -> V | None:
        """Returns what is remembered of a key, or None if that is nothing, or no."""
        try:
            return self._yes[key]
        except KeyError:
            return None

    async def get(self, key: K, question: Callable[[], Awaitable[V | None]]) -> V | None:
        """Returns the answer of a key, or None if there is none.

        Args:
            key: What is asked about.
            question: Asks; what it raises is raised, and not remembered.
        """
        async with self._locks.setdefault(key, asyncio.Lock()):
            if (known := self.known(key)) is not None or key in self._no:
                return known
            async with self._slots:
                answer = await question()
            if answer is None:
                self._no[key] = None
            elif len(self._yes) < self._most or self._yes.expire():
                self._yes[key] = answer
            return answer
