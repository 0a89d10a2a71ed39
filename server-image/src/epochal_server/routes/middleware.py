"""The middleware of all routes: errors, metrics and access log."""

import logging
from collections.abc import Mapping
from time import perf_counter, time

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from epochal_server.admission import AdmissionControl, MemoryReservation
from epochal_server.connections.aiohttp_connection import HEAD_BYTES, HEAD_TOO_LONG, AiohttpConnection
from epochal_server.monitoring.access_log import Entry
from epochal_server.monitoring.request_log import CLIENT_CLOSED_REQUEST, RequestLog
from epochal_server.protocols.protocol import JSON
from epochal_server.refusals import Refused
from epochal_server.routes.request_body import reservation
from epochal_server.routes.service import PROTOCOL

OTHER = "other"
"""Value of the label `protocol` in metrics and logs for requests that match no route."""

log = logging.getLogger(__name__)


def request_middleware(request_log: RequestLog, admission: AdmissionControl) -> Middleware:
    """Return the middleware that answers errors, records each request, and frees its memory after the response."""

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        connection, reserved = _connection(request), reservation(request, admission)
        began, code, sent = perf_counter(), CLIENT_CLOSED_REQUEST, 0
        request_log.begin()
        try:
            connection.begin(request)
            try:
                response = await _response(request, handler)
                code, sent = int(response.status), _length(response)
                if request_log.is_shutting_down():
                    response.force_close()
            finally:
                connection.end()
                protocol, seconds = request.get(PROTOCOL, OTHER), perf_counter() - began
                client, received = request.remote or "", request.content.total_bytes
                request_log.record(
                    Entry(time(), client, request.method, request.path, protocol, code, seconds, received, sent)
                )
            await _send(request, response, reserved, admission)
            return response
        finally:
            request_log.end()
            reserved.free()
            connection.answered()

    return around


def _connection(request: web.Request) -> AiohttpConnection:
    """Return the connection of a request.

    Raises:
        ConnectionResetError: If the client has disconnected.
    """
    if request.transport is None:
        raise ConnectionResetError("the client has disconnected")
    connection = request.transport.get_protocol()
    assert isinstance(connection, AiohttpConnection)  # noqa: S101 - all connections are
    return connection


def _head_bytes(request: web.Request) -> int:
    """Return the number of bytes of a request's line and headers."""
    separators = 4  # a colon, a space and the line end
    return len(request.raw_path) + sum(len(name) + len(value) + separators for name, value in request.raw_headers)


async def _send(
    request: web.Request, response: web.StreamResponse, reserved: MemoryReservation, admission: AdmissionControl
) -> None:
    """Send a response as aiohttp would, and reserve its bytes in memory until it is written.

    If another request needs the memory, the connection of a slow client is aborted.
    """
    transport = request.transport
    reserved.shrink(_length(response))
    if transport is None:  # the client has gone
        return
    with admission.waiting_for_client(reserved, transport.abort):
        await response.prepare(request)
        await response.write_eof()


def _length(response: web.StreamResponse) -> int:
    body = getattr(response, "body", None)
    return len(body) if isinstance(body, bytes) else 0


async def _response(request: web.Request, handler: Handler) -> web.StreamResponse:
    if _head_bytes(request) > HEAD_BYTES:
        response = _error(431, HEAD_TOO_LONG, {})
        response.force_close()
        return response
    try:
        return await handler(request)
    except Refused as refused:  # by a route without its own form of errors
        return _error(refused.status, refused.message, refused.headers)
    except web.HTTPException as error:  # from the router: unknown path or method
        headers = {name: value for name, value in error.headers.items() if name == "Allow"}
        message = f"{request.method} {request.path}: {error.reason}: see GET /docs for the paths of this server"
        return _error(error.status, message, headers)
    except ConnectionError:  # the client has gone
        raise
    except Exception:  # any other error fails one request and is logged
        log.exception("error in the handler of %s %s", request.method, request.path)
        return _error(500, "internal error: see the server's log", {})


def _error(status: int, message: str, headers: Mapping[str, str]) -> web.Response:
    body = orjson.dumps({"error": message})
    return web.Response(status=status, body=body, headers=headers, content_type=JSON)
