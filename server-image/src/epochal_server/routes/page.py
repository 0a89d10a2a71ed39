"""The web pages: GET / to try the model, GET /docs to write a client.

The pages are the same for every model and need no key, because a browser sends none when it opens a page. The pages
load the model's description with the key that the user enters.
"""

import orjson
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from epochal_server.page.about import about
from epochal_server.page.assets import HEADERS, Asset, assets
from epochal_server.routes import handling
from epochal_server.routes.openapi import PAGE
from epochal_server.service import PROTOCOL, Service

PAGES = {"/": "index.html", "/docs": "docs.html"}
FOLDER = "/page/"
MODEL = f"{FOLDER}model.json"


def routes(service: Service) -> list[web.RouteDef]:
    """Return the routes of the web pages.

    Args:
        service: The parts of the server for the routes.
    """
    described = orjson.dumps(about(service.model))

    async def model(request: web.Request) -> web.Response:
        handling.authorize(request, service)
        return handling.answer(described, {hdrs.CACHE_CONTROL: "no-store"})

    files = assets()
    served = PAGES | {f"{FOLDER}{name}": name for name in files if not name.endswith(".html")}
    return [web.get(path, _sends(files[name])) for path, name in served.items()] + [
        web.get(MODEL, handling.speaking(PAGE, model))
    ]


def _sends(asset: Asset) -> Handler:
    async def send(request: web.Request) -> web.Response:
        request[PROTOCOL] = PAGE
        same = any(tag.value == asset.digest for tag in request.if_none_match or ())
        response = web.Response(status=304, headers=HEADERS) if same else _whole(asset)
        response.etag = asset.digest
        return response

    return send


def _whole(asset: Asset) -> web.Response:
    return web.Response(body=asset.content, content_type=asset.type, charset="utf-8", headers=HEADERS)
