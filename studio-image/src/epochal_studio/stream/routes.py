"""The route GET /api/stream: sends the runs of a namespace and their changes as server-sent events."""

from aiohttp import web

from epochal_studio.access import access_of
from epochal_studio.bodies import namespace_of
from epochal_studio.security.checks import STREAM
from epochal_studio.sending import send
from epochal_studio.state import STATE

_ALL = "*"


def routes() -> list[web.RouteDef]:
    """Return the route GET /api/stream."""
    return [web.get(STREAM, stream, allow_head=False)]


async def stream(request: web.Request) -> web.StreamResponse:
    """Send the runs of a namespace, and then their changes, until the session ends or the browser disconnects."""
    access = access_of(request)
    namespace = request.query.get("namespace", "")
    place = "" if namespace == _ALL else namespace_of(namespace)
    with request.app[STATE].hub.subscribe(access, place) as subscription:
        # A proxy such as nginx would collect the frames otherwise.
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        async for frame in subscription.frames():
            for piece in frame:
                # Without the end of the session: the last frame tells it.
                await send(request, response, piece, None)
        return response
