"""Serves HTTP routes on a socket."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterable
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Middleware
from epochal_lib.sockets import BACKLOG

from epochal_server.connections import KEPT_SECONDS, Connection, Connections
from epochal_server.expecting import unasked
from epochal_server.handshake import Handshake
from epochal_server.quick.shortcut import Quick

STOP_SECONDS = 1.0
"""Time limit for requests in progress when the connections are closed."""
LINGER_SECONDS = 1.0
"""Time to read the rest of a refused request's body, so that its sender can read the answer."""

# aiohttp logs a traceback for each invalid HTTP request, so any client could fill the log. Errors of our own code go to
# another logger.
_protocol_log = logging.getLogger(f"{__name__}.protocol")
_protocol_log.setLevel(logging.CRITICAL)


class Listening:
    """Serves routes on a socket after `start`.

    Args:
        routes: The routes to serve.
        around: Middleware of all routes.
        connections: The connections of clients.
        quick: The fast path for plain requests, or None to pass all requests to aiohttp.
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
        """Start to accept connections and to answer requests.

        Args:
            listener: Listening socket. It stays open, so that another server can use it before or after this server
                stops.
            context: TLS context, or None for plain HTTP.
        """
        await self._runner.setup()
        server = self._runner.server
        assert server is not None  # noqa: S101 - `setup` has created it
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
        """Stop accepting connections. Open connections stay open."""
        if self._server is not None:
            self._server.close()

    async def stop(self) -> None:
        """Close all connections, too. Requests in progress have `STOP_SECONDS`, and read no more of their bodies."""
        self.refuse()
        await self._runner.cleanup()
