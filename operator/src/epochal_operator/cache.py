"""A cache that is bounded in size and in time."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps values for a time; when it is full, the one that was put first goes.

    Args:
        size: Most values that it keeps.
        clock: Returns the time in seconds.
    """

    def __init__(self, size: int, clock: Callable[[], float] = monotonic) -> None:
        self._size = size
        self._clock = clock
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry[0] > self._clock()

    def __getitem__(self, key: K) -> V:
        if key not in self:
            raise KeyError(key)
        return self._entries[key][1]

    def put(self, key: K, value: V, seconds: float) -> V:
        """Keeps a value for a number of seconds and returns it."""
        self._entries.pop(key, None)
        while len(self._entries) >= self._size:
            self._entries.popitem(last=False)
        self._entries[key] = (self._clock() + seconds, value)
        return value
