"""The connections of clients. Their number and the times for their requests are limited."""

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
"""Maximum number of connections. Each takes about 20 kB, and 70 kB more with TLS."""
HEAD_SECONDS = 10.0
"""Time limit for a request's line and headers, from their first byte."""
HEAD_BYTES = 32 * 1024
"""Maximum size of a request's line and headers together. aiohttp limits each header and their number, to a MiB in
total. With the maximum number of connections, that would exceed the server's memory."""
KEPT_SECONDS = 620.0
"""Time that an idle connection stays open. It is longer than the keep-alive time of usual proxies, so that no proxy
sends a request on a connection that the server is closing."""
UNREAD_SECONDS = 30.0
"""Maximum time that a client may leave an answer unread."""
SWEEP_SECONDS = 1.0
READ_BYTES = 64 * 1024
"""Maximum bytes of one read from a connection, as with TLS. The default of asyncio is four times as many."""
AHEAD_BYTES = 32 * 1024
"""Number of bytes of pipelined requests from which on the connection reads no more."""
END = b"\r\n\r\n"
HEAD_TOO_LONG = f"head: expected at most {HEAD_BYTES:,} bytes of line and headers, found more: send fewer headers"
_TOO_LONG = f'{{"error":"{HEAD_TOO_LONG}"}}'.encode()
TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_TOO_LONG), _TOO_LONG)
)


class Held(Protocol):
    """The interface of a connection that `Connections` uses. See Connection."""

    busy: bool
    since: float

    @property
    def idle(self) -> bool:
        """Whether the connection holds no part of a request."""

    @property
    def reads(self) -> bool:
        """Whether a part of the request in progress has not arrived yet."""

    def late(self, now: float) -> bool:
        """Return whether the time for a request's head, or for the next request, is over."""

    def stalled(self, now: float) -> bool:
        """Return whether the rest of a request on the fast path has not arrived at once."""

    def hand_over(self) -> None:
        """Pass a fast-path request with an incomplete body, and all later bytes, to aiohttp."""

    def force_close(self) -> None:
        """Close the connection without an answer."""


class Connections:
    """The open connections, up to a maximum number.

    Args:
        most: Maximum number of connections.
        intake: The admission control, which counts the bytes of pipelined requests.
    """

    def __init__(self, most: int = MOST, intake: Intake | None = None) -> None:
        self._most = most
        self.intake = intake or Intake(most, most * READ_BYTES)
        self._open: dict[Held, None] = {}

    def opened(self, connection: "Held") -> None:
        """Add a connection. Above the maximum, close an idle connection, else one that still sends its request.

        The connection that has been in this state for the longest time is closed. Slow clients thus cannot lock out
        other clients such as the kubelet, which would restart the server. If all other connections are busy with
        complete requests, the new connection is closed.
        """
        self._open[connection] = None
        if len(self._open) > self._most:
            waits = (one for one in self._open if one is not connection and (one.reads or not one.busy))
            goes = min(waits, key=lambda one: (not one.idle, one.since), default=connection)
            self.closed(goes)  # at once: else all connections of the same moment would choose this one
            goes.force_close()

    def closed(self, connection: "Held") -> None:
        """Remove a connection, if it is not removed yet."""
        self._open.pop(connection, None)

    async def keep(self) -> None:
        """Close the connections that are late, at regular intervals, until cancelled.

        A request on the fast path that does not arrive at once is passed to aiohttp. Thus a single rule limits the time
        for the rest of a request, and slow clients get the same answer.
        """
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = monotonic()
            for one in [one for one in self._open if one.late(now)]:
                one.force_close()
            for one in [one for one in self._open if one.stalled(now)]:
                one.hand_over()


class Connection(web.RequestHandler):
    """A client's connection, which tries the fast path before aiohttp.

    Args:
        connections: All open connections.
        quick: The fast path for plain requests, or None to pass all requests to aiohttp.

    Attributes:
        busy: Whether a request of the connection is in progress.
        since: Time of the last change of `busy`, or of the first byte of a new request.
        ends: Whether the connection closes after its next answer, because there is no room for pipelined requests.
        head_since: Arrival time of the first part of a request's head, or None if no incomplete head is there.
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
        """Set the limits of the socket, start the fast path and add the connection. See asyncio.Protocol."""
        super().connection_made(transport)
        plain = cast("socket.socket | None", transport.get_extra_info("socket"))
        if plain is not None:
            with suppress(OSError):  # the client has disconnected already
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))
        cast("Any", transport).max_size = READ_BYTES
        if self._quick is not None:
            self._shortcut = Shortcut(self._quick, self, cast("asyncio.Transport", transport))
        self._connections.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Remove the connection and drop its pipelined requests. See asyncio.Protocol."""
        self._connections.closed(self)
        self._ahead.drop()
        if self._shortcut is not None:
            self._shortcut.lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass the bytes to the fast path or to aiohttp, or hold pipelined requests. See asyncio.Protocol."""
        if self.ends:
            return
        if data and (self._ahead.size or self._waits()):
            self._ahead.put(data)
            if self._ahead.size > AHEAD_BYTES and self.transport is not None:
                self.transport.pause_reading()
            return
        # Bytes that arrive between two answers may be the rest of a body that no handler read. Empty data come from
        # aiohttp, which continues by this call.
        if not self.busy and self.head_since is None and not self.reads and (data or self._shortcut is not None):
            self.head_since = self.since = monotonic()
        if self._shortcut is not None:
            left = self._shortcut.received(data)
            if left is None:
                return
            # aiohttp handles the connection until its end, because only aiohttp tracks the state of its parser.
            data, self._shortcut = left, None
        self._pass_on(data)

    def pause_writing(self) -> None:
        """Report to the fast path that the client reads too slowly. See asyncio.Protocol."""
        super().pause_writing()
        if self._shortcut is not None:
            self._shortcut.unread()

    def resume_writing(self) -> None:
        """Report to the fast path that the client has read, and continue. See asyncio.Protocol."""
        super().resume_writing()
        if self._shortcut is not None:
            self._shortcut.written()
            self._go_on()

    def late(self, now: float) -> bool:
        """Return whether the time for a request's head, or for the next request, is over."""
        return (self.head_since is not None and self.head_since < now - HEAD_SECONDS) or (
            not self.busy and self.since < now - KEPT_SECONDS
        )

    def stalled(self, now: float) -> bool:
        """Return whether the rest of a request on the fast path has not arrived at once."""
        return self._shortcut is not None and self.head_since is not None and self.head_since < now - SWEEP_SECONDS

    def hand_over(self) -> None:
        """Pass a fast-path request with an incomplete body, and all later bytes, to aiohttp."""
        data = self._shortcut.given_up() if self._shortcut is not None else None
        if data is not None:
            self._shortcut = None
            self._pass_on(data)

    @property
    def idle(self) -> bool:
        """Whether the connection holds no part of a request."""
        return not self.busy and self.head_since is None and not self.reads

    @property
    def reads(self) -> bool:
        """Whether a part of the current or last request has not arrived yet."""
        return self._body is not None and not self._body.is_eof()

    def begin(self, body: StreamReader | None = None) -> None:
        """Mark the connection as busy with a request.

        Args:
            body: Stream of the request's body, or None if the whole body has arrived.
        """
        self.busy, self.head_since, self.since, self._body = True, None, monotonic(), body
        self._answering, self._turn = True, body
        if not self._messages:  # else the head of another request is there already
            self._head, self._tail = 0, b""
            self._ahead.queue_no_more()

    def end(self) -> None:
        """Mark the connection as not busy."""
        self.busy, self.since = False, monotonic()

    def answered(self) -> None:
        """Start the next request after an answer is sent."""
        self._answering = bool(self._messages)
        if self._messages:
            self._turn = self._messages[0][1]
        if self._ahead.size or self.ends:
            self._loop.call_soon(self._go_on)

    def _waits(self) -> bool:
        """Return whether a complete request must be answered before the connection reads another."""
        if self._shortcut is not None:
            return self._shortcut.waits
        return self._answering and (self._turn is None or self._turn.is_eof())

    def _go_on(self) -> None:
        """Read the pipelined requests, unless an answer is due first."""
        if self.transport is None or self._waits():
            return  # this method is called again later
        if self.ends:
            self.force_close()
        elif self._ahead.size:
            data = self._ahead.take()
            if not self._reading_paused and not self._buffer_paused:
                self._resume_transport_reading()
            self.data_received(data)

    def _resume_transport_reading(self) -> None:
        """Resume reading unless too many bytes are held. aiohttp calls this method after each body."""
        if self._ahead.size <= AHEAD_BYTES and not self.ends:
            super()._resume_transport_reading()

    def _end_soon(self) -> None:
        """Close the connection after the current answer, because there is no room for the requests after it."""
        self._ahead.drop()
        self.ends = True
        if self.transport is not None:
            self.transport.pause_reading()
            self._loop.call_soon(self._go_on)

    def _pass_on(self, data: bytes) -> None:
        """Pass bytes to aiohttp, unless the head that they belong to is too long."""
        rest = self.reads
        if self._head is not None and not rest:
            self._head = None if END in self._tail + data else self._head + len(data)
            self._tail = data[1 - len(END) :]
            if self._head is not None and self._head > HEAD_BYTES:
                self._refuse()
                return
        super().data_received(data)
        if self._messages:
            if data and len(self._messages) > (not self._answering):  # the data held several requests
                self._ahead.queue(len(data))
            if not self._answering:
                self._answering, self._turn = True, self._messages[0][1]
        if rest and self._messages:
            self._head = None  # the data held the end of a body and the head of the next request

    def _refuse(self) -> None:
        """Close a connection with a head that is too long. Answer 431 unless an earlier answer is in progress."""
        if self.busy or self.transport is None:
            self.force_close()
        else:
            self.transport.write(TOO_LONG)
            self.close()
            self.transport.close()
