"""The connections of clients, with limits on their number, on the time of a request, and on pipelined bytes."""

import asyncio
import socket
from contextlib import suppress
from time import monotonic
from typing import Any, cast

from epochal_server.admission import AdmissionControl, MemoryReservation
from epochal_server.refusals import Busy

MAX_CONNECTIONS = 1024
"""Maximum number of connections. Each takes about 20 kB, and 70 kB more with TLS."""
HEAD_SECONDS = 10.0
"""Time limit for a request's line and headers, from their first byte."""
KEEP_ALIVE_SECONDS = 620.0
"""Time that an idle connection stays open. It is longer than the keep-alive time of usual proxies, so that no proxy
sends a request on a connection that the server is closing."""
UNREAD_SECONDS = 30.0
"""Maximum time that a client may leave an answer unread."""
SWEEP_SECONDS = 1.0
READ_BYTES = 64 * 1024
"""Maximum bytes of one read from a connection, as with TLS. The default of asyncio is four times as many."""
PIPELINED_BYTES = 32 * 1024
"""Maximum bytes of pipelined requests that a connection holds before it stops reading."""


class Connections:
    """The open connections, up to a maximum number."""

    def __init__(self, max_connections: int = MAX_CONNECTIONS, admission: AdmissionControl | None = None) -> None:
        self._max_connections = max_connections
        self.admission = admission or AdmissionControl(max_connections, max_connections * READ_BYTES)
        self._open: dict[Connection, None] = {}

    def add(self, connection: "Connection") -> None:
        """Add a connection. Above the maximum, close an idle connection, else one that still sends its request.

        The connection that has been in this state for the longest time is closed. Slow clients thus cannot lock out
        other clients such as the kubelet, which would restart the server. If all other connections are busy with
        complete requests, the new connection is closed.
        """
        self._open[connection] = None
        if len(self._open) > self._max_connections:
            others = (other for other in self._open if other is not connection)
            evictable = (other for other in others if other.has_incomplete_body or not other.busy)
            evicted = min(evictable, key=lambda other: (not other.idle, other.since), default=connection)
            self.remove(evicted)  # at once: otherwise all connections of the same moment would choose this one
            evicted.force_close()

    def remove(self, connection: "Connection") -> None:
        """Remove a connection, if it is not removed yet."""
        self._open.pop(connection, None)

    def close_all(self, owner: object) -> None:
        """Close all connections of an owner."""
        for connection in [connection for connection in self._open if connection.owner is owner]:
            connection.force_close()

    async def run(self) -> None:
        """Sweep all connections at regular intervals, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = monotonic()
            for connection in list(self._open):
                connection.sweep(now)


class Connection(asyncio.Protocol):
    """A client's connection. Subclasses handle its bytes.

    Bytes that arrive before the last answer (HTTP pipelining) are held, and count in the memory for all requests.

    Attributes:
        busy: Whether a request of the connection is in progress.
        since: Time of the last change of `busy`, or of the first byte of a new request.
        head_since: Arrival time of the first part of a request's head, or None without an incomplete head.
        closes: Whether the connection closes after its next answer, because there is no memory for pipelined requests.
    """

    def __init__(self, connections: Connections, owner: object = None) -> None:
        self.owner = owner
        self.busy = False
        self.since = monotonic()
        self.head_since: float | None = None
        self.closes = False
        self._connections = connections
        self._admission = connections.admission
        self._held: list[bytes] = []
        self._held_memory = MemoryReservation(self._admission)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the limits of the socket, and add the connection. See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)
        plain = cast("socket.socket | None", transport.get_extra_info("socket"))
        if plain is not None:
            with suppress(OSError):  # the client has disconnected already
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        cast("Any", transport).max_size = READ_BYTES
        self._connections.add(self)

    def connection_lost(self, _exc: BaseException | None) -> None:
        """Remove the connection and drop its pipelined requests. See asyncio.Protocol."""
        self._connections.remove(self)
        self._take_held()

    def data_received(self, data: bytes) -> None:
        """Handle the bytes, or hold them as pipelined requests. See asyncio.Protocol."""
        if self.closes:
            return
        if self._held or self.is_answering:
            self._hold(data)
        else:
            self._handle(data)

    def force_close(self) -> None:
        """Close the connection without an answer."""
        self._transport.close()

    def sweep(self, now: float) -> None:
        """Close the connection if the time for a request's head, or for the next request, is over."""
        late = self.head_since is not None and self.head_since < now - HEAD_SECONDS
        if late or (not self.busy and self.since < now - KEEP_ALIVE_SECONDS):
            self.force_close()

    @property
    def has_incomplete_body(self) -> bool:
        """Whether a part of the current or last request's body has not arrived yet."""
        return False

    @property
    def is_answering(self) -> bool:
        """Whether a complete request must be answered before the connection handles further bytes."""
        return False

    @property
    def idle(self) -> bool:
        """Whether the connection holds no part of a request."""
        return not self.busy and self.head_since is None and not self.has_incomplete_body

    def _handle(self, data: bytes) -> None:
        """Handle bytes of the next request. Subclasses implement this."""
        raise NotImplementedError

    def _hold(self, data: bytes) -> None:
        """Hold pipelined bytes. They are dropped if another request finds no memory, as those of slow clients are."""
        try:
            self._held_memory.take(len(data))
        except Busy:
            self._close_soon()
            return
        self._held.append(data)
        self._admission.watch_client(self._held_memory, self._close_soon)
        if self._held_memory.size > PIPELINED_BYTES:
            self._transport.pause_reading()

    def _take_held(self) -> bytes:
        """Remove and return the bytes that are held."""
        data = b"".join(self._held)
        self._held.clear()
        self._admission.unwatch_client(self._held_memory)
        self._held_memory.free()
        return data

    def _answered(self) -> None:
        """Handle the pipelined requests in the next turn of the event loop, because an answer was sent."""
        if self._held or self.closes:
            asyncio.get_running_loop().call_soon(self._continue)

    def _continue(self) -> None:
        """Handle the pipelined requests, or close if they found no memory; do nothing while an answer is due."""
        if self._transport.is_closing() or self.is_answering:
            return  # this method is called again later
        if self.closes:
            self.force_close()
        elif self._held:
            data = self._take_held()
            self._transport.resume_reading()
            self._handle(data)

    def _close_soon(self) -> None:
        """Close the connection after the current answer, because there is no memory for the requests after it."""
        self._take_held()
        self.closes = True
        self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._continue)
