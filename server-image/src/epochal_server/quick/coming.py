"""A plain request whose body comes in pieces."""

from epochal_server.intake import Room
from epochal_server.quick.codec import Codec
from epochal_server.quick.head import Head


class Coming:
    """What has come of a request.

    Args:
        head: Its head.
        codec: Its protocol.
        start: Its head as it came.
        room: What its body takes of the memory for all: what has come of it, since anyone may announce as much.

    Attributes:
        missing: Bytes of the body that are still to come; less than 0 if more than the body has come.
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
        """Takes more of the body.

        Raises:
            Busy: If there is no room for it. It is kept even so, for others to refuse.
        """
        self._parts.append(part)
        self.missing -= len(part)
        self.room.take(len(part))

    def body(self) -> bytes:
        """Returns all that has come of the body."""
        return b"".join(self._parts)
