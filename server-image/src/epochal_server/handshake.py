"""A connection that is to be by TLS, while both sides still agree on how."""

import asyncio
import ssl
from asyncio import sslproto
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import cast

from epochal_server.connections import Connection, Connections

SECONDS = 5.0
"""Time for it, and for the goodbye in the end."""
sslproto.SSLProtocol.max_size = 64 * 1024
"""Bytes that each connection by TLS reads into, which are its own for as long as it is. By default they are four times
as many."""


class Handshake(asyncio.Protocol):
    """Counts a connection among all before it is known to be one of HTTP, as asyncio's own way does not.

    Args:
        connections: All of them.
        context: What to serve TLS with.
        make: Makes the connection that it is to be.

    Attributes:
        busy: Whether a request of it is being answered.
        since: Since when it is there.
        reads: Whether a request comes.
        idle: Whether no part of a request is there.
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
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.opened(self)
        self._shaking = asyncio.get_running_loop().create_task(self._shake(self._transport))

    def data_received(self, data: bytes) -> None:
        """Keeps what comes along with the last word of the handshake."""
        self._early += data

    def connection_lost(self, _exc: BaseException | None) -> None:
        """See asyncio.Protocol."""
        self._connections.closed(self)

    def force_close(self) -> None:
        """Ends it."""
        if self._transport is not None:
            self._transport.abort()

    def late(self, now: float) -> bool:  # noqa: ARG002 - it has a time of its own
        """Returns whether it takes too long."""
        return False

    def stalled(self, now: float) -> bool:  # noqa: ARG002 - there is none yet
        """Returns whether the rest of a plain request does not come at once."""
        return False

    def hand_over(self) -> None:
        """Leaves to aiohttp what has come of a plain request."""

    async def _shake(self, transport: asyncio.Transport) -> None:
        tls: asyncio.Transport | None = None
        try:
            with suppress(OSError):  # it is no TLS, takes too long, or has ended
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
