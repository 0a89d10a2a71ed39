"""The routes of the modeler: the catalogue of Keras classes, the check of a YAML document, and templates for runs."""

import gzip
import json
from functools import cache
from pathlib import Path

from aiohttp import hdrs, web
from epochal_api.catalogue.classes import document

from epochal_studio.bodies import read_body
from epochal_studio.networks.docstrings import is_known
from epochal_studio.networks.templates import read_templates
from epochal_studio.problems import answer, refuse
from epochal_studio.session.confirmed import confirmed_access
from epochal_studio.state import STATE
from epochal_studio.wire.networks import CheckRequest, Template, Templates

_MAX_SHOWN = 100


def routes() -> list[web.RouteDef]:
    """Return the routes of the modeler."""
    return [
        web.get("/api/catalogue", show_catalogue),
        web.get("/api/catalogue/{module}/{class}", show_class),
        web.post("/api/check", check),
        web.get("/api/templates", show_templates),
    ]


async def show_catalogue(request: web.Request) -> web.Response:
    """Return the catalogue of Keras: its classes with their arguments, the same for each user."""
    await confirmed_access(request)
    body, headers = _catalogue(), {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower():
        body, headers = _packed_catalogue(), {**headers, "Content-Encoding": "gzip"}
    return web.Response(body=body, content_type="application/json", headers=headers)


async def show_class(request: web.Request) -> web.Response:
    """Return the docstring of a Keras class or function, which the path of the request names."""
    await confirmed_access(request)
    module, name = request.match_info["module"], request.match_info["class"]
    if not is_known(module, name):
        found = f"{module}.{name}"[:_MAX_SHOWN]
        raise refuse(404, "NotFound", f"The catalogue has no {found!r}.", "Choose a class of the palette.")
    return answer(await request.app[STATE].docstrings.text(module, name))


async def check(request: web.Request) -> web.Response:
    """Return the problems of the YAML document in the body, and the shapes of its layers."""
    body = await read_body(request, CheckRequest)
    access = await confirmed_access(request)
    return answer(await request.app[STATE].checks.check(access, body.yaml, body.page))


async def show_templates(request: web.Request) -> web.Response:
    """Return the templates for a new run."""
    access = await confirmed_access(request)
    found = await access.in_thread(_templates, request.app[STATE].config.templates)
    return answer(Templates(templates=found))


@cache
def _templates(folder: Path) -> list[Template]:
    """Return the templates in a folder. They are cached without a limit, because an image's files do not change."""
    return read_templates(folder)


@cache
def _catalogue() -> bytes:
    return json.dumps(document(), separators=(",", ":")).encode()


@cache
def _packed_catalogue() -> bytes:
    return gzip.compress(_catalogue(), mtime=0)
