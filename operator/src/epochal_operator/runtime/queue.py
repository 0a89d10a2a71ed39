"""A queue of keys: each at most once, never worked on twice at a time, tried again later and later while it fails.

Keys fall into groups, and no group has more than its share of the workers: where the requests of one namespace hang,
the others go on.
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
    """A queue that is worked off by a number of workers at once.

    A key that is added while it waits stays where it is; one that is added while it is worked on is worked on again.

    Args:
        work: Handles a key; returns the seconds after which to handle it again, or None. If it raises, the key is
            tried again after a back-off, and not before its `retry_after` seconds, if it has such; telling why is up
            to it.
        group: Returns what a key belongs to.
        waited: Is told the seconds that a key waited, each time one is taken.
        clock: Returns the time in seconds, of any origin.
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
        self._freed: deque[K] = deque()  # held until now, so their turn is first
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
        self._worked = float("inf")  # nobody works yet

    @property
    def depth(self) -> int:
        """Keys that wait for a worker now."""
        return len(self._since)

    def stalled(self) -> float:
        """Returns the seconds since the last progress while there was work to do; 0 while there is none to be done."""
        pending = [*self._since.values(), *self._busy.values()]
        return max(0.0, self._clock() - max(self._worked, min(pending))) if pending else 0.0

    def progressed(self) -> None:
        """Count a step of the work on a key as progress: a key may take many steps that are slow."""
        if self._busy:
            self._worked = self._clock()

    def add(self, key: K) -> None:
        """Wants a key handled as soon as possible."""
        if key in self._since:
            return
        if key in self._busy:
            self._again.add(key)
            return
        self._since[key] = self._clock()
        self._ready.append(key)
        self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Wants a key handled after some time; the earliest of several wishes counts."""
        due = self._clock() + seconds
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            self._count += 1
            heapq.heappush(self._later, (due, self._count, key))
            self._wake.set()

    async def run(self, workers: int, share: int | None = None) -> None:
        """Works until it is cancelled.

        Args:
            workers: How many keys are handled at once.
            share: How many of them of one group; all, if not given.
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
        except Exception as error:  # noqa: BLE001 - whatever it was: try again later
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
        """Has one worker less at work on a group, and its next key worked on."""
        self._at_work[group] -= 1
        if not self._at_work[group]:
            del self._at_work[group]
        if group in self._held:
            self._freed.append(self._held[group].popleft())
            if not self._held[group]:
                del self._held[group]
            self._wake.set()
