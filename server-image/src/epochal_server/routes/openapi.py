"""GET /openapi.json: the OpenAPI document of all protocols."""

import orjson
from aiohttp import web

from epochal_server.protocols.openapi.document import document
from epochal_server.routes import handling
from epochal_server.service import Service

PAGE = "page"
"""Protocol name of the web pages and of the documents that they load."""


def routes(service: Service) -> list[web.RouteDef]:
    """Return the route /openapi.json.

    Args:
        service: The parts of the server for the route.
    """
    written = orjson.dumps(document(service.model))

    async def openapi(request: web.Request) -> web.Response:
        handling.authorize(request, service)
        return handling.answer(written)

    return [web.get("/openapi.json", handling.speaking(PAGE, openapi))]
