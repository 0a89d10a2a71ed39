"""All routes of a server with a loaded model."""

from aiohttp import web

from epochal_server.routes import openapi, page, photographs, tfserving, v2, watson
from epochal_server.service import Service

MODULES = (photographs, v2, tfserving, watson, openapi, page)


def routes(service: Service) -> list[web.RouteDef]:
    """Return the routes of all protocols, except the health probes.

    Args:
        service: The parts of the server for the routes.
    """
    return [route for module in MODULES for route in module.routes(service)]
