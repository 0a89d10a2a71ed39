"""The routes of Open Inference v2, with tensors as JSON or as bytes after the JSON."""

from functools import partial

from aiohttp import web

from epochal_server.protocols import v2, v2_metadata
from epochal_server.protocols.v2_repeated import Plans
from epochal_server.refusals import NotReady
from epochal_server.routes import handling
from epochal_server.service import PROTOCOL, Service

V2, BINARY = "v2", "v2-binary"
BYTES = "application/octet-stream"


def routes(service: Service) -> list[web.RouteDef]:
    """Return the routes below /v2, except the health probes.

    Args:
        service: The parts of the server for the routes.
    """
    model, plans = service.model, Plans(service.model)

    async def server(_: web.Request) -> web.Response:
        return handling.told(v2_metadata.server())

    async def index(request: web.Request) -> web.Response:
        handling.authorize(request, service)
        return handling.told(v2_metadata.index(model, service.ready()))

    async def metadata(request: web.Request) -> web.Response:
        handling.authorize(request, service)
        handling.named(request, service)
        return handling.told(v2_metadata.of(model))

    async def ready(request: web.Request) -> web.Response:
        handling.authorize(request, service)
        handling.named(request, service)
        if (why_not := service.ready()) is not None:
            raise NotReady(why_not)
        return handling.told({"name": model.name, "ready": True})

    async def infer(request: web.Request) -> web.Response:
        length = request.headers.get(v2.HEADER_LENGTH)
        if length is not None:
            request[PROTOCOL] = BINARY
        handling.named(request, service)
        asked = await handling.asked(request, service, plans.decode, length)
        encode = partial(plans.encode, asked)
        body, head = await handling.answered(request, service, asked.inputs, asked.times, encode)
        if head is None:
            return handling.answer(body)
        return handling.answer(body, {v2.HEADER_LENGTH: str(head)}, content_type=BYTES)

    found = [
        web.get("/v2", handling.speaking(V2, server)),
        web.get("/v2/", handling.speaking(V2, server)),
        web.post("/v2/repository/index", handling.speaking(V2, index)),
    ]
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        found += [
            web.get(path, handling.speaking(V2, metadata)),
            web.get(f"{path}/ready", handling.speaking(V2, ready)),
            web.post(f"{path}/infer", handling.speaking(V2, infer)),
        ]
    return found
