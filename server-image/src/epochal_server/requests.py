"""The middleware of all protocols: errors, metrics and access log."""

import logging
from collections.abc import Mapping
from time import perf_counter, time

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from epochal_server.access_log import Entry
from epochal_server.bookkeeping import GONE, Bookkeeping
from epochal_server.connections import HEAD_BYTES, HEAD_TOO_LONG, Connection
from epochal_server.intake import Intake, Room
from epochal_server.refusals import Refused
from epochal_server.service import PROTOCOL, room

OTHER = "other"
"""Protocol name of requests that match no route."""

log = logging.getLogger(__name__)


def around_all(bookkeeping: Bookkeeping, intake: Intake) -> Middleware:
    """Return the middleware of all routes.

    Args:
        bookkeeping: Records each request.
        intake: The admission control. Each answered request releases its memory there.
    """

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        bookkeeping.begin()
        try:
            response = await answered(request, handler)
            await _send(request, response, room(request, intake), intake)
            return response
        finally:
            bookkeeping.end()
            room(request, intake).give_back()
            connection_of(request).answered()

    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = perf_counter()
        connection = connection_of(request)
        connection.begin(request.content)
        code, sent = GONE, 0
        try:
            too_long = _head_bytes(request) > HEAD_BYTES
            response = _error(431, HEAD_TOO_LONG, {}) if too_long else await _answered(request, handler)
            code, sent = int(response.status), _length(response)
            if too_long or bookkeeping.ending():
                response.force_close()
            return response
        finally:
            connection.end()
            bookkeeping.tell(
                Entry(
                    time(),
                    request.remote or "",
                    request.method,
                    request.path,
                    request.get(PROTOCOL, OTHER),
                    code,
                    perf_counter() - began,
                    request.content.total_bytes,
                    sent,
                )
            )

    return around


def connection_of(request: web.Request) -> Connection:
    """Return the connection of a request."""
    connection = request.protocol
    assert isinstance(connection, Connection)  # noqa: S101 - all connections are
    return connection


def _head_bytes(request: web.Request) -> int:
    """Return the number of bytes of a request's line and headers."""
    separators = 4  # a colon, a space and the line end
    return len(request.raw_path) + sum(len(name) + len(value) + separators for name, value in request.raw_headers)


async def _send(request: web.Request, response: web.StreamResponse, taken: Room, intake: Intake) -> None:
    """Send a response as aiohttp would, and count it in the memory until its client has read it."""
    transport = request.transport
    taken.keep(_length(response))
    if transport is None:  # the client has gone
        return
    with intake.awaited(taken, transport.abort):
        await response.prepare(request)
        await response.write_eof()


def _length(response: web.StreamResponse) -> int:
    body = getattr(response, "body", None)
    return len(body) if isinstance(body, bytes) else 0


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:  # by a route without its own form of errors
        return _error(refused.status, refused.message, refused.headers)
    except web.HTTPException as error:  # from the router: unknown path or method
        headers = {name: value for name, value in error.headers.items() if name == "Allow"}
        told = f"{request.method} {request.path}: {error.reason}: GET /docs tells what is served here"
        return _error(error.status, told, headers)
    except ConnectionError:  # the client has gone
        raise
    except Exception:  # any other error fails one request and is logged
        log.exception("no answer to %s %s", request.method, request.path)
        return _error(500, "an error of the server, see its log", {})


def _error(status: int, message: str, headers: Mapping[str, str]) -> web.Response:
    body = orjson.dumps({"error": message})
    return web.Response(status=status, body=body, headers=headers, content_type="application/json")
