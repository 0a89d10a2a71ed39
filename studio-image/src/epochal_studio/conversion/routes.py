"""The routes that import a file of another tool and export a network as code."""

from collections.abc import AsyncIterator

from aiohttp import web

from epochal_studio.bodies import read_body
from epochal_studio.conversion.process import convert
from epochal_studio.problems import answer, refuse
from epochal_studio.security.raw_bodies import IMPORT
from epochal_studio.session.confirmed import confirmed_access
from epochal_studio.state import STATE
from epochal_studio.streamed_body import StreamedBody
from epochal_studio.wire.documents import Exported, ExportRequest, Imported

MIN_RATE = 512 * 1024
"""Minimum bytes per second of an import, so that the largest file occupies one of few places for at most 3 minutes."""
_MAX_NAME = 200
_PART = 2**18


def routes() -> list[web.RouteDef]:
    """Return the routes of imports and exports."""
    return [web.post(IMPORT, import_file), web.post("/api/export", export)]


async def import_file(request: web.Request) -> web.Response:
    """Return the TrainingJob or Experiment that is imported from the file in the body. The query has its name."""
    name = request.query.get("name", "")
    if (
        not name.isprintable()
        or "/" in name
        or not 0 < len(name.encode(errors="replace")) <= _MAX_NAME
        or name[0] in ".-"
    ):
        raise refuse(400, "Invalid", f"the query needs name, the name of a file of at most {_MAX_NAME} bytes")
    access, body, state = await confirmed_access(request), StreamedBody(request, MIN_RATE), request.app[STATE]
    with state.imports.hold(access.owner):
        return answer(await convert(state.processes, Imported, "import", name, _parts(body)))


async def _parts(body: StreamedBody) -> AsyncIterator[bytearray]:
    while body.left:
        yield await body.read(min(_PART, body.left))


async def export(request: web.Request) -> web.Response:
    """Return the network of the TrainingJob in the body as code for another tool."""
    body = await read_body(request, ExportRequest)
    access = await confirmed_access(request)

    async def text() -> AsyncIterator[bytes]:
        yield body.yaml.encode(errors="replace")

    state = request.app[STATE]
    with state.exports.hold(access.owner):
        options = (body.target, *(["simple"] if body.simple else []))
        return answer(await convert(state.processes, Exported, "export", "network.yaml", text(), *options))
