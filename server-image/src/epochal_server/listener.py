"""Serves HTTP routes on a socket."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Middleware
from epochal_lib.sockets import BACKLOG

from epochal_server.connections.aiohttp_connection import AiohttpConnection
from epochal_server.connections.connection import KEEP_ALIVE_SECONDS, Connection, Connections
from epochal_server.connections.fast_path import FastPath, FastPathConnection
from epochal_server.connections.tls import Handshake
from epochal_server.routes.request_body import without_continue

STOP_SECONDS = 1.0
"""Seconds that requests in progress have to end when the connections are closed."""
LINGER_SECONDS = 1.0
"""Maximum seconds to read the rest of a refused request's body, so that its sender can read the answer."""

# aiohttp logs a traceback for each invalid HTTP request, so any client could fill the log. Errors of our own code go to
# another logger.
_protocol_log = logging.getLogger(f"{__name__}.protocol")
_protocol_log.setLevel(logging.CRITICAL)


class Listener:
    """Serves routes on a socket after `start`."""

    def __init__(
        self,
        routes: Iterable[web.RouteDef],
        middleware: Middleware | None = None,
        connections: Connections | None = None,
        fast_path: FastPath | None = None,
    ) -> None:
        app = web.Application(middlewares=[middleware] if middleware else [])
        app.add_routes(routes)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_protocol_log,
            handler_cancellation=True,
            shutdown_timeout=STOP_SECONDS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )
        self._connections = connections or Connections()
        self._fast_path = fast_path
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket, context: ssl.SSLContext | None = None) -> None:
        """Start to accept connections and to answer requests.

        Args:
            listener: Listening socket. The server uses a duplicate, so another server can use this socket at the same
                time.
            context: TLS context, or None for plain HTTP.
        """
        await self._runner.setup()
        server = self._runner.server
        assert server is not None  # noqa: S101 - `setup` has created it
        server.request_handler = without_continue(server.request_handler)
        make: Callable[[], Connection] = partial(AiohttpConnection, self._connections, server)
        if self._fast_path is not None:
            make = partial(FastPathConnection, self._connections, server, self._fast_path)
        factory = partial(Handshake, self._connections, context, make) if context else make
        self._server = await asyncio.get_running_loop().create_server(factory, sock=listener.dup(), backlog=BACKLOG)

    def refuse(self) -> None:
        """Stop accepting connections. Open connections stay open."""
        if self._server is not None:
            self._server.close()

    async def stop(self) -> None:
        """Stop accepting connections, and close all open connections. Requests in progress have STOP_SECONDS to end."""
        self.refuse()
        self._connections.close_all(self._runner.server)
        await self._runner.cleanup()
