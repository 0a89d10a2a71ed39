"""Shared code of all routes: reading requests, computing answers, and encoding answers and errors."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import orjson
from aiohttp import hdrs, web

from epochal_server.admission import AdmissionControl
from epochal_server.auth import Authorize
from epochal_server.model.model import INLINE_ANSWER_BYTES, Arrays, Model, bytes_of
from epochal_server.protocols import compression
from epochal_server.protocols.protocol import JSON, encode_error
from epochal_server.refusals import Refused
from epochal_server.routes import request_body
from epochal_server.routes.request_body import reservation
from epochal_server.worker_pool import WorkerPool

PROTOCOL = web.RequestKey("protocol", str)
"""A request's key for its protocol, such as v2 or watson-v4. Each route sets it first, also for refused requests. The
middleware counts and logs by it."""
R = TypeVar("R")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Answer(Protocol):
    """Checks the samples of a request and computes all outputs of the model. See batching.Batcher.answer."""

    async def __call__(self, inputs: Arrays, /, *, is_admitted: bool = False, is_part: bool = False) -> Arrays:
        """Return all outputs of the model. An admitted request is never Busy. Parts of forms have their own queue."""


@dataclass(frozen=True)
class Service:
    """The parts of the server that the routes use."""

    model: Model
    answer: Answer
    workers: WorkerPool
    """Runs in a thread the functions that would block the event loop."""
    ready: Callable[[], str | None]
    """Returns the reason why the server should get no requests, or None if it is ready."""
    authorize: Authorize
    """Checks the headers of a request; raises Refused if the request is not allowed. See auth.Authorize."""
    admission: AdmissionControl


def with_protocol(protocol: str, handler: Handler) -> Handler:
    """Return a handler that sets the protocol name of each request, and answers Refused errors with {"error": …}."""

    async def handle(request: web.Request) -> web.StreamResponse:
        request[PROTOCOL] = protocol
        try:
            return await handler(request)
        except Refused as refused:
            return refusal(refused)

    return handle


def refusal(refused: Refused, encode: Callable[[Refused], bytes] = encode_error) -> web.Response:
    """Return the response to a refused request."""
    return web.Response(status=refused.status, body=encode(refused), headers=dict(refused.headers), content_type=JSON)


def answer(body: bytes, headers: Mapping[str, str] | None = None, *, content_type: str = JSON) -> web.Response:
    """Return the successful response (200) with an encoded answer as its body."""
    return web.Response(body=body, headers=headers, content_type=content_type)


def json_answer(content: Any) -> web.Response:
    """Return a JSON response with the given content."""
    return answer(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))


async def read_body(request: web.Request, service: Service) -> bytes:
    """Return the decompressed body of a request.

    Raises:
        Refused: If the request is not allowed, the queue or memory is full, or the body is too large or invalid.
    """
    body = await request_body.read(request, service.authorize, service.admission, service.model.limits.request_bytes)
    encoding = compression.encoding_of(request.headers.getall(hdrs.CONTENT_ENCODING, ()))
    if encoding is None:
        return body
    body = await service.workers(compression.decompress, body, encoding, service.model.limits.request_bytes)
    reserved = reservation(request, service.admission)
    reserved.free()  # the compressed body is no longer in memory
    reserved.take(len(body))
    return body


async def compute(
    request: web.Request,
    service: Service,
    inputs: Arrays,
    memory_factor: int,
    earlier_bytes: int = 0,
    *,
    is_admitted: bool = False,
    is_part: bool = False,
) -> Arrays:
    """Return the model's outputs for a request, and reserve the memory of outputs and response.

    Outputs and response take `memory_factor` bytes for each byte of the outputs. `earlier_bytes` are those of earlier
    answers to the same request, which remain reserved. `is_admitted` means that the request was admitted before, and
    `is_part` that the inputs are a part of a form. See Batcher.answer.

    Raises:
        Refused: See Batcher.answer; also TooLarge or Busy, if there is no memory.
    """
    reserved = reservation(request, service.admission)
    reserved.add_answer(earlier_bytes + memory_factor * service.model.answer_bytes(inputs))
    outputs = await service.answer(inputs, is_admitted=is_admitted, is_part=is_part)
    reserved.add_answer(earlier_bytes + memory_factor * bytes_of(outputs))
    return outputs


async def encode_answer(service: Service, size: int, encode: Callable[[], R], *, is_part: bool = False) -> R:
    """Return the result of `encode`. If outputs and response take more than INLINE_ANSWER_BYTES, a thread calls it.

    `size` is the number of bytes that outputs and response take. `is_part` means that they are a part of the answer to
    a form.
    """
    if size <= INLINE_ANSWER_BYTES:
        return encode()
    return await service.workers.run_for_answer(encode, is_part=is_part)
