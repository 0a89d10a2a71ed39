"""The connections of clients, with limits on their number, the time of a request's head, and pipelined bytes."""

import asyncio
import socket
from contextlib import suppress
from time import monotonic
from typing import Any, cast

from epochal_server.admission import AdmissionControl, MemoryReservation
from epochal_server.refusals import Busy

MAX_CONNECTIONS = 1024
"""Default maximum number of connections. Each takes about 20 kB of memory, and 70 kB more with TLS."""
HEAD_SECONDS = 10.0
"""Maximum seconds from the first byte of a request to the end of its headers. Then the connection is closed."""
KEEP_ALIVE_SECONDS = 620.0
"""Seconds for which an idle connection stays open. This is longer than the keep-alive time of usual proxies, so that no
proxy sends a request on a connection that the server is closing."""
UNREAD_SECONDS = 30.0
"""Seconds after which the system closes a connection whose client reads nothing of an answer (TCP_USER_TIMEOUT)."""
SWEEP_SECONDS = 1.0
READ_BYTES = 64 * 1024
"""Maximum bytes of one read from a connection. The default of asyncio is four times as many."""
PIPELINED_BYTES = 32 * 1024
"""Bytes of stored pipelined requests above which a connection stops reading."""


class Connections:
    """The open connections, up to a maximum number."""

    def __init__(self, max_connections: int = MAX_CONNECTIONS, admission: AdmissionControl | None = None) -> None:
        self._max_connections = max_connections
        self.admission = admission or AdmissionControl(max_connections, max_connections * READ_BYTES)
        self._open: dict[Connection, None] = {}

    def add(self, connection: "Connection") -> None:
        """Add a connection. If there are too many, close an idle connection, or one with an incomplete request.

        Among several such connections, the connection that has been idle or has waited for its request for the longest
        time is closed. Slow clients thus cannot lock out other clients such as the kubelet, which would restart the
        server. If all other connections are busy with complete requests, the new connection is closed.
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
        """Close all connections that have this `owner`: the fast-path connections of one aiohttp server."""
        for connection in [connection for connection in self._open if connection.owner is owner]:
            connection.force_close()

    async def run(self) -> None:
        """Close late and idle connections every SWEEP_SECONDS, until cancelled. See Connection.sweep."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = monotonic()
            for connection in list(self._open):
                connection.sweep(now)


class Connection(asyncio.Protocol):
    """A client's connection. Subclasses process the received bytes.

    Bytes that arrive before the previous request is answered (HTTP pipelining) are stored until then. They use the
    memory for all requests and answers. See AdmissionControl.

    Attributes:
        busy: Whether a request of the connection is in progress.
        since: Time of the last change of `busy`, or of the first byte of a new request.
        head_since: Arrival time of the first part of a request's head, or None without an incomplete head.
        closes: Whether the connection closes after its current answer, because there is no memory for pipelined
            requests.
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
        """Set the socket's timeouts and read size, and add the connection to the open connections."""
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
        """Process received bytes, or store them while a previous request is unanswered. See asyncio.Protocol."""
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
        """Close the connection if a head is incomplete after HEAD_SECONDS, or it is idle for KEEP_ALIVE_SECONDS."""
        late = self.head_since is not None and self.head_since < now - HEAD_SECONDS
        if late or (not self.busy and self.since < now - KEEP_ALIVE_SECONDS):
            self.force_close()

    @property
    def has_incomplete_body(self) -> bool:
        """True if a part of the current or last request's body has not arrived yet."""
        return False

    @property
    def is_answering(self) -> bool:
        """True if the connection has a complete request to answer before it processes the bytes that follow."""
        return False

    @property
    def idle(self) -> bool:
        """True if no request is in progress, and no part of a new request has arrived."""
        return not self.busy and self.head_since is None and not self.has_incomplete_body

    def _handle(self, data: bytes) -> None:
        """Process bytes of the next request. Subclasses implement this method."""
        raise NotImplementedError

    def _hold(self, data: bytes) -> None:
        """Store pipelined bytes until the current request is answered.

        If memory is full, or another request needs the memory later, the bytes are dropped, and the connection closes
        after the current answer.
        """
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
        """Remove and return the stored pipelined bytes, and free their memory."""
        data = b"".join(self._held)
        self._held.clear()
        self._admission.unwatch_client(self._held_memory)
        self._held_memory.free()
        return data

    def _answered(self) -> None:
        """After an answer is sent, process the pipelined requests in the next turn of the event loop."""
        if self._held or self.closes:
            asyncio.get_running_loop().call_soon(self._continue)

    def _continue(self) -> None:
        """Process the pipelined requests, or close the connection if they were dropped because memory was full.

        Do nothing while the current request is unanswered.
        """
        if self._transport.is_closing() or self.is_answering:
            return  # this method is called again later
        if self.closes:
            self.force_close()
        elif self._held:
            data = self._take_held()
            self._transport.resume_reading()
            self._handle(data)

    def _close_soon(self) -> None:
        """Drop the pipelined requests for lack of memory, and close the connection after the current answer."""
        self._take_held()
        self.closes = True
        self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._continue)
