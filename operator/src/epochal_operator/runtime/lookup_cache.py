"""A cache for lookups at the API server, with separate bounds and lifetimes for found and missing keys."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from cachetools import TTLCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_MISSING = 1024
"""Maximum number of cached missing keys. They have their own cache, so invalid requests evict only missing keys."""


class LookupCache(Generic[K, V]):
    """Runs one lookup for concurrent callers of the same key, and caches the result.

    Args:
        max_found: Maximum number of cached found keys. At the limit, new keys are not cached: if callers use more keys
            in rotation, eviction would remove each key before its next use.
        found_seconds: Lifetime of a found key in seconds.
        missing_seconds: Lifetime of a missing key in seconds.
        concurrency: Limit of concurrent lookups. Further lookups wait.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        *,
        max_found: int,
        found_seconds: float,
        missing_seconds: float,
        concurrency: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._max_found = max_found
        self._found: TTLCache[K, V, float] = TTLCache(max_found, found_seconds, clock)
        self._missing: TTLCache[K, None, float] = TTLCache(MAX_MISSING, missing_seconds, clock)
        self._slots = asyncio.Semaphore(concurrency)
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()

    def cached(self, key: K) -> V | None:
        """Return the cached value of a key, or None if the key is missing or not cached."""
        try:
            return self._found[key]
        except KeyError:
            return None

    async def get(self, key: K, lookup: Callable[[], Awaitable[V | None]]) -> V | None:
        """Return the value of a key from the cache or a lookup, or None. Exceptions of the lookup are not cached."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            if (value := self.cached(key)) is not None or key in self._missing:
                return value
            async with self._slots:
                value = await lookup()
            if value is None:
                self._missing[key] = None
            elif len(self._found) < self._max_found or self._found.expire():
                self._found[key] = value
            return value
