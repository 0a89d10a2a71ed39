"""Runs one check at a time for each user. Of the waiting checks of a page, only the newest is kept."""

import asyncio

from epochal_studio.problems import too_busy

MAX_TURNS = 48
"""Maximum running and waiting checks of all users. Each keeps a document in memory."""
MAX_PAGES = 8
"""Maximum pages of a user, such as tabs of the browser, whose checks wait. Checks of further pages are refused."""


class Latest:
    """A lock for each user, where only the newest request of a page waits: an older waiting request is refused.

    A page sends the whole document after each edit. Only the result for the newest document is useful. Requests of
    several pages wait in the order of the pages' first waiting requests.
    """

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._waiting: dict[str, dict[str, asyncio.Future[None]]] = {}

    @property
    def count(self) -> int:
        """Number of running and waiting requests of all users."""
        return len(self._held) + sum(len(pages) for pages in self._waiting.values())

    async def begin(self, owner: str, page: str = "") -> None:
        """Acquire the lock of a user. The caller must then call `end`, unless this raises.

        Raises:
            Refusal: 503, if a newer request of the page arrives while this request waits, or too many requests of the
                user's pages or of all users run or wait.
        """
        if owner not in self._held and self.count < MAX_TURNS:
            self._held.add(owner)
            return
        pages = self._waiting.get(owner, {})
        if (older := pages.get(page)) is not None:
            if not older.done():
                older.set_exception(too_busy("A newer version of your document is checked in place of this version."))
        elif len(pages) >= MAX_PAGES:
            raise too_busy(
                f"{MAX_PAGES} other pages of yours, such as browser tabs, wait for a check. Close some of them."
            )
        elif self.count >= MAX_TURNS:
            raise too_busy("Studio is busy with checks of other users' documents.")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, {})[page] = turn
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.end(owner)
            elif self._waiting.get(owner, {}).get(page) is turn:
                self._remove(owner, page)
            raise

    def end(self, owner: str) -> None:
        """Release the lock of a user, or pass it to the user's first waiting request."""
        while owner in self._waiting:
            turn = self._remove(owner, next(iter(self._waiting[owner])))
            if not turn.done():
                turn.set_result(None)
                return
        self._held.discard(owner)

    def _remove(self, owner: str, page: str) -> "asyncio.Future[None]":
        """Remove a page's waiting request, and return its future."""
        pages = self._waiting[owner]
        turn = pages.pop(page)
        if not pages:
            del self._waiting[owner]
        return turn
