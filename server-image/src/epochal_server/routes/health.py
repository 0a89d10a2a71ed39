"""The routes of the probes for liveness and readiness."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from epochal_server.monitoring.request_log import HEALTH
from epochal_server.routes.service import PROTOCOL


async def _at_once() -> None:
    """Return at once, without a wait."""


def health_routes(
    ready: Callable[[], str | None],
    alive: Callable[[], str | None],
    settled: Callable[[], Awaitable[None]] = _at_once,
) -> list[web.RouteDef]:
    """Return the routes of Open Inference for liveness and readiness.

    Args:
        ready: Returns the reason why the server should get no requests, or None if it is ready.
        alive: Returns the reason why the server needs a restart, or None if it is healthy.
        settled: Waits a moment if the readiness is about to change.
    """

    async def live(request: web.Request) -> web.Response:
        request[PROTOCOL] = HEALTH
        why = alive()
        if why is None:
            return web.json_response({"live": True})
        return web.json_response({"live": False, "error": why}, status=503)

    async def is_ready(request: web.Request) -> web.Response:
        request[PROTOCOL] = HEALTH
        await settled()
        why = ready()
        if why is None:
            return web.json_response({"ready": True})
        return web.json_response({"ready": False, "error": why}, status=503)

    return [web.get("/v2/health/live", live), web.get("/v2/health/ready", is_ready)]
