"""A fast-path request with an incomplete body."""

from epochal_server.intake import Room
from epochal_server.quick.codec import Codec
from epochal_server.quick.head import Head


class Coming:
    """The received part of a request.

    Args:
        head: Parsed head of the request.
        codec: Codec of the request's protocol.
        start: The bytes of the head.
        room: Memory reservation of the body. Only received bytes count, since a client may announce any length.

    Attributes:
        missing: Number of bytes of the body that are missing. It is negative if more than the body has arrived.
    """

    __slots__ = ("_parts", "codec", "head", "missing", "room", "start")

    def __init__(self, head: Head, codec: Codec, start: bytes, room: Room) -> None:
        self.head = head
        self.codec = codec
        self.start = start
        self.room = room
        self.missing = head.length
        self._parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        """Add a received part of the body.

        Raises:
            Busy: If there is no room for the part. The part is kept, so that aiohttp can handle the whole request.
        """
        self._parts.append(part)
        self.missing -= len(part)
        self.room.take(len(part))

    def body(self) -> bytes:
        """Return the received part of the body."""
        return b"".join(self._parts)
