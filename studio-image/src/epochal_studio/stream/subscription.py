"""The stream of one browser: encodes the rows and changes of its watches as frames (server-sent events)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from epochal_studio.problems import EXPIRED
from epochal_studio.stream.connection import Phase, connection_state
from epochal_studio.stream.frames import RETRY, RowKey, connection_frame, runs_frame
from epochal_studio.stream.watcher import Watcher
from epochal_studio.wire.runs import ConnectionState

FRAME_SECONDS = 0.1
"""Minimum seconds between two frames. All changes in between are sent in one frame."""
HEARTBEAT_SECONDS = 15.0
"""Seconds without a change after which the connection state is sent again. A comment would be invisible to the page."""
FRAME_ROWS = 200
"""Maximum rows of a frame: about 200 KiB."""
FIRST_SECONDS = 10.0
"""Seconds after which the rows of the listed kinds are sent, even if another kind is not listed yet."""


class Subscription:
    """The subscription of one browser to watches.

    Only the newest version of each changed row waits for the browser, so a slow browser needs limited memory.

    Args:
        watchers: The watches, one for each kind.
        expires: End of the session; None for no end.
        now: Returns the current time.
    """

    def __init__(
        self,
        watchers: Sequence[Watcher],
        expires: datetime | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._watchers = watchers
        self._expires = expires
        self._now = now
        self._pending: dict[RowKey, bytes | None] = {}
        self._woken = asyncio.Event()
        self._is_closed = False
        self._is_complete = False
        self._has_begun = False

    @property
    def waiting(self) -> int:
        """Number of changed rows that are not sent to the browser yet."""
        return len(self._pending)

    def changed(self, key: RowKey, row: bytes | None) -> None:
        """Queue a changed row for the browser. Before the first list is sent, changes are ignored.

        Args:
            key: Key of the row.
            row: The JSON of its RunSummary; None if the run was deleted.
        """
        if self._has_begun:
            self._pending[key] = row
            self._woken.set()

    def status_changed(self) -> None:
        """Wake the stream, because the status of a watch has changed."""
        self._woken.set()

    def close(self) -> None:
        """End the stream of this browser."""
        self._is_closed = True
        self._woken.set()

    async def frames(self) -> AsyncIterator[Iterator[bytes]]:
        """Yield an iterator of pieces for each frame, until the session ends or `close` is called."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        sent: ConnectionState | None = None
        yield iter([RETRY])
        while not self._is_closed:
            self._woken.clear()
            if self._is_expired():
                yield iter([connection_frame(ConnectionState(is_connected=False, kinds=[], problem=EXPIRED))])
                return
            state = connection_state([watcher.status for watcher in self._watchers])
            if state != sent:
                sent = state
                yield iter([connection_frame(state)])
            for frame in self._frames(is_late=loop.time() - began >= FIRST_SECONDS):
                yield frame
                if self._is_closed or self._is_expired():
                    break
            if self._has_begun:  # the first list does not wait
                await asyncio.sleep(FRAME_SECONDS)
            if not await self._wait(self._seconds(loop.time() - began)):
                sent = None

    def _frames(self, *, is_late: bool) -> Iterator[Iterator[bytes]]:
        """Yield the next frames with runs: no frame without changes, one with changes, several for the complete list.

        Args:
            is_late: Whether to send an incomplete list, because a kind is not listed after FIRST_SECONDS.
        """
        is_listed = all(watcher.status.is_listed for watcher in self._watchers)
        if is_listed and not self._is_complete:
            self._is_complete = self._has_begun = True
            yield from self._all(is_complete=True)
        elif not self._has_begun and is_late:
            self._has_begun = True
            yield from self._all(is_complete=False)
        elif self._pending:
            sent = dict(islice(self._pending.items(), FRAME_ROWS))
            for key in sent:
                del self._pending[key]
            if self._pending:
                self._woken.set()
            yield runs_frame(
                (row for row in sent.values() if row is not None), [key for key in sent if sent[key] is None]
            )

    def _all(self, *, is_complete: bool) -> Iterator[Iterator[bytes]]:
        """Yield all rows in frames of FRAME_ROWS rows, so that even a slow browser receives a frame before its timeout.

        Changes and deletions of rows during this time are queued, and sent after the last of these frames.

        Args:
            is_complete: Whether all kinds are listed, so that the page may remove all other rows.
        """
        self._pending = {}
        keys = [(watcher, key) for watcher in self._watchers for key in watcher.rows]
        starts = range(0, max(1, len(keys)), FRAME_ROWS)
        for start in starts:
            rows = [watcher.rows.get(key) for watcher, key in keys[start : start + FRAME_ROWS]]
            yield runs_frame(
                [row.encoded for row in rows if row is not None],
                is_first=is_complete and start == 0,
                is_complete=is_complete and start == starts[-1],
            )

    def _is_expired(self) -> bool:
        is_over = self._expires is not None and self._now() >= self._expires
        return is_over or any(watcher.status.phase == Phase.EXPIRED for watcher in self._watchers)

    def _seconds(self, elapsed: float) -> float:
        """Return the seconds to wait: until the next heartbeat, the end of the session, or FIRST_SECONDS if earlier.

        Args:
            elapsed: Seconds since the start of the stream.
        """
        due = [HEARTBEAT_SECONDS]
        if self._expires is not None:
            due.append((self._expires - self._now()).total_seconds())
        if not self._has_begun:
            due.append(FIRST_SECONDS - elapsed)
        return max(0.0, min(due))

    async def _wait(self, seconds: float) -> bool:
        """Wait for a change for at most `seconds`. Return False if there was no change."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True
