"""GET /openapi.json: what all protocols take and tell."""

import orjson
from aiohttp import web

from epochal_server.protocols.openapi.document import document
from epochal_server.routes import handling
from epochal_server.service import Service

PAGE = "page"
"""The protocol of what a browser shows of the model, and of what it shows it by."""


def routes(service: Service) -> list[web.RouteDef]:
    """Returns the route /openapi.json.

    Args:
        service: What it works with.
    """
    written = orjson.dumps(document(service.model))

    async def openapi(request: web.Request) -> web.Response:
        handling.authorize(request, service)
        return handling.answer(written)

    return [web.get("/openapi.json", handling.speaking(PAGE, openapi))]
