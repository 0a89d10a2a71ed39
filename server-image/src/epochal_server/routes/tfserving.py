"""TensorFlow Serving's REST API."""

from aiohttp import web

from epochal_server.protocols import tfserving, tfserving_metadata
from epochal_server.routes import handling
from epochal_server.service import Service

TENSORFLOW = "tensorflow"


def routes(service: Service) -> list[web.RouteDef]:
    """Returns the routes below /v1/models.

    Args:
        service: What they work with.
    """
    model = service.model

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
        return handling.answer(tfserving.encode(asked, await handling.answers(request, service, asked.inputs)))

    found = []
    for path in ("/v1/models/{name:[^/:]+}", "/v1/models/{name:[^/:]+}/versions/{version:[^/:]+}"):
        found += [
            web.get(path, handling.speaking(TENSORFLOW, status)),
            web.get(f"{path}/metadata", handling.speaking(TENSORFLOW, metadata)),
            web.post(f"{path}:predict", handling.speaking(TENSORFLOW, predict)),
        ]
    return found
