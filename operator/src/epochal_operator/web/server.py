"""An HTTP server that limits the number and duration of connections, so that no client can exhaust the process."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from epochal_operator.web.connections import Connections

MAX_CONNECTIONS = 128
"""Maximum number of open connections. With more, `Connections.admit` closes one, or lets a new one wait.

A TLS connection takes a third of a MiB of memory: https://github.com/python/cpython/blob/3.11/Lib/asyncio/sslproto.py.
"""
MAX_PER_CLIENT = 16
"""Maximum number of connections from one address. Further connections are closed."""
BACKLOG = 128
"""Connections that wait in the listen queue."""
CONNECTION_SECONDS = 60.0
HANDSHAKE_SECONDS = 5.0
HEAD_SECONDS = 5.0
"""Timeout in seconds for a request's line and headers."""
SHUTDOWN_SECONDS = 5.0
"""Timeout in seconds for running requests when the server stops."""
RETRY_SECONDS = 0.1

_log = logging.getLogger(__name__)
# aiohttp logs a traceback for each invalid request, so clients could fill the log. The server logs its own errors.
_protocol_log = logging.getLogger(f"{__name__}.protocol")
_protocol_log.setLevel(logging.CRITICAL)


class Server:
    """Serves routes on a listening socket, one request for each connection. It closes the socket when it stops.

    Attributes:
        serving: Set while connections are accepted.
    """

    def __init__(
        self, routes: Iterable[web.RouteDef], listener: socket.socket, context: ssl.SSLContext | None = None
    ) -> None:
        self._routes = routes
        self._listener = listener
        self._context = context
        self._connections = Connections(MAX_CONNECTIONS, MAX_PER_CLIENT)
        self.serving = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled; then running requests get `SHUTDOWN_SECONDS` to finish."""
        app = web.Application(middlewares=[_one_request])
        app.add_routes(self._routes)
        runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        protocol = partial(
            _Connection,
            manager=runner.server,
            loop=asyncio.get_running_loop(),
            access_log=None,
            logger=_protocol_log,
            keepalive_timeout=HEAD_SECONDS,
            lingering_time=1,
            auto_decompress=False,
        )
        try:
            async with asyncio.TaskGroup() as handshakes:
                self.serving.set()
                while True:
                    connection, client = await self._accept()
                    if not await self._admit(connection, client):
                        continue
                    on_close = partial(self._connections.release, connection)
                    handshakes.create_task(self._shake_hands(connection, partial(protocol, on_close), on_close))
        finally:
            self.serving.clear()
            self._listener.close()
            await runner.cleanup()

    async def _accept(self) -> tuple[socket.socket, str]:
        while True:
            try:
                connection, address = await asyncio.get_running_loop().sock_accept(self._listener)
            except OSError as error:  # the client disconnected, or no file descriptors are left
                _log.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            return connection, address[0]

    async def _admit(self, connection: socket.socket, client: str) -> bool:
        admitted = False
        try:
            admitted = await self._connections.admit(connection, client)
        finally:
            if not admitted:
                connection.close()
        return admitted

    async def _shake_hands(
        self, connection: socket.socket, protocol: Callable[[], asyncio.Protocol], on_close: Callable[[], None]
    ) -> None:
        timeouts = {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": HANDSHAKE_SECONDS}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                protocol, connection, ssl=self._context, **(timeouts if self._context else {})
            )
        except OSError as error:
            _log.debug("TLS handshake failed: %s", error)
            on_close()


class _Connection(web.RequestHandler):
    """A connection that is aborted after CONNECTION_SECONDS, and calls `on_close` when it is closed."""

    __slots__ = ("_deadline", "_on_close")

    def __init__(self, on_close: Callable[[], None], **options: Any) -> None:
        super().__init__(**options)
        self._on_close = on_close

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        abort = transport.abort  # type: ignore[attr-defined]  # a stream's transport, created by asyncio
        self._deadline = asyncio.get_running_loop().call_later(CONNECTION_SECONDS, abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._deadline.cancel()
        self._on_close()
        super().connection_lost(exc)


@web.middleware
async def _one_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.force_close()
        raise
    except ConnectionError:  # the client disconnected
        raise
    except Exception:  # noqa: BLE001 - any error fails one request and is logged
        _log.exception("request failed: %s %s", request.method, request.rel_url)
        response = web.Response(status=500, text="internal error; see the log of the operator\n")
    response.force_close()
    return response
