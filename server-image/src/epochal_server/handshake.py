"""A connection during its TLS handshake."""

import asyncio
import ssl
from asyncio import sslproto
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import cast

from epochal_server.connections import Connection, Connections

SECONDS = 5.0
"""Time limit of the handshake, and of the shutdown of TLS."""
sslproto.SSLProtocol.max_size = 64 * 1024
"""Size in bytes of the read buffer of each TLS connection, which lasts as long as the connection. The default is four
times as large."""


class Handshake(asyncio.Protocol):
    """Counts a connection during its TLS handshake. asyncio's own TLS would not count it before HTTP starts.

    Args:
        connections: All open connections.
        context: The TLS context of the server.
        make: Creates the HTTP connection after the handshake.

    Attributes:
        busy: Whether a request is in progress: never.
        since: Time of the connect.
        reads: Whether a request is arriving: never.
        idle: Whether the connection holds no part of a request: always.
    """

    busy = False
    reads = False
    idle = True

    def __init__(self, connections: Connections, context: ssl.SSLContext, make: Callable[[], Connection]) -> None:
        self._connections = connections
        self._context = context
        self._make = make
        self._transport: asyncio.Transport | None = None
        self._shaking: asyncio.Task[None] | None = None
        self._early = b""
        self.since = monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Add the connection and start the handshake. See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.opened(self)
        self._shaking = asyncio.get_running_loop().create_task(self._shake(self._transport))

    def data_received(self, data: bytes) -> None:
        """Keep the bytes that arrive together with the last message of the handshake."""
        self._early += data

    def connection_lost(self, _exc: BaseException | None) -> None:
        """Remove the connection from the open connections. See asyncio.Protocol."""
        self._connections.closed(self)

    def force_close(self) -> None:
        """Abort the connection without an answer."""
        if self._transport is not None:
            self._transport.abort()

    def late(self, now: float) -> bool:  # noqa: ARG002 - the handshake has its own time limit
        """Return False: the handshake has its own time limit."""
        return False

    def stalled(self, now: float) -> bool:  # noqa: ARG002 - there is no request yet
        """Return False: there is no request yet."""
        return False

    def hand_over(self) -> None:
        """Do nothing: there is no request yet."""

    async def _shake(self, transport: asyncio.Transport) -> None:
        tls: asyncio.Transport | None = None
        try:
            with suppress(OSError):  # the client speaks no TLS, is too slow, or has disconnected
                tls = await asyncio.get_running_loop().start_tls(
                    transport,
                    self,
                    self._context,
                    server_side=True,
                    ssl_handshake_timeout=SECONDS,
                    ssl_shutdown_timeout=SECONDS,
                )
        finally:
            self._connections.closed(self)
        if tls is None or transport.is_closing():
            transport.abort()
            return
        connection = self._make()
        tls.set_protocol(connection)
        connection.connection_made(tls)
        if self._early:
            connection.data_received(self._early)
