"""What all routes have in common: bodies are read and unpacked, and refusals told in the protocol's own form."""

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
"""JSON of as many bytes is decoded inline: 4 ms for plain numbers, 40 ms for the slowest JSON, such as a list in a list
in a list. Tensors as bytes take no time at all."""
P = ParamSpec("P")
R = TypeVar("R")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def speaking(protocol: str, handler: Handler) -> Handler:
    """Returns a handler that says which protocol it speaks, and tells in its form what it refuses.

    Args:
        protocol: The protocol, such as watson-v4.
        handler: Handles requests. It may say of one that it speaks another protocol of the same form.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        request[PROTOCOL] = protocol
        try:
            return await handler(request)
        except Refused as refused:
            return refusal(refused, protocol)

    return handle


def refusal(refused: Refused, protocol: str) -> web.Response:
    """Returns the response to a request that was refused."""
    return web.Response(
        status=refused.status,
        body=errors.body(refused, protocol),
        headers=dict(refused.headers),
        content_type=JSON,
    )


def answer(body: bytes, headers: Mapping[str, str] | None = None, *, content_type: str = JSON) -> web.Response:
    """Returns the response that holds an answer."""
    return web.Response(body=body, headers=headers, content_type=content_type)


def told(found: Any) -> web.Response:
    """Returns the response that tells something as JSON."""
    return answer(orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY))


async def body(request: web.Request, service: Service) -> bytes:
    """Returns what a request's body holds.

    Raises:
        Refused: If it is refused unread, is over the limit, or is not as it must be.
    """
    found = await reading.body(request, service)
    packing = encoding.packed_by(request.headers.getall(hdrs.CONTENT_ENCODING, ()))
    if packing is None:
        return found
    found = await service.work(encoding.unpacked, found, packing, service.model.limits.request_bytes)
    taken = room(request, service.intake)
    taken.give_back()  # what it was unpacked of is gone
    taken.take(len(found))
    return found


async def asked(
    request: web.Request,
    service: Service,
    decode: Callable[Concatenate[bytes, P], R],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Returns what a request asks.

    Args:
        request: The request.
        service: The service.
        decode: Makes that of the request's body, and of what follows here. It does so in a thread if it may take long.
        *args: What else it takes.
        **kwargs: What else it takes by names.

    Raises:
        Refused: If the body is refused unread, is over the limit, or is not as it must be.
    """
    found = await body(request, service)
    if len(found) <= INLINE_BYTES:
        return decode(found, *args, **kwargs)
    return await service.work.alone(_without_collection, partial(decode, found, *args, **kwargs))


def _without_collection(
    decode: Callable[[], R],
) -> R:
    """Returns the decoded request. The garbage collector is off meanwhile: JSON has no cycles.

    While 8 MiB become millions of objects, the collector looks through all of them again and again. That takes eight
    times as long as decoding does, and stops all threads meanwhile.
    """
    gc.disable()
    try:
        return decode()
    except Refused as refused:
        # Frames of a traceback hold all those objects, until the event loop's thread is done with the refusal.
        refused.__context__ = None
        raise refused.with_traceback(None) from None
    finally:
        gc.enable()


async def answers(request: web.Request, service: Service, inputs: Arrays, times: int, before: int = 0) -> Arrays:
    """Returns what the model answers. There is room for it until it is sent.

    Args:
        request: The request.
        service: The service.
        inputs: What the model takes.
        times: Most bytes that the answers and the response take for each byte of the answers.
        before: Bytes that other answers of the same request take.

    Raises:
        Refused: See Answer; TooLarge or Busy, if there is no room.
    """
    taken = room(request, service.intake)
    taken.take_answer(before + times * service.model.answer_bytes(inputs))
    found = await service.answer(inputs)
    taken.take_answer(before + times * bytes_of(found))
    return found


async def encoded(service: Service, size: int, encode: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Returns the encoded answer.

    Args:
        service: The service.
        size: Bytes of the answer with its response. The function runs in a thread if they are many.
        encode: The function.
        *args: What it takes.
        **kwargs: What it takes by names.
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
    """Returns the encoded answer of the model.

    Args:
        request: The request.
        service: The service.
        inputs: See `answers`.
        times: See `answers`.
        encode: Writes the answers.

    Raises:
        Refused: See `answers`.
    """
    found = await answers(request, service, inputs, times)
    return await encoded(service, times * bytes_of(found), encode, found)


def authorize(request: web.Request, service: Service) -> None:
    """Makes sure that whoever asks may know.

    Raises:
        Unauthorized: If not; or CrossOrigin.
    """
    service.authorize(request.headers)


def named(request: web.Request, service: Service) -> None:
    """Makes sure that the model that a path names, and the version, if it names one, are served.

    Raises:
        Unknown: If they are not.
        Unauthorized: If they are not, and whoever asks must not know what is.
    """
    model, asked = service.model, request.match_info
    version = asked.get("version", model.version)
    if asked["name"] == model.name and version == model.version:
        return
    authorize(request, service)
    if asked["name"] != model.name:
        raise Unknown(f'model: expected "{model.name}", found "{asked["name"]}": no other is served here')
    raise Unknown(f'version of "{model.name}": expected {model.version}, found {version}: no other is served here')
