"""A cache for lookups at the API server, with separate bounds and lifetimes for found and missing keys."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from cachetools import TTLCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REFUSALS = 1024
"""Limit of cached missing keys. They have their own cache, so invalid requests evict only other missing keys."""


class Lookup(Generic[K, V]):
    """Runs one lookup for concurrent callers of the same key, and caches the result.

    Args:
        most: Limit of cached found keys. Keys beyond the limit are not cached: eviction in rotation would leave no key
            in the cache.
        yes_seconds: Lifetime of a found key in seconds.
        no_seconds: Lifetime of a missing key in seconds.
        at_once: Limit of concurrent lookups. Further lookups wait.
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
        """Return the cached value of a key, or None if the key is missing or not cached."""
        try:
            return self._yes[key]
        except KeyError:
            return None

    async def get(self, key: K, question: Callable[[], Awaitable[V | None]]) -> V | None:
        """Return the value of a key from the cache or a lookup, or None if there is no value.

        Args:
            key: Key of the lookup.
            question: The lookup. Its exceptions are raised and not cached.
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
