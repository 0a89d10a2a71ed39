"""A watch of one kind with a user's token. Its rows are shared by all browsers with this token."""

import asyncio
import logging
import random
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from epochal.client.failures import FORBIDDEN, GONE, NOT_FOUND, UNAUTHORIZED, ApiError, no_connection
from epochal.client.lines import LineSplitter
from epochal.client.pages import describe
from epochal.client.watch_state import Change, Listing, WatchState
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

from epochal_studio.bodies import KINDS
from epochal_studio.problems import EXPIRED
from epochal_studio.stream.api_server import TooLarge
from epochal_studio.stream.connection import Phase, WatchStatus
from epochal_studio.stream.frames import RowKey
from epochal_studio.stream.objects import MAX_OBJECT, OMITTED, Page, read_event
from epochal_studio.stream.shared import Listener, Shared
from epochal_studio.stream.turns import Pace
from epochal_studio.wire.common import Problem, RunKind

WATCH_SECONDS = 120.0
"""Seconds after which the API server ends a watch. It checks the token and the rights again for the next watch."""
MAX_OBJECTS = 10_000
MAX_LINE = 4 * 2**20
"""Maximum bytes of a watch event: an object has at most 1.5 MiB in etcd, and its JSON is longer. After a longer event,
the objects are listed again."""
LARGE_LINE = 32 * 1024
"""Bytes above which a watch event is large: the number of large events at a time is limited, and the thread of Turns
parses them."""
FIRST_PAGE, PAGE, MAX_PAGE = 10, 100, 2 * 2**20
"""Objects in the first page of a list, maximum objects in later pages, and maximum bytes of a page."""
PAGE_BYTES = MAX_OBJECT * 3 // 4
"""Bytes that each page should have: three quarters of the size that is parsed as a whole, since the next objects may be
larger."""
MAX_ALONE = 20 * 2**20
"""Maximum bytes of a page with one object: Kubernetes accepts 3 MiB, and each byte may be escaped, as in `\\u003c`."""
MAX_ROW = 16 * 1024
"""Maximum bytes of a row. The row of a larger object has only its name and the reason TooLarge."""
PAUSE = 4
"""Seconds of pause for each second of work: a watch uses at most a fifth of the event loop."""
FIRST_DELAY, MAX_DELAY = 1.0, 15.0
"""First and maximum seconds until the next try after a failure. They are doubled after each failure."""
DENIED_SECONDS = 60.0
"""Seconds until the next try for a kind that the user may not watch."""

log = logging.getLogger(__name__)


class Row(NamedTuple):
    """A row of the list of runs.

    Args:
        uid: UID of the object. A new object may have the same name as a deleted object.
        encoded: The JSON of the row's RunSummary.
    """

    uid: str
    encoded: bytes


class Watcher:
    """Lists and watches the objects of one kind from `start` until `stop`, and keeps a row for each object.

    Args:
        shared: The objects and limits that all watches share.
        kind: Kind of the objects.
        namespace: Namespace of the objects; "" for all namespaces.
        token: The user's token.
        owner: Key of the user's limit for the number of rows.
    """

    def __init__(self, shared: Shared, kind: RunKind, namespace: str, token: str, owner: str) -> None:
        self.rows: dict[RowKey, Row] = {}
        self.status = WatchStatus(kind)
        self.listeners: set[Listener] = set()
        self._shared = shared
        found = KINDS[kind]
        self._path = found.url_path(namespace)
        self._about = {"apiVersion": found.api_version, "kind": kind}
        self._list_action, self._watch_action = (describe(verb, found, namespace) for verb in ("list", "watch"))
        self._token = token
        self._owner = owner
        self._state = self._new_state()
        self._is_full = False
        self._opened: float | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the task that lists and watches the objects."""
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Stop the watch, and remove its rows from memory."""
        if self._task is not None:
            self._task.cancel()
        self._shared.free_rows(self._owner, len(self.rows))
        self.rows = {}

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        delay = FIRST_DELAY
        while self.status.phase != Phase.EXPIRED:
            self._opened = None
            try:
                if not self._state.version:
                    await self._list()
                await self._watch()
                wait = 0.0
            except EpochalError as error:
                wait = self._after(error) or delay
            except Exception:
                # A fault of Studio in one watch: the page shows it, and the next try may do better.
                log.exception("error in a watch of %s", self._path)
                self._state.version = ""
                self._set(Phase.LOST, Problem(reason="InternalError", message="Studio has failed to read the runs."))
                wait = MAX_DELAY
            if self._opened is not None and loop.time() - self._opened >= 1:
                delay = FIRST_DELAY
            else:
                wait, delay = wait or delay, min(delay * 2, MAX_DELAY)
            if wait:
                # After a restart of the API server, the watches of all users do not come at the same moment.
                await asyncio.sleep(wait * random.uniform(0.75, 1))  # noqa: S311 - no secret

    def _after(self, error: EpochalError) -> float:
        """Set the phase of the watch after an error; return the seconds until the next try, 0 to double the delay."""
        if isinstance(error, ApiError) and error.status == UNAUTHORIZED:
            self._set(Phase.EXPIRED, EXPIRED)
            return 0.0
        if isinstance(error, ApiError) and error.status in {FORBIDDEN, NOT_FOUND}:
            self._deny(error)
            return DENIED_SECONDS
        is_expired = isinstance(error, ApiError) and error.status == GONE
        if is_expired or error.exit_code != ExitCode.NO_CONNECTION:
            self._state.version = ""
        if not is_expired:
            problem = Problem(reason="Unreachable", message=error.message, remedy="Studio tries again by itself.")
            self._set(Phase.LOST, problem)
        return 0.0

    def _deny(self, error: ApiError) -> None:
        self._state = self._new_state()
        for key in [*self.rows]:
            self._remove(key)
        remedy = "Choose another namespace, or ask an administrator of the cluster for this right."
        self._set(Phase.DENIED, Problem(reason="Forbidden", message=error.message, remedy=remedy), is_listed=True)

    def _new_state(self) -> WatchState:
        return WatchState(self._shared.api.address, self._watch_action, MAX_OBJECTS)

    async def _list(self) -> None:
        """List all objects in pages, at first in a small page. Read a page above MAX_PAGE again with fewer objects."""
        self._is_full = False
        listing, more, size, growth = self._state.begin(), "", FIRST_PAGE, PAGE
        while True:
            query: dict[str, str | int] = {"limit": size, **({"continue": more} if more else {})}
            async with self._shared.large_objects if size == 1 else nullcontext(), self._shared.lists:
                try:
                    content = await self._shared.api.content(
                        self._token, self._path, query, self._list_action, limit=MAX_PAGE if size > 1 else MAX_ALONE
                    )
                except TooLarge:
                    if size == 1:
                        raise
                    size, growth = size // 2, 2  # Users choose the sizes of objects: the next pages grow slowly.
                    continue
                metadata = await self._take_page(content, listing)
            size = min(max(size, size * PAGE_BYTES // len(content)), growth * size, PAGE)
            more = metadata.get("continue") or ""
            if not more or listing.is_cut:
                break
        for change in self._state.end(listing, str(metadata.get("resourceVersion") or "")):
            self._take(change)
        self._live()

    async def _take_page(self, content: bytes, listing: Listing) -> dict[str, Any]:
        """Parse a page of a list, update the rows of its objects, and return the metadata of the list."""
        page, pace = Page(content), Pace(1, self._shared.turns.credit)
        try:
            while batch := await self._shared.turns.run(page.batch):
                # Items of a list may lack their kind.
                for change in listing.page({**self._about, **item} for item in batch):
                    pace.begin()
                    self._take(change)
                    await pace.end()
        except ValueError:
            cause = "the answer is no JSON object, so this is not the address of an API server"
            raise no_connection(self._shared.api.address, cause) from None
        return page.metadata

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        splitter, pace, holds = LineSplitter(MAX_LINE), Pace(PAUSE), False
        query = self._state.query(WATCH_SECONDS)
        try:
            async with self._shared.api.open(
                self._token, self._path, query, self._watch_action, read_seconds=WATCH_SECONDS + 15
            ) as response:
                self._opened = loop.time()
                self._live()
                async for chunk in response.content.iter_any():
                    for line in splitter.feed(chunk):
                        await self._take_line(line, pace)
                    if self._state.is_cut:
                        self._live()
                    if holds != (splitter.size > LARGE_LINE):
                        if holds:
                            self._shared.large_lines.release()
                        else:
                            await self._shared.large_lines.acquire()
                        holds = not holds
        finally:
            if holds:
                self._shared.large_lines.release()

    async def _take_line(self, line: bytes, pace: Pace) -> None:
        if len(line) > MAX_LINE:
            raise TooLarge(f"cannot {self._watch_action}: a change has more than {MAX_LINE / 2**20:.0f} MiB.")
        parse = partial(self._state.change, line, read_event)
        change = await self._shared.turns.run(parse) if len(line) > LARGE_LINE else None
        pace.begin()
        if len(line) <= LARGE_LINE:
            change = parse()
        if change is not None:
            self._take(change)
        await pace.end()

    def _take(self, change: Change) -> None:
        metadata = change.object["metadata"]
        key = RowKey(self.status.kind, str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
        uid = str(metadata.get("uid") or "")
        known = self.rows.get(key)
        if change.type == "DELETED":
            if known is not None and known.uid == uid:
                self._remove(key)
            return
        try:
            encoded = self._encoded(change.object)
        except Exception:
            # One object that Studio cannot read hides no other.
            log.exception("cannot summarize %s", "/".join(key))
            return
        if known is None and not self._shared.reserve_row(self._owner):
            self._is_full = True
            return
        self.rows[key] = Row(uid, encoded)
        for listener in self.listeners:
            listener.changed(key, encoded)

    def _encoded(self, found: dict[str, Any]) -> bytes:
        now = datetime.now(UTC)
        encoded = self._shared.summarize(found, now).model_dump_json().encode()
        if len(encoded) <= MAX_ROW:
            return encoded
        outline = {"kind": found.get("kind"), "metadata": found["metadata"], OMITTED: len(encoded)}
        return self._shared.summarize(outline, now).model_dump_json().encode()

    def _remove(self, key: RowKey) -> None:
        del self.rows[key]
        self._shared.free_rows(self._owner, 1)
        for listener in self.listeners:
            listener.changed(key, None)

    def _live(self) -> None:
        problem = None
        if self._state.is_cut or self._is_full:
            problem = Problem(
                reason="TooManyRuns",
                message=f"The list shows {len(self.rows)} objects of the kind {self.status.kind}, and there are more.",
                remedy="Choose a namespace.",
            )
        self._set(Phase.LIVE, problem, is_listed=True)

    def _set(self, phase: Phase, problem: Problem | None, *, is_listed: bool | None = None) -> None:
        listed = self.status.is_listed if is_listed is None else is_listed
        status = replace(self.status, phase=phase, problem=problem, is_listed=listed)
        if status != self.status:
            self.status = status
            for listener in self.listeners:
                listener.status_changed()
