"""Manages all watches, and the browsers that subscribe to them: one watch for each kind, namespace and token."""

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
from epochal_studio.wire.common import RUN_KINDS, RunKind
from epochal_studio.wire.runs import RunSummary

MAX_STREAMS, MAX_USER_STREAMS = 300, 20
"""Maximum streams of all users, and of one user with any number of tokens. Further streams are refused."""
MAX_ROWS, MAX_USER_ROWS = 100_000, 25_000
"""Maximum rows of the watches of all users, and of one user. Further objects get no row. A row has about 1 KiB."""
_LISTS = len(RUN_KINDS)
"""Maximum list requests at the same time, because a page of objects is large: one for each kind of a browser. The API
server may need 0.1 s for a first page, while it waits for its own cache."""
_LARGE_LINES = 16
"""Maximum large watch events that are read at the same time, because each watch receives its own copy of an object."""


class WatchKey(NamedTuple):
    """The key of a watch. `user` is the hash of the token, so users never share a watch with other rights."""

    user: str
    kind: RunKind
    namespace: str


class Hub:
    """Manages the watches of all browsers.

    Args:
        config: Address of the API server.

    Attributes:
        api: The asynchronous client of the API server.
        lists: Limits the list requests at the same time.
        large_objects: Limits list requests for a single large object to one at the same time.
        large_lines: Limits the large watch events that are read at the same time.
        turns: Parses large objects in one thread.
        subscriptions: The connected browsers.
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
        """Number of running watches."""
        return len(self._watchers)

    @property
    def rows(self) -> int:
        """Number of rows of all watches in memory."""
        return self._rows.total()

    def start(self) -> None:
        """Start the client of the API server."""
        self.api.start()

    def end_streams(self) -> None:
        """End the streams of all browsers, before the server waits until its requests have ended."""
        for subscription in self.subscriptions:
            subscription.close()

    async def close(self) -> None:
        """Stop all watches, and close the connections to the API server."""
        for watcher in self._watchers.values():
            watcher.stop()
        self._watchers = {}
        self.turns.close()
        await self.api.close()

    @contextmanager
    def subscribe(self, access: Access, namespace: str) -> Iterator[Subscription]:
        """Subscribe a browser to the watches of a namespace until the end of the `with` block.

        Missing watches are started. The last browser that unsubscribes stops them.

        Args:
            access: The signed-in user.
            namespace: The namespace; "" for all namespaces.

        Raises:
            Refusal: 503, if the user, or all users together, have too many streams.
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
        """Return the row of an object, with a sparkline of the metric values that Studio has seen so far."""
        row = summary(found, now)
        values = self._sparklines.remember(row.uid, row.epoch, monitored(row))
        update: dict[str, Any] = {"sparkline": values}
        if isinstance(size := found.get(OMITTED), int):
            update["reason"] = f"TooLarge: the object has {size / 2**20:.1f} MiB, too much to show"
        return row.model_copy(update=update)

    def reserve_row(self, owner: str) -> bool:
        """Count one more row of a user, and return True. Return False if a maximum number of rows is reached."""
        if self.rows >= MAX_ROWS or self._rows[owner] >= MAX_USER_ROWS:
            return False
        self._rows[owner] += 1
        return True

    def free_rows(self, owner: str, number: int) -> None:
        """Reduce the number of rows of a user."""
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
