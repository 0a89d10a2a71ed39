"""Requests that a client sends before the answer to its last request (HTTP pipelining)."""

from collections.abc import Callable

from epochal_server.intake import Intake, Room
from epochal_server.refusals import Busy


class Ahead:
    """The bytes of requests that one connection sent before its last answer. They count in the memory for all requests.

    Args:
        intake: The admission control, with the memory for all requests.
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
        """The number of bytes that are held."""
        return self._room.size

    def put(self, data: bytes) -> None:
        """Hold more bytes. They are dropped if another request finds no room, as those of slow clients are."""
        if self._took(self._room, len(data)):
            self._parts.append(data)
            self._intake.wait(self._room, self._no_room)

    def take(self) -> bytes:
        """Remove and return the bytes that are held."""
        data = b"".join(self._parts)
        self._parts.clear()
        self._intake.wait_no_more(self._room)
        self._room.give_back()
        return data

    def queue(self, size: int) -> None:
        """Count the bytes in the queue of aiohttp, in place of the earlier count."""
        self._queued.give_back()
        self._took(self._queued, size)

    def queue_no_more(self) -> None:
        """Stop counting the bytes in the queue of aiohttp, which is empty."""
        self._queued.give_back()

    def drop(self) -> None:
        """Drop the bytes that are held, and stop counting those in the queue of aiohttp."""
        self.take()
        self.queue_no_more()

    def _took(self, room: Room, size: int) -> bool:
        try:
            room.take(size)
        except Busy:
            self._no_room()
            return False
        return True
