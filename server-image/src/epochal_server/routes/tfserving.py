"""The routes of TensorFlow Serving's REST API."""

from functools import partial

from aiohttp import web

from epochal_server.protocols import tfserving, tfserving_metadata
from epochal_server.routes import handling
from epochal_server.service import Service

TENSORFLOW = "tensorflow"


def routes(service: Service) -> list[web.RouteDef]:
    """Return the routes below /v1/models.

    Args:
        service: The parts of the server for the routes.
    """
    model = service.model
    times = tfserving.times(model)

    async def status(request: web.Request) -> web.Response:
        handling.authorize(request, service)
        handling.named(request, service)
        return handling.told(tfserving_metadata.status(model, service.ready()))

    async def metadata(request: web.Request) -> web.Response:
        handling.authorize(request, service)
        handling.named(request, service)
        return handling.told(tfserving_metadata.metadata(model))

    async def predict(request: web.Request) -> web.Response:
        handling.named(request, service)
        asked = await handling.asked(request, service, tfserving.decode, model)
        encode = partial(tfserving.encode, asked)
        return handling.answer(await handling.answered(request, service, asked.inputs, times, encode))

    found = []
    for path in ("/v1/models/{name:[^/:]+}", "/v1/models/{name:[^/:]+}/versions/{version:[^/:]+}"):
        found += [
            web.get(path, handling.speaking(TENSORFLOW, status)),
            web.get(f"{path}/metadata", handling.speaking(TENSORFLOW, metadata)),
            web.post(f"{path}:predict", handling.speaking(TENSORFLOW, predict)),
        ]
    return found
