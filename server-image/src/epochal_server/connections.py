"""The connections of clients, bounded in number and in what they may take their time for."""

import asyncio
import socket
from contextlib import suppress
from time import monotonic
from typing import Any, Protocol, cast

from aiohttp import StreamReader, web

from epochal_server.ahead import Ahead
from epochal_server.intake import Intake
from epochal_server.quick.shortcut import Quick, Shortcut

MOST = 1024
"""Connections at a time. Each takes about 20 kB, and one by TLS 70 kB more."""
HEAD_SECONDS = 10.0
"""Time for a request's line and headers, from their first byte."""
HEAD_BYTES = 32 * 1024
"""Of a request's line and headers together. aiohttp bounds each of them and their number, and that is a MiB: of as many
connections as there may be, it is more than a server has memory for."""
KEPT_SECONDS = 620.0
"""How long a connection is kept for the next request: longer than any usual proxy keeps it, so that it never sends one
on a connection that is just being closed here."""
UNREAD_SECONDS = 30.0
"""How long a client may leave an answer unread."""
SWEEP_SECONDS = 1.0
READ_BYTES = 64 * 1024
"""Read of a connection at a time, as by TLS. By default asyncio reads four times as many."""
AHEAD_BYTES = 32 * 1024
"""Bytes of requests sent before the last answer, after which the connection reads no more."""
END = b"\r\n\r\n"
HEAD_TOO_LONG = f"head: expected at most {HEAD_BYTES:,} bytes of line and headers, found more: send fewer headers"
_TOO_LONG = f'{{"error":"{HEAD_TOO_LONG}"}}'.encode()
TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_TOO_LONG), _TOO_LONG)
)


class Held(Protocol):
    """A connection as `Connections` knows it. See Connection."""

    busy: bool
    since: float

    @property
    def idle(self) -> bool:
        """Whether no part of a request is there."""

    @property
    def reads(self) -> bool:
        """Whether a request that is being answered has not come as a whole."""

    def late(self, now: float) -> bool:
        """Returns whether it takes too long for a request's head, or to begin with one."""

    def stalled(self, now: float) -> bool:
        """Returns whether the rest of a plain request does not come at once."""

    def hand_over(self) -> None:
        """Leaves to aiohttp what has come of a plain request, and all that comes after it."""

    def force_close(self) -> None:
        """Ends it."""


class Connections:
    """The connections that there are.

    Args:
        most: How many there may be.
        intake: Where bytes of requests that wait for their turn are counted.
    """

    def __init__(self, most: int = MOST, intake: Intake | None = None) -> None:
        self._most = most
        self.intake = intake or Intake(most, most * READ_BYTES)
        self._open: dict[Held, None] = {}

    def opened(self, connection: "Held") -> None:
        """Takes a connection in; where there are too many, one goes: an idle one, else one whose request still comes.

        Among these it is the one that has been so for the longest time. Who sends slowly keeps nobody out, such as the
        kubelet, which would take the server for dead.
        """
        self._open[connection] = None
        if len(self._open) > self._most:
            waits = (one for one in self._open if one is not connection and (one.reads or not one.busy))
            goes = min(waits, key=lambda one: (not one.idle, one.since), default=connection)
            self.closed(goes)  # at once: else it would be the one that goes for all who come in the same moment
            goes.force_close()

    def closed(self, connection: "Held") -> None:
        """Forgets a connection, unless it is forgotten already."""
        self._open.pop(connection, None)

    async def keep(self) -> None:
        """Ends, again and again, connections that do not get to the end of a request's head, until cancelled.

        What the short way holds of a request whose rest does not come at once is left to aiohttp: there is one rule for
        how long the rest is waited for, and one answer to those who take longer.
        """
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = monotonic()
            for one in [one for one in self._open if one.late(now)]:
                one.force_close()
            for one in [one for one in self._open if one.stalled(now)]:
                one.hand_over()


class Connection(web.RequestHandler):
    """A client's connection.

    Args:
        connections: All of them.
        quick: What plain requests are answered with; None if none is.

    Attributes:
        busy: Whether a request of it is being answered.
        since: Since when it is busy, or is not; or since a request comes.
        ends: Whether it ends with its next answer, since there is no room for what its client sends ahead.
        head_since: Since when a part of a request's head has been there; None if none is, or all of it.
    """

    __slots__ = (
        *("_ahead", "_answering", "_body", "_connections", "_head", "_quick", "_shortcut", "_tail", "_turn"),
        *("busy", "ends", "head_since", "since"),
    )

    def __init__(self, connections: Connections, quick: Quick | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._connections = connections
        self._quick = quick
        self._shortcut: Shortcut | None = None
        self._body: StreamReader | None = None
        self._head: int | None = 0
        self._tail = b""
        self._ahead = Ahead(connections.intake, self._end_soon)
        self._answering = False
        self._turn: StreamReader | None = None
        self.busy = False
        self.ends = False
        self.since = monotonic()
        self.head_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        plain = cast("socket.socket | None", transport.get_extra_info("socket"))
        if plain is not None:
            with suppress(OSError):  # it has ended already
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))
        cast("Any", transport).max_size = READ_BYTES
        if self._quick is not None:
            self._shortcut = Shortcut(self._quick, self, cast("asyncio.Transport", transport))
        self._connections.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol."""
        self._connections.closed(self)
        self._ahead.drop()
        if self._shortcut is not None:
            self._shortcut.lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self.ends:
            return
        if data and (self._ahead.size or self._waits()):
            self._ahead.put(data)
            if self._ahead.size > AHEAD_BYTES and self.transport is not None:
                self.transport.pause_reading()
            return
        # What comes while none is being answered may be the rest of a body that nobody read; or nothing, as aiohttp has
        # itself go on.
        if not self.busy and self.head_since is None and not self.reads and (data or self._shortcut is not None):
            self.head_since = self.since = monotonic()
        if self._shortcut is not None:
            left = self._shortcut.received(data)
            if left is None:
                return
            # From now on, and to its end: aiohttp alone knows what it is in the midst of.
            data, self._shortcut = left, None
        self._pass_on(data)

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        super().pause_writing()
        if self._shortcut is not None:
            self._shortcut.unread()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        super().resume_writing()
        if self._shortcut is not None:
            self._shortcut.written()
            self._go_on()

    def late(self, now: float) -> bool:
        """Returns whether it takes too long for a request's head, or to begin with one."""
        return (self.head_since is not None and self.head_since < now - HEAD_SECONDS) or (
            not self.busy and self.since < now - KEPT_SECONDS
        )

    def stalled(self, now: float) -> bool:
        """Returns whether the rest of a plain request does not come at once."""
        return self._shortcut is not None and self.head_since is not None and self.head_since < now - SWEEP_SECONDS

    def hand_over(self) -> None:
        """Leaves to aiohttp what has come of a plain request, and all that comes after it."""
        data = self._shortcut.given_up() if self._shortcut is not None else None
        if data is not None:
            self._shortcut = None
            self._pass_on(data)

    @property
    def idle(self) -> bool:
        """Whether no part of a request is there."""
        return not self.busy and self.head_since is None and not self.reads

    @property
    def reads(self) -> bool:
        """Whether the request that is being answered, or was as the last one, has not come as a whole."""
        return self._body is not None and not self._body.is_eof()

    def begin(self, body: StreamReader | None = None) -> None:
        """Says that a request of it is being answered.

        Args:
            body: Where its body comes from; None if all of it is there.
        """
        self.busy, self.head_since, self.since, self._body = True, None, monotonic(), body
        self._answering, self._turn = True, body
        if not self._messages:  # else another head is there already
            self._head, self._tail = 0, b""
            self._ahead.queue_no_more()

    def end(self) -> None:
        """Says that none is."""
        self.busy, self.since = False, monotonic()

    def answered(self) -> None:
        """Starts the next request after an answer is sent."""
        self._answering = bool(self._messages)
        if self._messages:
            self._turn = self._messages[0][1]
        if self._ahead.size or self.ends:
            self._loop.call_soon(self._go_on)

    def _waits(self) -> bool:
        """Returns whether a complete request must be answered before the connection reads another."""
        if self._shortcut is not None:
            return self._shortcut.waits
        return self._answering and (self._turn is None or self._turn.is_eof())

    def _go_on(self) -> None:
        """Reads the requests that were sent ahead, unless an answer is due first."""
        if self.transport is None or self._waits():
            return  # it is called again
        if self.ends:
            self.force_close()
        elif self._ahead.size:
            data = self._ahead.take()
            if not self._reading_paused and not self._buffer_paused:
                self._resume_transport_reading()
            self.data_received(data)

    def _resume_transport_reading(self) -> None:
        """Resumes reading unless too many bytes are held: aiohttp calls this after each body."""
        if self._ahead.size <= AHEAD_BYTES and not self.ends:
            super()._resume_transport_reading()

    def _end_soon(self) -> None:
        """Ends the connection after the current answer: there is no room for the requests after it."""
        self._ahead.drop()
        self.ends = True
        if self.transport is not None:
            self.transport.pause_reading()
            self._loop.call_soon(self._go_on)

    def _pass_on(self, data: bytes) -> None:
        """Has aiohttp read what has come, unless it is a head without an end."""
        rest = self.reads
        if self._head is not None and not rest:
            self._head = None if END in self._tail + data else self._head + len(data)
            self._tail = data[1 - len(END) :]
            if self._head is not None and self._head > HEAD_BYTES:
                self._refuse()
                return
        super().data_received(data)
        if self._messages:
            if data and len(self._messages) > (not self._answering):  # the piece held several requests
                self._ahead.queue(len(data))
            if not self._answering:
                self._answering, self._turn = True, self._messages[0][1]
        if rest and self._messages:
            self._head = None  # the head of the next request came along with the rest of this one's body

    def _refuse(self) -> None:
        """Ends the connection of a head that is too long; and says why, unless an answer to another is under way."""
        if self.busy or self.transport is None:
            self.force_close()
        else:
            self.transport.write(TOO_LONG)
            self.close()
            self.transport.close()
