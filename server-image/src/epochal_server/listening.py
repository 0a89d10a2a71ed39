"""Serves routes on a socket."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterable
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Middleware

from epochal_server.connections import KEPT_SECONDS, Connection, Connections
from epochal_server.expecting import unasked
from epochal_server.handshake import Handshake
from epochal_server.quick.shortcut import Quick
from epochal_server.sockets import BACKLOG

STOP_SECONDS = 1.0
"""Time for requests that are still being answered when the connections end."""
LINGER_SECONDS = 1.0
"""How long what is left of a refused request's body is read, so that its sender gets to read the answer."""

# aiohttp logs a traceback for each request that is no HTTP: anyone could fill the log. Errors of ours stand in another.
_protocol_log = logging.getLogger(f"{__name__}.protocol")
_protocol_log.setLevel(logging.CRITICAL)


class Listening:
    """Serves routes on a socket, from `start` on.

    Args:
        routes: What is served.
        around: What goes around all routes.
        connections: The connections of clients.
        quick: What plain requests are answered with; None if none is.
    """

    def __init__(
        self,
        routes: Iterable[web.RouteDef],
        around: Middleware | None = None,
        connections: Connections | None = None,
        quick: Quick | None = None,
    ) -> None:
        self._app = web.Application(middlewares=[around] if around else [])
        self._app.add_routes(routes)
        self._runner = web.AppRunner(
            self._app, access_log=None, handler_cancellation=True, shutdown_timeout=STOP_SECONDS
        )
        self._connections = connections or Connections()
        self._quick = quick
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket, context: ssl.SSLContext | None = None) -> None:
        """Serves.

        Args:
            listener: Listening socket. It stays open: another may serve on it before this one ends, or after.
            context: What to serve TLS with; without it, plain HTTP is served.
        """
        await self._runner.setup()
        server = self._runner.server
        assert server is not None  # noqa: S101 - it has just been made
        server.request_handler = unasked(server.request_handler)
        loop = asyncio.get_running_loop()
        factory = partial(
            Connection,
            self._connections,
            self._quick,
            manager=server,
            loop=loop,
            access_log=None,
            logger=_protocol_log,
            keepalive_timeout=KEPT_SECONDS,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )
        protocol = partial(Handshake, self._connections, context, factory) if context else factory
        self._server = await loop.create_server(protocol, sock=listener.dup(), backlog=BACKLOG)

    def refuse(self) -> None:
        """Accepts no connection any more. Those that there are stay."""
        if self._server is not None:
            self._server.close()

    async def stop(self) -> None:
        """Ends all connections, too. What is still being answered has `STOP_SECONDS`, and reads no more of its body."""
        self.refuse()
        await self._runner.cleanup()
