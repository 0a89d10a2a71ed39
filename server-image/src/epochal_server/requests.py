"""What every request goes through, whatever its protocol: it is counted and logged, and its errors are told."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import perf_counter, time

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from epochal_server.access_log import AccessLog, Entry
from epochal_server.connections import Connection
from epochal_server.health import HEALTH
from epochal_server.intake import Intake
from epochal_server.metrics import Metrics
from epochal_server.refusals import Refused
from epochal_server.service import HELD, PROTOCOL

OTHER = "other"
"""The protocol of requests that no route takes."""
GONE = 499
"""Code of requests whose client has not waited for the answer."""

log = logging.getLogger(__name__)


class Requests:
    """What every request goes through.

    Args:
        intake: What is given back of it once a request is answered.
        metrics: Where requests are counted.
        access_log: Where requests are logged.
        ending: Returns whether the server is to end: then each connection ends with its next answer.
    """

    def __init__(self, intake: Intake, metrics: Metrics, access_log: AccessLog, ending: Callable[[], bool]) -> None:
        self._intake = intake
        self._metrics = metrics
        self._access_log = access_log
        self._ending = ending
        self._under_way = 0
        self._none_under_way = asyncio.Event()
        self._none_under_way.set()

    @property
    def middleware(self) -> Middleware:
        """What goes around all routes."""

        @web.middleware
        async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._handle(request, handler)

        return around

    async def done(self, seconds: float) -> int:
        """Waits until no request is being answered.

        Args:
            seconds: How long to wait, at most.

        Returns:
            How many still are.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._none_under_way.wait(), seconds)
        return self._under_way

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        began = perf_counter()
        connection = request.protocol
        assert isinstance(connection, Connection)  # noqa: S101 - all are
        connection.begin()
        self._under_way += 1
        self._none_under_way.clear()
        code, sent = GONE, 0
        try:
            response = await _answered(request, handler)
            code, body = response.status, getattr(response, "body", None)
            sent = len(body) if isinstance(body, bytes) else 0
            if self._ending():
                response.force_close()
            return response
        finally:
            connection.end()
            self._under_way -= 1
            if not self._under_way:
                self._none_under_way.set()
            self._intake.release(request.get(HELD, 0))
            self._tell(request, code, perf_counter() - began, sent)

    def _tell(self, request: web.Request, code: int, seconds: float, sent: int) -> None:
        protocol = request.get(PROTOCOL, OTHER)
        if protocol == HEALTH:
            return
        received = request.content.total_bytes
        self._metrics.request(protocol, code, seconds, received, sent)
        entry = Entry(
            time(), request.remote or "", request.method, request.path, protocol, code, seconds, received, sent
        )
        self._access_log.add(entry)


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:  # by a route that has no form of its own for it
        return _error(refused.status, refused.message, refused.headers)
    except web.HTTPException as error:  # the router's: no such path, or not by this method
        headers = {name: value for name, value in error.headers.items() if name == "Allow"}
        told = f"{request.method} {request.path}: {error.reason}: GET /docs tells what is served here"
        return _error(error.status, told, headers)
    except ConnectionError:  # the client has gone
        raise
    except Exception:  # whatever it is, one request fails and the log says why
        log.exception("no answer to %s %s", request.method, request.path)
        return _error(500, "an error of the server, see its log", {})


def _error(status: int, message: str, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=status, body=orjson.dumps({"error": message}), headers=headers, content_type="application/json"
    )
