"""Requests that a client sends before the last one is answered."""

from collections.abc import Callable

from epochal_server.intake import Intake, Room
from epochal_server.refusals import Busy


class Ahead:
    """The bytes of requests that one connection sent before its last answer. They count in the memory for all.

    Args:
        intake: The memory for all.
        no_room: Called when there is no room for the bytes, which are dropped.
    """

    def __init__(self, intake: Intake, no_room: Callable[[], None]) -> None:
        self._intake = intake
        self._no_room = no_room
        self._room = Room(intake)
        self._queued = Room(intake)
        self._parts: list[bytes] = []

    @property
    def size(self) -> int:
        """The bytes that are held."""
        return self._room.size

    def put(self, data: bytes) -> None:
        """Holds more bytes. They give way to others that find no room, as those of slow clients do."""
        if self._took(self._room, len(data)):
            self._parts.append(data)
            self._intake.wait(self._room, self._no_room)

    def take(self) -> bytes:
        """Removes the bytes, and returns them."""
        data = b"".join(self._parts)
        self._parts.clear()
        self._intake.wait_no_more(self._room)
        self._room.give_back()
        return data

    def queue(self, size: int) -> None:
        """Counts the bytes in the queue of aiohttp, in place of those counted before."""
        self._queued.give_back()
        self._took(self._queued, size)

    def queue_no_more(self) -> None:
        """Stops counting the bytes in the queue of aiohttp, which is empty."""
        self._queued.give_back()

    def drop(self) -> None:
        """Drops the bytes held, and stops counting those in the queue of aiohttp."""
        self.take()
        self.queue_no_more()

    def _took(self, room: Room, size: int) -> bool:
        try:
            room.take(size)
        except Busy:
            self._no_room()
            return False
        return True
