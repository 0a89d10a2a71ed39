"""Turns of users: a user has one at a time, and of the requests that wait for the next one, the newest gets it."""

import asyncio

from epochal_studio.problems import too_busy

MAX_TURNS = 48
"""Maximum turns and requests that wait for one, of all users: each holds a document."""


class Latest:
    """Gives each user one turn at a time. Of the requests of a user that wait, only the newest stays.

    A page sends the document after each edit. Only the answer to the last one counts, so an older one that still waits
    is refused.
    """

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._waiting: dict[str, asyncio.Future[None]] = {}

    @property
    def count(self) -> int:
        """Number of turns, and of requests that wait for one."""
        return len(self._held) + len(self._waiting)

    async def begin(self, owner: str) -> None:
        """Wait for the turn of a user. `end` must follow.

        Raises:
            Refusal: If a newer request of the user waits, or too many users have turns.
        """
        if owner not in self._held and self.count < MAX_TURNS:
            self._held.add(owner)
            return
        if (older := self._waiting.pop(owner, None)) is not None and not older.done():
            older.set_exception(too_busy("A newer version of your document is checked in place of this one."))
        if self.count >= MAX_TURNS:
            raise too_busy("Studio checks the documents of many users now.")
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
        """End the turn of a user, and begin that of the request that waits."""
        turn = self._waiting.pop(owner, None)
        if turn is not None and not turn.done():
            turn.set_result(None)
        else:
            self._held.discard(owner)
