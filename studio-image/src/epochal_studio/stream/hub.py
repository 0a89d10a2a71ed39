"""All watches and the browsers that listen to them: at most one watch for each kind, namespace and token."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from epochal_studio.access import Access
from epochal_studio.config import Config
from epochal_studio.problems import too_busy
from epochal_studio.runs.summary import monitored, summary
from epochal_studio.stream.api_server import ApiServer
from epochal_studio.stream.objects import OMITTED
from epochal_studio.stream.sparklines import Sparklines
from epochal_studio.stream.subscription import Subscription
from epochal_studio.stream.turns import Credit, Turns
from epochal_studio.stream.watcher import Watcher
from epochal_studio.wire import RUN_KINDS, RunKind, RunSummary

MAX_STREAMS, MAX_USER_STREAMS = 300, 20
"""Maximum streams of all users, and of an owner, with any number of tokens."""
MAX_ROWS, MAX_USER_ROWS = 100_000, 25_000
"""Maximum rows of all watches, about 1 KiB each, and of those of an owner."""
_LISTS = len(RUN_KINDS)
"""Lists that are read at the same time, since a page of whole objects is large: those of a browser. The first page of
each may take the API server 0.1 s, in which it waits for its own cache."""
_LARGE_LINES = 16
"""Large changes that are read at the same time, since each watch of an object gets its own copy."""


class WatchKey(NamedTuple):
    """The key of a watch. With the token in it, no user sees an object by the rights of another."""

    user: str
    kind: RunKind
    namespace: str


class Hub:
    """The watches of all browsers.

    Args:
        config: Address of the API server.

    Attributes:
        api: The API server.
        lists: Bounds the lists that are read at the same time.
        large_objects: Bounds the pages with one large object.
        large_lines: Bounds the large changes that are read at the same time.
        turns: Parses large objects.
        subscriptions: The browsers.
    """

    def __init__(self, config: Config) -> None:
        self.api = ApiServer(config)
        self.lists = asyncio.Semaphore(_LISTS)
        self.large_objects = asyncio.Semaphore(1)
        self.large_lines = asyncio.Semaphore(_LARGE_LINES)
        self.turns = Turns(Credit())
        self._watchers: dict[WatchKey, Watcher] = {}
        self._streams: Counter[str] = Counter()
        self.subscriptions: set[Subscription] = set()
        self._sparklines = Sparklines()
        self._rows: Counter[str] = Counter()

    @property
    def watches(self) -> int:
        """Number of watches."""
        return len(self._watchers)

    @property
    def rows(self) -> int:
        """Number of rows in memory."""
        return self._rows.total()

    def start(self) -> None:
        """Prepare the connections to the API server."""
        self.api.start()

    def end_streams(self) -> None:
        """End all streams, before the server waits for its requests to end."""
        for subscription in self.subscriptions:
            subscription.close()

    async def close(self) -> None:
        """End all watches, and close their connections."""
        for watcher in self._watchers.values():
            watcher.stop()
        self._watchers = {}
        self.turns.close()
        await self.api.close()

    @contextmanager
    def subscribe(self, access: Access, namespace: str) -> Iterator[Subscription]:
        """Listen to the runs of a namespace; "" for all. The last browser that leaves ends the watches.

        Raises:
            Refusal: If there are too many streams.
        """
        owner = access.owner
        if self._streams.total() >= MAX_STREAMS:
            raise too_busy("Studio has too many open pages of other users.", 30)
        if self._streams[owner] >= MAX_USER_STREAMS:
            raise too_busy(f"You have {MAX_USER_STREAMS} open pages of Studio: close some.", 30)
        self._streams[owner] += 1
        keys = [WatchKey(access.user_key, kind, namespace) for kind in RUN_KINDS]
        watchers = [self._watcher(key, access) for key in keys]
        subscription = Subscription(watchers, access.expires)
        self.subscriptions.add(subscription)
        for watcher in watchers:
            watcher.listeners.add(subscription)
        try:
            yield subscription
        finally:
            self.subscriptions.discard(subscription)
            self._streams[owner] -= 1
            if not self._streams[owner]:
                del self._streams[owner]
            for key, watcher in zip(keys, watchers, strict=True):
                watcher.listeners.discard(subscription)
                if not watcher.listeners and self._watchers.get(key) is watcher:
                    del self._watchers[key]
                    watcher.stop()

    def summarize(self, found: dict[str, Any], now: datetime) -> RunSummary:
        """Return the row of an object, with the values that Studio has seen."""
        row = summary(found, now)
        values = self._sparklines.remember(row.uid, row.epoch, monitored(row))
        update: dict[str, Any] = {"sparkline": values}
        if isinstance(size := found.get(OMITTED), int):
            update["reason"] = f"TooLarge: {size / 2**20:.1f} MiB are too large to show"
        return row.model_copy(update=update)

    def reserve_row(self, owner: str) -> bool:
        """Return whether one more row fits into the memory and the share of its owner, and count it."""
        if self.rows >= MAX_ROWS or self._rows[owner] >= MAX_USER_ROWS:
            return False
        self._rows[owner] += 1
        return True

    def free_rows(self, owner: str, number: int) -> None:
        """Count fewer rows of an owner."""
        self._rows[owner] -= number
        if not self._rows[owner]:
            del self._rows[owner]

    def _watcher(self, key: WatchKey, access: Access) -> Watcher:
        found = self._watchers.get(key)
        if found is None:
            found = Watcher(self, key.kind, key.namespace, access.token, access.owner)
            self._watchers[key] = found
            found.start()
        return found
