"""The fast path answers plain inference requests without aiohttp, which takes longer than a small network."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from time import monotonic, perf_counter, time

from aiohttp import web

from epochal_server.admission import REFUSAL_DELAY_SECONDS, MemoryReservation
from epochal_server.auth import Authorize
from epochal_server.connections import connection as limits
from epochal_server.connections.aiohttp_connection import AiohttpConnection
from epochal_server.connections.connection import Connection, Connections
from epochal_server.connections.plain_http import END, MAX_HEAD_BYTES, Head, read_head, response
from epochal_server.model.batching import Batcher
from epochal_server.model.model import INLINE_ANSWER_BYTES, Arrays, Model, bytes_of
from epochal_server.monitoring.access_log import Entry
from epochal_server.monitoring.request_log import CLIENT_CLOSED_REQUEST, RequestLog
from epochal_server.protocols.protocol import NO_HEADERS, Body, Decoded, Endpoint, Protocol
from epochal_server.refusals import Busy, Failed, Refused
from epochal_server.worker_pool import WorkerPool

MAX_BYTES = 256 * 1024
"""Maximum bytes of a fast-path request with its head. Longer requests gain little, and longer JSON would block the
event loop."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FastPath:
    """The endpoints and the parts of the server that a FastPathConnection uses to answer requests."""

    endpoints: Mapping[str, Endpoint]
    """The endpoints by request path."""
    model: Model
    batcher: Batcher
    authorize: Authorize
    request_log: RequestLog
    workers: WorkerPool


def fast_endpoints(protocols: Iterable[Protocol], model: Model) -> Mapping[str, Endpoint]:
    """Return the endpoints that the fast path serves, by URL path with the model's name and version."""
    return {
        path.format(name=model.name, version=model.version): endpoint
        for protocol in protocols
        for endpoint in protocol.endpoints
        if endpoint.fast
        for path in endpoint.paths
    }


class FastRequest:
    """A request on the fast path. As a ResultSink, it receives the model's answer and sends the response.

    `reservation` contains only received bytes of the body, since a client may send any Content-Length.
    """

    __slots__ = (
        *("began", "connection", "decoded", "encoding", "endpoint", "is_disconnected", "head"),
        *("parts", "queued", "reservation", "start"),
    )

    def __init__(
        self, connection: "FastPathConnection", head: Head, endpoint: Endpoint, reservation: MemoryReservation
    ) -> None:
        self.connection = connection
        self.head = head
        self.endpoint = endpoint
        self.reservation = reservation
        self.began = perf_counter()
        self.start = b""
        self.parts: list[bytes] = []
        self.decoded: Decoded | None = None
        self.encoding: asyncio.Future[Body] | None = None
        self.is_disconnected = False
        self.queued = False

    def done(self) -> bool:
        """Return whether the client has disconnected, so that the answer is no longer needed."""
        return self.is_disconnected

    def abandon(self) -> None:
        """Mark the client as disconnected. Free the request's memory now, or when the thread that encodes has ended."""
        self.is_disconnected = True
        if self.encoding is None:
            self.reservation.free()
        else:
            self.encoding.cancel()

    def set_result(self, answer: Arrays) -> None:
        """Encode the model's answer and send the response. A thread encodes an answer above INLINE_ANSWER_BYTES."""
        assert self.decoded is not None  # noqa: S101 - only decoded requests are queued
        try:
            size = self.decoded.memory_factor * bytes_of(answer)
            self.reservation.add_answer(size)
            if size > INLINE_ANSWER_BYTES:
                self.encoding = asyncio.ensure_future(
                    self.connection.path.workers.run_for_answer(partial(self.decoded.encode, answer))
                )
                self.encoding.add_done_callback(self._encoded)
                return
            body = self.decoded.encode(answer)
        except Exception as error:  # noqa: BLE001 - any error fails one request, and is logged
            self.fail(error)
            return
        self.connection.respond(self, HTTPStatus.OK, body)

    def set_exception(self, error: Refused) -> None:
        """Send an error response to the client, unless the client has disconnected."""
        if not self.is_disconnected:
            self.connection.respond(self, error.status, Body(self.endpoint.encode_error(error)), error.headers)

    def _encoded(self, encoding: asyncio.Future[Body]) -> None:
        """After a thread has encoded the answer, send it, or the error of encoding. Skip a disconnected client."""
        if self.is_disconnected:
            self.reservation.free()
        if encoding.cancelled():
            return
        error = encoding.exception()
        if error is not None:
            self.fail(error)
        elif not self.is_disconnected:
            self.connection.respond(self, HTTPStatus.OK, encoding.result())

    def fail(self, error: BaseException) -> None:
        """Send an error response. Log any error other than Refused, since the server causes it."""
        if not isinstance(error, Refused):
            log.error("error in the handler of POST %s", self.head.path, exc_info=error)
            error = Failed("internal error: see the server's log")
        self.set_exception(error)


class FastPathConnection(Connection):
    """Parses and answers plain requests (see plain_http), until the client sends the first other request.

    aiohttp then gets all bytes of that request and of all later requests of the connection.
    """

    def __init__(self, connections: Connections, server: web.Server, path: FastPath) -> None:
        super().__init__(connections, owner=server)
        self.path = path
        self._server = server
        self._client = ""
        self._head = b""
        self._receiving: FastRequest | None = None
        self._answering: FastRequest | None = None
        self._is_unread = False
        self._unread: MemoryReservation | None = None

    @property
    def is_answering(self) -> bool:
        """Whether the last request is unanswered, or the client has not read enough of its answer."""
        return self._answering is not None or self._is_unread

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the client's address. See asyncio.Protocol."""
        super().connection_made(transport)
        self._client = str((transport.get_extra_info("peername") or ("",))[0])

    def connection_lost(self, exc: BaseException | None) -> None:
        """Drop all requests of the connection, and record an unanswered request with the status 499."""
        super().connection_lost(exc)
        self._take_head()
        self._take_receiving()
        self._free_unread()
        if (request := self._answering) is not None:
            request.abandon()
            self._finish(request, CLIENT_CLOSED_REQUEST, 0)
            self.path.batcher.drop_disconnected()

    def pause_writing(self) -> None:
        """Stop reading requests, because the client does not read its answers. See asyncio.Protocol."""
        self._is_unread = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Continue to read requests, because the client has read its answers. See asyncio.Protocol."""
        self._is_unread = False
        self._free_unread()
        if self._answering is None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._continue()

    def sweep(self, now: float) -> None:
        """Pass a request to aiohttp if its body is incomplete after SWEEP_SECONDS. Its route then limits the time."""
        super().sweep(now)
        is_stalled = self.head_since is not None and self.head_since < now - limits.SWEEP_SECONDS
        if is_stalled and self._receiving is not None and not self.is_answering and not self._transport.is_closing():
            self._pass_to_aiohttp(self._take_receiving())

    def respond(self, request: FastRequest, status: int, body: Body, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Send the response to a request. Its memory stays reserved until the client has read it."""
        closes = self.path.request_log.is_shutting_down()
        self._transport.write(response(status, body, headers, closes=closes))
        self._finish(request, status, len(body.content))
        if self._is_unread:
            request.reservation.shrink(len(body.content))
            self._unread = request.reservation
            self._admission.watch_client(self._unread, self._transport.abort)
            self.path.request_log.begin()
        else:
            request.reservation.free()
        if closes:
            self._transport.close()

    def _handle(self, data: bytes) -> None:
        """Parse the head of a request, or add the bytes to its body. Pass a request that is not plain to aiohttp."""
        if self.head_since is None:
            self.head_since = self.since = monotonic()
        if self._receiving is not None:
            self._add(self._receiving, data)
            return
        if self._head:
            data = self._take_head() + data
        end = data.find(END) + len(END)
        if end < len(END):
            if len(data) > MAX_HEAD_BYTES:
                self._pass_to_aiohttp(data)
                return
            self._head = data
            self.path.request_log.begin()  # so that a shutdown waits for it
            return
        head = read_head(data[:end]) if end <= MAX_HEAD_BYTES else None
        endpoint = self.path.endpoints.get(head.path) if head is not None else None
        # aiohttp's handlers refuse larger bodies.
        max_length = min(MAX_BYTES - end, self.path.model.limits.request_bytes)
        if head is None or endpoint is None or head.length > max_length or len(data) > end + head.length:
            self._pass_to_aiohttp(data)
            return
        request = FastRequest(self, head, endpoint, MemoryReservation(self._admission))
        if len(data) == end + head.length:
            self._begin(request, data[end:])
            return
        try:
            self.path.authorize(head.headers)
            self._admission.admit()
        except Refused:  # aiohttp also reads the rest of a refused request
            self._pass_to_aiohttp(data)
            return
        request.start = data[:end]
        self._receiving = request
        self.path.request_log.begin()
        self._add(request, data[end:])

    def _add(self, request: FastRequest, data: bytes) -> None:
        """Add received bytes to a request's body. Decode the request once the body is complete.

        Pass the request to aiohttp if memory is full, or if more bytes arrived than its Content-Length.
        """
        request.parts.append(data)
        try:
            request.reservation.take(len(data))
        except Busy:
            self._pass_to_aiohttp(self._take_receiving())
            return
        missing = request.head.length - request.reservation.size
        if missing < 0:
            self._pass_to_aiohttp(self._take_receiving())
        elif not missing:
            self._receiving = None
            self.path.request_log.end()
            self._begin(request, b"".join(request.parts))

    def _begin(self, request: FastRequest, body: bytes) -> None:
        """Decode a complete request, and queue its samples for the model, or send an error response."""
        self._answering = request
        self.busy, self.head_since, self.since = True, None, monotonic()
        path = self.path
        path.request_log.begin()
        try:
            path.authorize(request.head.headers)
            self._admission.admit()
            request.reservation.take(len(body) - request.reservation.size)  # the bytes that are not reserved yet
            request.decoded = decoded = request.endpoint.decode(body, request.head.headers, NO_HEADERS)
            if (excess := bytes_of(decoded.inputs) - len(body)) > 0:
                request.reservation.take_inputs(excess)
            request.reservation.add_answer(decoded.memory_factor * path.model.answer_bytes(decoded.inputs))
            path.batcher.put(decoded.inputs, request)
            request.queued = True
        except Busy as busy:
            asyncio.get_running_loop().call_later(REFUSAL_DELAY_SECONDS, request.set_exception, busy)
        except Refused as refused:
            request.set_exception(refused)
        except Exception as error:  # noqa: BLE001 - any error fails one request, and is logged
            request.fail(error)

    def _finish(self, request: FastRequest, code: int, sent: int) -> None:
        """Record an answered or abandoned request, and continue with the next request of the connection."""
        self._answering = None
        self.busy, self.since = False, monotonic()
        self._answered()
        if request.queued:
            self._admission.waiting -= 1
        head, seconds = request.head, perf_counter() - request.began
        protocol = request.endpoint.protocol(head.headers)
        self.path.request_log.end()
        self.path.request_log.record(
            Entry(time(), self._client, "POST", head.path, protocol, code, seconds, head.length, sent)
        )

    def _pass_to_aiohttp(self, data: bytes) -> None:
        """Let aiohttp process `data` and all later bytes of the connection."""
        self._connections.remove(self)
        connection = AiohttpConnection(self._connections, self._server)
        connection.since, connection.head_since = self.since, self.head_since
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        connection.data_received(data)

    def _take_head(self) -> bytes:
        """Remove and return the bytes of an incomplete head. Its request is no longer counted as in progress."""
        head, self._head = self._head, b""
        if head:
            self.path.request_log.end()
        return head

    def _take_receiving(self) -> bytes:
        """Remove and return the bytes of a request with an incomplete body. It is no longer counted as in progress."""
        request, self._receiving = self._receiving, None
        if request is None:
            return b""
        request.reservation.free()
        self.path.request_log.end()
        return request.start + b"".join(request.parts)

    def _free_unread(self) -> None:
        """Free the memory of an answer that the client has read, or will never read."""
        if self._unread is not None:
            self._admission.unwatch_client(self._unread)
            self._unread.free()
            self._unread = None
            self.path.request_log.end()
