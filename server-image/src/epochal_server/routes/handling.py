"""Shared code of all routes: reading and decoding requests, encoding answers and errors."""

import gc
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson
from aiohttp import hdrs, web

from epochal_server import reading
from epochal_server.model import INLINE_ANSWER_BYTES, Arrays, bytes_of
from epochal_server.protocols import encoding, errors
from epochal_server.refusals import Refused, Unknown
from epochal_server.service import PROTOCOL, Service, room

JSON = "application/json"
INLINE_BYTES = 256 * 1024
"""Maximum size of JSON that is decoded inline. It takes 4 ms for plain numbers, and 40 ms for the slowest JSON, such as
a list in a list in a list. Binary tensors take no time at all."""
P = ParamSpec("P")
R = TypeVar("R")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def speaking(protocol: str, handler: Handler) -> Handler:
    """Return a handler that sets the protocol of each request, and encodes errors in its form.

    Args:
        protocol: The protocol, such as watson-v4.
        handler: Handler of requests. It may set another protocol with the same form of errors.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        request[PROTOCOL] = protocol
        try:
            return await handler(request)
        except Refused as refused:
            return refusal(refused, protocol)

    return handle


def refusal(refused: Refused, protocol: str) -> web.Response:
    """Return the response to a refused request."""
    return web.Response(
        status=refused.status,
        body=errors.body(refused, protocol),
        headers=dict(refused.headers),
        content_type=JSON,
    )


def answer(body: bytes, headers: Mapping[str, str] | None = None, *, content_type: str = JSON) -> web.Response:
    """Return the response with an encoded answer."""
    return web.Response(body=body, headers=headers, content_type=content_type)


def told(found: Any) -> web.Response:
    """Return a JSON response with the given content."""
    return answer(orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY))


async def body(request: web.Request, service: Service) -> bytes:
    """Return the decompressed body of a request.

    Raises:
        Refused: If the request is refused unread, is too large, or is invalid.
    """
    found = await reading.body(request, service)
    packing = encoding.packed_by(request.headers.getall(hdrs.CONTENT_ENCODING, ()))
    if packing is None:
        return found
    found = await service.work(encoding.unpacked, found, packing, service.model.limits.request_bytes)
    taken = room(request, service.intake)
    taken.give_back()  # the compressed body is no longer in memory
    taken.take(len(found))
    return found


async def asked(
    request: web.Request,
    service: Service,
    decode: Callable[Concatenate[bytes, P], R],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Return the decoded request.

    Args:
        request: The request.
        service: The service.
        decode: Decodes the body, with the arguments below. A large body is decoded in a thread.
        *args: Further arguments of `decode`.
        **kwargs: Further keyword arguments of `decode`.

    Raises:
        Refused: If the request is refused unread, is too large, or is invalid.
    """
    found = await body(request, service)
    if len(found) <= INLINE_BYTES:
        return decode(found, *args, **kwargs)
    return await service.work.alone(_without_collection, partial(decode, found, *args, **kwargs))


def _without_collection(
    decode: Callable[[], R],
) -> R:
    """Return the decoded request. The garbage collector is off meanwhile: JSON has no cycles.

    While 8 MiB become millions of objects, the collector would scan all of them repeatedly. That takes eight times as
    long as decoding, and stops all threads meanwhile.
    """
    gc.disable()
    try:
        return decode()
    except Refused as refused:
        # Frames of a traceback would keep all those objects in memory until the event loop has handled the error.
        refused.__context__ = None
        raise refused.with_traceback(None) from None
    finally:
        gc.enable()


async def answers(request: web.Request, service: Service, inputs: Arrays, times: int, before: int = 0) -> Arrays:
    """Return the model's outputs. Their memory is reserved until the response is sent.

    Args:
        request: The request.
        service: The service.
        inputs: The model's inputs.
        times: Maximum bytes of outputs and response together, for each byte of the outputs.
        before: Bytes of other answers to the same request.

    Raises:
        Refused: See Answer; also TooLarge or Busy, if there is no memory.
    """
    taken = room(request, service.intake)
    taken.take_answer(before + times * service.model.answer_bytes(inputs))
    found = await service.answer(inputs)
    taken.take_answer(before + times * bytes_of(found))
    return found


async def encoded(service: Service, size: int, encode: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return the encoded answer.

    Args:
        service: The service.
        size: Bytes of the answer with its response. A large answer is encoded in a thread.
        encode: The function that encodes the answer.
        *args: Arguments of `encode`.
        **kwargs: Keyword arguments of `encode`.
    """
    if size <= INLINE_ANSWER_BYTES:
        return encode(*args, **kwargs)
    return await service.work.admitted(encode, *args, **kwargs)


async def answered(
    request: web.Request,
    service: Service,
    inputs: Arrays,
    times: int,
    encode: Callable[[Arrays], R],
) -> R:
    """Return the encoded answer of the model.

    Args:
        request: The request.
        service: The service.
        inputs: See `answers`.
        times: See `answers`.
        encode: Encodes the model's outputs.

    Raises:
        Refused: See `answers`.
    """
    found = await answers(request, service, inputs, times)
    return await encoded(service, times * bytes_of(found), encode, found)


def authorize(request: web.Request, service: Service) -> None:
    """Check that the client may read about the model.

    Raises:
        Unauthorized: If the client may not; or CrossOrigin.
    """
    service.authorize(request.headers)


def named(request: web.Request, service: Service) -> None:
    """Check that the server has the model of the path, and the version if the path contains one.

    Raises:
        Unknown: If the server has another model or version.
        Unauthorized: The same, for a client that may not read about the model.
    """
    model, asked = service.model, request.match_info
    version = asked.get("version", model.version)
    if asked["name"] == model.name and version == model.version:
        return
    authorize(request, service)
    if asked["name"] != model.name:
        raise Unknown(f'model: expected "{model.name}", found "{asked["name"]}": no other is served here')
    raise Unknown(f'version of "{model.name}": expected {model.version}, found {version}: no other is served here')
