"""The routes of the protocols for inference, and of their JSON descriptions of server and model."""

import gc
from collections.abc import Callable, Iterable
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler

from epochal_server.model.model import bytes_of
from epochal_server.protocols import media_type
from epochal_server.protocols.protocol import Decoded, Document, Endpoint, Protocol
from epochal_server.refusals import Refused, Unknown
from epochal_server.routes.request_body import reservation
from epochal_server.routes.service import (
    PROTOCOL,
    Service,
    answer,
    compute,
    encode_answer,
    json_answer,
    read_body,
    refusal,
)

INLINE_BYTES = 64 * 1024
"""Maximum size of JSON that is decoded inline. It takes 1 ms for plain numbers, and 45 ms for the slowest JSON: entries
of Watson with `fields`, for each of 64 inputs. Binary tensors take no time at all."""


def routes(service: Service, protocols: Iterable[Protocol]) -> list[web.RouteDef]:
    """Return the HTTP routes of the inference endpoints and JSON descriptions of all protocols."""
    definitions = []
    for protocol in protocols:
        for endpoint in protocol.endpoints:
            definitions += [web.post(path, _infer(service, endpoint)) for path in endpoint.paths]
        for document in protocol.documents:
            add = web.get if document.method == "GET" else web.post
            definitions.append(add(document.path, _describe(service, document)))
    return definitions


def _infer(service: Service, endpoint: Endpoint) -> Handler:
    async def infer(request: web.Request) -> web.Response:
        request[PROTOCOL] = endpoint.protocol(request.headers)
        try:
            _require_model(request, service)
            decoded, inputs_bytes = await _decode(request, service, endpoint)
            reserved = reservation(request, service.admission)
            with reserved.inputs(max(0, inputs_bytes - reserved.size)):
                outputs = await compute(request, service, decoded.inputs, decoded.memory_factor)
                size = decoded.memory_factor * bytes_of(outputs)
                encoded = await encode_answer(service, size, partial(decoded.encode, outputs))
        except Refused as refused:
            return refusal(refused, endpoint.encode_error)
        return answer(encoded.content, encoded.headers, content_type=encoded.content_type)

    return infer


def _describe(service: Service, document: Document) -> Handler:
    async def describe(request: web.Request) -> web.Response:
        request[PROTOCOL] = document.protocol
        try:
            if document.needs_key:
                service.authorize(request.headers)
            if "name" in request.match_info:
                _require_model(request, service)
            return json_answer(document.content(service.ready()))
        except Refused as refused:
            return refusal(refused)

    return describe


async def _decode(request: web.Request, service: Service, endpoint: Endpoint) -> tuple[Decoded, int]:
    """Read a request, and return it decoded, with the bytes of its inputs in memory.

    A body above INLINE_BYTES is decoded in a thread.
    """
    body = await read_body(request, service)
    media_type.check_json(body, media_type.declared(request.headers))
    decode = partial(endpoint.decode, body, request.headers, request.query)
    if len(body) <= INLINE_BYTES:
        return _measured(decode)
    return await service.workers.run_exclusively(_without_collection, decode)


def _measured(decode: Callable[[], Decoded]) -> tuple[Decoded, int]:
    decoded = decode()
    return decoded, bytes_of(decoded.inputs)


def _without_collection(decode: Callable[[], Decoded]) -> tuple[Decoded, int]:
    """Return the result of `decode`, and the bytes of its inputs. The garbage collector is off meanwhile.

    JSON has no reference cycles. While 8 MiB become millions of objects, the collector would scan all of them
    repeatedly. That takes eight times as long as decoding, and stops all threads meanwhile.
    """
    gc.disable()
    try:
        return _measured(decode)
    except Refused as refused:
        # Frames of a traceback would keep all those objects in memory until the event loop has handled the error.
        refused.__context__ = None
        raise refused.with_traceback(None) from None
    finally:
        gc.enable()


def _require_model(request: web.Request, service: Service) -> None:
    """Check that the URL path names the model of this server, and its version if the path contains a version.

    Raises:
        Unknown: If the path names another model or version.
        Unauthorized: In the same case, if the request has no valid API key: the message would reveal the model.
    """
    model, path = service.model, request.match_info
    version = path.get("version", model.version)
    if path["name"] == model.name and version == model.version:
        return
    service.authorize(request.headers)
    if path["name"] != model.name:
        raise Unknown(f'unknown model "{path["name"]}": this server has the model "{model.name}" only')
    raise Unknown(f'unknown version {version} of model "{model.name}": this server has version {model.version} only')
