"""What whoever runs the cluster asks the process: its metrics, whether it lives, whether it takes reports."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


def health_routes(
    *, registry: CollectorRegistry, stalled: Callable[[], str | None], ready: Callable[[], bool]
) -> list[web.RouteDef]:
    """Returns the routes /metrics, /healthz and /readyz.

    Args:
        registry: What is exported.
        stalled: Returns why reconciling stands still, or None while it goes on: /healthz then fails.
        ready: Returns whether progress reports are taken: /readyz fails until then.
    """

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        # A thousand TrainingJobs take a quarter of a second, and reports must not wait for it.
        text = await asyncio.to_thread(encode, registry)
        response = web.Response(body=text, headers={"Content-Type": content_type})
        response.enable_compression()
        return response

    async def healthz(_: web.Request) -> web.Response:
        fault = stalled()
        return web.Response(text="ok\n") if fault is None else web.Response(text=f"{fault}\n", status=503)

    async def readyz(_: web.Request) -> web.Response:
        if ready():
            return web.Response(text="ok\n")
        return web.Response(text="the progress endpoint does not serve yet\n", status=503)

    return [web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)]
