"""All routes of a server that has its model."""

from aiohttp import web

from epochal_server.routes import openapi, page, photographs, tfserving, v2, watson
from epochal_server.service import Service

MODULES = (photographs, v2, tfserving, watson, openapi, page)


def routes(service: Service) -> list[web.RouteDef]:
    """Returns the routes of all protocols, but for those that tell of the process's health.

    Args:
        service: What they work with.
    """
    return [route for module in MODULES for route in module.routes(service)]
