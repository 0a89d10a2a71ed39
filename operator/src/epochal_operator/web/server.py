"""Serves HTTP routes with connections bounded in number and in time, so that no client can exhaust the process."""

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
"""Each TLS connection takes a third of a MiB: https://github.com/python/cpython/blob/3.11/Lib/asyncio/sslproto.py."""
MAX_PER_CLIENT = 16
"""Connections from one address."""
BACKLOG = 128
"""Connections that wait for others to end."""
CONNECTION_SECONDS = 60.0
HANDSHAKE_SECONDS = 5.0
HEAD_SECONDS = 5.0
"""Time for a request's line and headers."""
STOP_SECONDS = 5.0
"""Time for requests in progress when the server stops."""
RETRY_SECONDS = 0.1

_log = logging.getLogger(__name__)
# aiohttp logs a traceback for each request that is no HTTP: anyone could fill the log. Errors of ours are logged here.
_protocol_log = logging.getLogger(f"{__name__}.protocol")
_protocol_log.setLevel(logging.CRITICAL)


def listen(port: int, host: str = "") -> socket.socket:
    """Returns a listening socket: on all addresses, IPv4 and IPv6, unless one is given.

    Args:
        port: Port, or 0 for any that is free.
        host: Address of this machine.

    Raises:
        OSError: If the port is taken.
    """
    dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    listener = socket.create_server((host, port), family=family, dualstack_ipv6=dual, backlog=BACKLOG)
    listener.settimeout(0)
    return listener


class Server:
    """Serves routes on a socket; each connection is for one request.

    Args:
        routes: What is served.
        listener: Listening socket, which the server closes at its end.
        context: What to serve TLS with; without it, plain HTTP is served.

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
        """Serves until cancelled; then requests in progress get `STOP_SECONDS` to end."""
        app = web.Application(middlewares=[_one_request])
        app.add_routes(self._routes)
        runner = web.AppRunner(app, shutdown_timeout=STOP_SECONDS)
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
                    gone = partial(self._connections.release, connection)
                    handshakes.create_task(self._shake_hands(connection, partial(protocol, gone), gone))
        finally:
            self.serving.clear()
            self._listener.close()
            await runner.cleanup()

    async def _accept(self) -> tuple[socket.socket, str]:
        while True:
            try:
                connection, address = await asyncio.get_running_loop().sock_accept(self._listener)
            except OSError as error:  # the client has gone again, or there are no more file descriptors
                _log.warning("a connection was not accepted: %s", error)
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
        self, connection: socket.socket, protocol: Callable[[], asyncio.Protocol], gone: Callable[[], None]
    ) -> None:
        limits = {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": HANDSHAKE_SECONDS}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                protocol, connection, ssl=self._context, **(limits if self._context else {})
            )
        except OSError as error:
            _log.debug("no connection: %s", error)
            gone()


class _Connection(web.RequestHandler):
    """A connection that ends after a time, whatever its client does, and says when it is gone."""

    __slots__ = ("_deadline", "_gone")

    def __init__(self, gone: Callable[[], None], **options: Any) -> None:
        super().__init__(**options)
        self._gone = gone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        abort = transport.abort  # type: ignore[attr-defined]  # a stream's transport, as asyncio made it
        self._deadline = asyncio.get_running_loop().call_later(CONNECTION_SECONDS, abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._deadline.cancel()
        self._gone()
        super().connection_lost(exc)


@web.middleware
async def _one_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.force_close()
        raise
    except ConnectionError:  # the client has gone
        raise
    except Exception:  # noqa: BLE001 - whatever it is, one request fails and the log says why
        _log.exception("no answer to %s %s", request.method, request.rel_url)
        response = web.Response(status=500, text="an error of the operator, see its log\n")
    response.force_close()
    return response
