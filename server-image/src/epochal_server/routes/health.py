"""The routes of the probes for liveness and readiness."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from epochal_server.monitoring.request_log import HEALTH
from epochal_server.routes.service import PROTOCOL


async def _no_wait() -> None:
    """Return at once: the default of `wait_for_readiness`, without a delay of readiness probes."""


def health_routes(
    ready: Callable[[], str | None],
    alive: Callable[[], str | None],
    wait_for_readiness: Callable[[], Awaitable[None]] = _no_wait,
) -> list[web.RouteDef]:
    """Return the routes of Open Inference for liveness and readiness, which answer the kubelet's probes.

    Args:
        ready: Returns the reason why the server should get no requests, or None if it is ready.
        alive: Returns the reason why the server needs a restart, or None if it is healthy.
        wait_for_readiness: Waits for a short time while the model loads, before a readiness probe is answered.
    """

    def probe(name: str, check: Callable[[], str | None], wait: Callable[[], Awaitable[None]]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            request[PROTOCOL] = HEALTH
            await wait()
            why_not = check()
            if why_not is None:
                return web.json_response({name: True})
            return web.json_response({name: False, "error": why_not}, status=503)

        return handle

    return [
        web.get("/v2/health/live", probe("live", alive, _no_wait)),
        web.get("/v2/health/ready", probe("ready", ready, wait_for_readiness)),
    ]
