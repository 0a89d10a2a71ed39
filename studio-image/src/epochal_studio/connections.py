"""Limits the connections of browsers: their number, and the bytes and the time of a request's head.

The head of a request is its request line and its headers. No middleware runs before the head is complete, so these
limits also hold for clients without a token. Behind an ingress all connections have one address, so no limit is for an
address.
"""

import asyncio
import logging
import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import StreamReader, web

from epochal_studio.access import ACCESS

MAX_CONNECTIONS = 1000
MAX_HEAD = 48 * 1024
"""Maximum bytes of a head. Then the connection is aborted. It fits the cookies of the longest token, or the query of
the largest comparison."""
MAX_HEADERS = 40
HEAD_SECONDS = 10.0
"""Time limit for the TLS handshake, and then again for each head."""
READ_BYTES = 32 * 1024
"""Maximum bytes of one read from a socket. The default of asyncio is eight times as large, and each connection with TLS
keeps a buffer of this size."""
WRITE_BYTES = 64 * 1024
"""Bytes in the write buffer of a connection above which a handler waits for the browser. The default of asyncio with
TLS is eight times as large."""
RETRY_SECONDS = 0.1

# Its class attribute alone is read when a connection begins.
sslproto.SSLProtocol.max_size = READ_BYTES
# aiohttp logs a traceback for each invalid HTTP request, so any client could fill the log. Studio's middleware logs the
# errors of its own code.
protocol_log = logging.getLogger(f"{__name__}.protocol")
protocol_log.setLevel(logging.CRITICAL)
log = logging.getLogger(__name__)


class Connection(web.RequestHandler):
    """A connection that closes if the head of a request is longer than MAX_HEAD or takes more than HEAD_SECONDS.

    Bytes after a request whose answer is not complete count as a head, too: browsers and proxies send no such bytes.

    Args:
        on_close: Called when the connection has ended.
        options: Options of aiohttp's RequestHandler.

    Attributes:
        since: Time of the event loop when the last head was complete, at first that of the connection's start.
    """

    __slots__ = ("_deadline", "_head_bytes", "_last_body", "_on_close", "since")

    def __init__(self, on_close: Callable[[], object], **options: Any) -> None:
        super().__init__(**options)
        self._on_close = on_close
        self._head_bytes = 0
        self._last_body: StreamReader | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.since = self._loop.time()

    @property
    def is_working(self) -> bool:
        """Whether a handler runs for a signed-in user. The number of such handlers is limited for each user."""
        return isinstance(self._current_request, web.Request) and ACCESS in self._current_request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the time limit for the first head. asyncio calls it for a new connection."""
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]
        transport.set_write_buffer_limits(WRITE_BYTES)  # type: ignore[attr-defined]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Cancel the time limit of the head, and call `on_close`. asyncio calls it at the end of a connection."""
        self._has_head()
        self._on_close()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass received bytes to aiohttp. Abort the connection if a head exceeds MAX_HEAD bytes."""
        is_body, requests = self._has_body_left, self._request_count
        was_answering = (self._request_in_progress or bool(self._messages)) and not is_body
        super().data_received(data)
        if self._request_count > requests:
            self._has_head()
            self._last_body = self._messages[-1][1] if self._messages else None
            self.since = self._loop.time()
            self._head_bytes = self._head_bytes + len(data) if was_answering else 0
        elif data and not is_body:  # aiohttp calls this without bytes whenever a handler reads a part of a body
            self._head_bytes += len(data)
            self._wait_for_head()
        if self._head_bytes > MAX_HEAD:
            self._abort()

    @property
    def _has_body_left(self) -> bool:
        return self._last_body is not None and not self._last_body.is_eof()

    def _wait_for_head(self) -> None:
        if self._deadline is None:
            self._deadline = self._loop.call_later(HEAD_SECONDS, self._abort)

    def _has_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Server:
    """Accepts at most MAX_CONNECTIONS connections for an application.

    At the maximum, a new connection replaces the connection whose last request is the oldest, so slow clients keep no
    browser out. Connections stay while they run a handler of a signed-in user. If all do, the new connection closes.

    Args:
        runner: The runner of the application, after its `setup`.
        listener: The listening socket in non-blocking mode. The server closes it at the end.
        context: TLS context; None for plain HTTP.
        options: Options of aiohttp's RequestHandler for each connection.
    """

    def __init__(
        self, runner: web.AppRunner, listener: socket.socket, context: ssl.SSLContext | None, **options: Any
    ) -> None:
        self._runner = runner
        self._listener = listener
        self._context = context
        self._options = options
        self._open: dict[socket.socket, Connection] = {}

    async def run(self) -> None:
        """Accept connections until cancelled."""
        loop = asyncio.get_running_loop()
        timeouts = {"ssl_handshake_timeout": HEAD_SECONDS, "ssl_shutdown_timeout": HEAD_SECONDS}
        try:
            async with asyncio.TaskGroup() as handshakes:
                while True:
                    try:
                        found, _ = await loop.sock_accept(self._listener)
                    except OSError as error:  # the client has left, or no file descriptor is left
                        log.warning("cannot accept a connection: %s", error)
                        await asyncio.sleep(RETRY_SECONDS)
                        continue
                    if (connection := self._admit(found)) is not None:
                        handshakes.create_task(self._begin(found, connection, timeouts if self._context else {}))
        finally:
            self._listener.close()

    def _admit(self, found: socket.socket) -> Connection | None:
        """Return a Connection for a new socket; None if all other connections run handlers of signed-in users.

        At MAX_CONNECTIONS, shut down the connection with the oldest last request.
        """
        if len(self._open) >= MAX_CONNECTIONS:
            idle = (other for other, each in self._open.items() if not each.is_working)
            oldest = min(idle, key=lambda other: self._open[other].since, default=None)
            if oldest is None:
                found.close()
                return None
            del self._open[oldest]
            with suppress(OSError):  # its client has left
                oldest.shutdown(socket.SHUT_RDWR)
        connection = Connection(
            partial(self._open.pop, found, None),
            manager=self._runner.server,
            loop=asyncio.get_running_loop(),
            logger=protocol_log,
            **self._options,
        )
        self._open[found] = connection
        return connection

    async def _begin(self, found: socket.socket, connection: Connection, timeouts: dict[str, float]) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: connection, found, ssl=self._context, **timeouts)
        except OSError as error:  # ssl.SSLError is one
            log.debug("the TLS handshake failed: %s", error)
            self._open.pop(found, None)
            found.close()
