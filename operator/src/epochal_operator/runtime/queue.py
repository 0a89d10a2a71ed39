"""A work queue of unique keys: no key is processed twice at a time, and failed keys are retried with backoff.

Keys belong to groups, such as namespaces. A group uses only its share of the workers, so requests that hang in one
namespace do not block the others.

Keys of low priority are processed after all others, as in controller-runtime: thousands of unchanged objects do not
delay a change.
"""

import asyncio
import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 60.0

K = TypeVar("K", bound=Hashable)


class _Rank(NamedTuple):
    """Order of the waiting keys: by priority, then in the order in which they were added."""

    low_priority: bool
    sequence: int


class Queue(Generic[K]):
    """A work queue with a number of concurrent workers.

    A key that is added while it waits keeps its position, but a key of low priority can get the normal one. A key that
    is added while it is processed is processed again.

    Args:
        work: Processes a key; returns the seconds until it processes the key again, or None. If it raises, the key is
            retried with backoff, and not before the error's `retry_after` seconds if it has them. `work` logs its
            errors itself.
        group: Returns the group of a key.
        observe_wait: Called with the waiting time of a key in seconds when a worker takes the key.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(
        self,
        work: Callable[[K], Awaitable[float | None]],
        *,
        group: Callable[[K], Hashable] = lambda _: None,
        observe_wait: Callable[[float], None] = lambda _: None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._work = work
        self._group = group
        self._observe_wait = observe_wait
        self._clock = clock or asyncio.get_running_loop().time
        self._ready: list[tuple[_Rank, K]] = []  # a heap, as the others
        self._blocked: defaultdict[Hashable, list[tuple[_Rank, K]]] = defaultdict(list)  # wait for their group's share
        self._ranks: dict[K, _Rank] = {}  # of each waiting key; an entry of another rank is stale
        self._raised = 0  # keys that left a stale entry since the last removal of stale entries
        self._active: Counter[Hashable] = Counter()
        self._share = 1
        self._waiting: dict[K, float] = {}  # when each key was added
        self._processing: dict[K, float] = {}  # when the processing of each key started
        self._dirty: set[K] = set()  # keys that were added while they are processed
        self._failures: dict[K, int] = {}
        self._delayed: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._sequence = 0
        self._changed = asyncio.Event()
        self._last_progress = float("inf")  # no worker has started

    @property
    def depth(self) -> int:
        """Number of keys that wait for a worker, without keys whose delay has not passed."""
        return len(self._waiting)

    def seconds_without_progress(self) -> float:
        """Return the seconds since the last progress, or since the oldest pending key if that is less; 0 without one.

        A key is pending while it waits for a worker or is processed.
        """
        pending = [*self._waiting.values(), *self._processing.values()]
        return max(0.0, self._clock() - max(self._last_progress, min(pending))) if pending else 0.0

    def record_progress(self) -> None:
        """Record that the processing of a key has progressed, such as by a request. A key may take many requests."""
        if self._processing:
            self._last_progress = self._clock()

    def add(self, key: K, *, low_priority: bool = False) -> None:
        """Enqueue a key for processing as soon as a worker is free.

        A key that already waits is not added again, but gets the normal priority unless `low_priority` is true.
        """
        if key in self._processing:
            self._dirty.add(key)
            return
        if key in self._waiting:
            if low_priority or not self._ranks[key].low_priority:
                return
            self._raised += 1
        self._waiting.setdefault(key, self._clock())
        self._sequence += 1
        self._ranks[key] = _Rank(low_priority, self._sequence)
        heapq.heappush(self._ready, (self._ranks[key], key))
        if self._raised > len(self._ranks):
            self._remove_stale()
        self._changed.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Enqueue a key after a delay in seconds. The earliest of several delays applies."""
        due = self._clock() + seconds
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            self._sequence += 1
            heapq.heappush(self._delayed, (due, self._sequence, key))
            self._changed.set()

    async def run(self, workers: int, share: int | None = None) -> None:
        """Process keys with this number of workers until cancelled. A group may use `share` workers at once, or all."""
        self._share = share or workers
        self._last_progress = self._clock()
        async with asyncio.TaskGroup() as group:
            slots = asyncio.Semaphore(workers)
            while True:
                await slots.acquire()
                group.create_task(self._handle(await self._next(), slots))

    async def _next(self) -> K:
        while True:
            now = self._clock()
            while self._delayed and self._delayed[0][0] <= now:
                due, _, key = heapq.heappop(self._delayed)
                if self._due.get(key) == due:
                    del self._due[key]
                    self.add(key)
            while entry := self._pop(self._ready):
                key = entry[1]
                group = self._group(key)
                if self._active[group] >= self._share:
                    heapq.heappush(self._blocked[group], entry)
                    continue
                self._active[group] += 1
                self._observe_wait(now - self._waiting.pop(key))
                del self._ranks[key]
                self._processing[key] = now
                return key
            self._changed.clear()
            try:
                async with asyncio.timeout(self._delayed[0][0] - now if self._delayed else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _handle(self, key: K, slots: asyncio.Semaphore) -> None:
        try:
            after = await self._work(key)
        except Exception as error:  # noqa: BLE001 - any error: retry with backoff
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            after = min(BACKOFF_SECONDS * 2 ** min(failures - 1, 16), MAX_BACKOFF_SECONDS)
            after *= random.uniform(0.5, 1)  # noqa: S311 - jitter
            after = max(after, min(getattr(error, "retry_after", 0.0), MAX_BACKOFF_SECONDS))
        else:
            self._failures.pop(key, None)
        finally:
            slots.release()
            del self._processing[key]
            self._release(self._group(key))
            self._last_progress = self._clock()
        if key in self._dirty:
            self._dirty.discard(key)
            self.add(key)
        if after is not None:
            self.add_after(key, after)

    def _release(self, group: Hashable) -> None:
        """Release one worker of a group, and let the group's first key that waits for its share be processed."""
        self._active[group] -= 1
        if not self._active[group]:
            del self._active[group]
        if group in self._blocked:
            if entry := self._pop(self._blocked[group]):
                heapq.heappush(self._ready, entry)
                self._changed.set()
            if not self._blocked[group]:
                del self._blocked[group]

    def _remove_stale(self) -> None:
        for heap in (self._ready, *self._blocked.values()):
            heap[:] = [(rank, key) for rank, key in heap if self._ranks.get(key) == rank]
            heapq.heapify(heap)
        self._raised = 0

    def _pop(self, heap: list[tuple[_Rank, K]]) -> tuple[_Rank, K] | None:
        """Remove and return the first entry of a heap that is not stale, or return None."""
        while heap:
            rank, key = heapq.heappop(heap)
            if self._ranks.get(key) == rank:
                return rank, key
        return None
