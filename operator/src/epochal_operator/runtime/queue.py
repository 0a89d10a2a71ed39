"""A work queue of unique keys: no key is processed twice at a time, and failed keys are retried with backoff.

Keys belong to groups, such as namespaces. A group uses only its share of the workers, so requests that hang in one
namespace do not block the others.
"""

import asyncio
import heapq
import random
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 60.0

K = TypeVar("K", bound=Hashable)


class Queue(Generic[K]):
    """A work queue with a number of concurrent workers.

    A key that is added while it waits keeps its position. A key that is added while it is processed is processed again.

    Args:
        work: Processes a key; returns the seconds until it processes the key again, or None. If it raises, the key is
            retried with backoff, and not before the error's `retry_after` seconds if it has them. `work` logs its
            errors itself.
        group: Returns the group of a key.
        waited: Called with the waiting time of a key in seconds when a worker takes the key.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(
        self,
        work: Callable[[K], Awaitable[float | None]],
        *,
        group: Callable[[K], Hashable] = lambda _: None,
        waited: Callable[[float], None] = lambda _: None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._work = work
        self._group = group
        self._waited = waited
        self._clock = clock or asyncio.get_running_loop().time
        self._ready: deque[K] = deque()
        self._freed: deque[K] = deque()  # keys that waited for their group's share, which are next
        self._held: defaultdict[Hashable, deque[K]] = defaultdict(deque)
        self._at_work: Counter[Hashable] = Counter()
        self._share = 1
        self._since: dict[K, float] = {}
        self._busy: dict[K, float] = {}
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._later: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._count = 0
        self._wake = asyncio.Event()
        self._worked = float("inf")  # no worker has started

    @property
    def depth(self) -> int:
        """Number of keys that wait for a worker."""
        return len(self._since)

    def stalled(self) -> float:
        """Return the seconds since the last progress while keys are pending; 0 if none are pending."""
        pending = [*self._since.values(), *self._busy.values()]
        return max(0.0, self._clock() - max(self._worked, min(pending))) if pending else 0.0

    def progressed(self) -> None:
        """Record progress of a key that is being processed: one key may take many slow requests."""
        if self._busy:
            self._worked = self._clock()

    def add(self, key: K) -> None:
        """Enqueue a key for processing as soon as possible."""
        if key in self._since:
            return
        if key in self._busy:
            self._again.add(key)
            return
        self._since[key] = self._clock()
        self._ready.append(key)
        self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Enqueue a key after a delay in seconds. The earliest of several delays applies."""
        due = self._clock() + seconds
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            self._count += 1
            heapq.heappush(self._later, (due, self._count, key))
            self._wake.set()

    async def run(self, workers: int, share: int | None = None) -> None:
        """Process keys until cancelled.

        Args:
            workers: Number of concurrent workers.
            share: Workers that one group may use at once; None for all of them.
        """
        self._share = share or workers
        self._worked = self._clock()
        async with asyncio.TaskGroup() as group:
            slots = asyncio.Semaphore(workers)
            while True:
                await slots.acquire()
                group.create_task(self._handle(await self._next(), slots))

    async def _next(self) -> K:
        while True:
            now = self._clock()
            while self._later and self._later[0][0] <= now:
                due, _, key = heapq.heappop(self._later)
                if self._due.get(key) == due:
                    del self._due[key]
                    self.add(key)
            while turn := self._freed or self._ready:
                key = turn.popleft()
                group = self._group(key)
                if self._at_work[group] >= self._share:
                    self._held[group].append(key)
                    continue
                self._at_work[group] += 1
                self._waited(now - self._since.pop(key))
                self._busy[key] = now
                return key
            self._wake.clear()
            try:
                async with asyncio.timeout(self._later[0][0] - now if self._later else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _handle(self, key: K, slots: asyncio.Semaphore) -> None:
        try:
            after = await self._work(key)
        except Exception as error:  # noqa: BLE001 - any error: retry with backoff
            times = self._failures[key] = self._failures.get(key, 0) + 1
            after = min(BACKOFF_SECONDS * 2 ** min(times - 1, 16), MAX_BACKOFF_SECONDS)
            after *= random.uniform(0.5, 1)  # noqa: S311 - jitter
            after = max(after, min(getattr(error, "retry_after", 0.0), MAX_BACKOFF_SECONDS))
        else:
            self._failures.pop(key, None)
        finally:
            slots.release()
            del self._busy[key]
            self._leave(self._group(key))
            self._worked = self._clock()
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        if after is not None:
            self.add_after(key, after)

    def _leave(self, group: Hashable) -> None:
        """Release a worker of a group, and schedule the group's next held key."""
        self._at_work[group] -= 1
        if not self._at_work[group]:
            del self._at_work[group]
        if group in self._held:
            self._freed.append(self._held[group].popleft())
            if not self._held[group]:
                del self._held[group]
            self._wake.set()
