"""Runs one check at a time for each user. Of the waiting checks of a user, only the newest is kept."""

import asyncio

from epochal_studio.problems import too_busy

MAX_TURNS = 48
"""Maximum running and waiting checks of all users. Each keeps a document in memory."""


class Latest:
    """A lock for each user, where only the newest request waits: an older waiting request is refused.

    A page sends the whole document after each edit. Only the result for the newest document is useful.
    """

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._waiting: dict[str, asyncio.Future[None]] = {}

    @property
    def count(self) -> int:
        """Number of running and waiting requests of all users."""
        return len(self._held) + len(self._waiting)

    async def begin(self, owner: str) -> None:
        """Acquire the lock of a user. The caller must then call `end`, unless this raises.

        Raises:
            Refusal: 503, if a newer request of the user arrives while this request waits, or too many requests of all
                users run or wait.
        """
        if owner not in self._held and self.count < MAX_TURNS:
            self._held.add(owner)
            return
        if (older := self._waiting.pop(owner, None)) is not None and not older.done():
            older.set_exception(too_busy("A newer version of your document is checked in place of this version."))
        if self.count >= MAX_TURNS:
            raise too_busy("Studio is busy with checks of other users' documents.")
        turn = self._waiting[owner] = asyncio.get_running_loop().create_future()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.end(owner)
            elif self._waiting.get(owner) is turn:
                del self._waiting[owner]
            raise

    def end(self, owner: str) -> None:
        """Release the lock of a user, or pass it to the user's waiting request."""
        turn = self._waiting.pop(owner, None)
        if turn is not None and not turn.done():
            turn.set_result(None)
        else:
            self._held.discard(owner)
