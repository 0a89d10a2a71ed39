"""What whoever runs the cluster asks the process: its metrics, whether it lives, whether it takes reports."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from io import BytesIO

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from epochal_operator.runtime.lookup import Lookup

METRICS_SECONDS = 1.0
"""How long a text of the metrics is given to whoever asks: who reaches the port decides how often that is."""
PART_BYTES = 64 * 1024

_OPENMETRICS, _VERSION = "application/openmetrics-text", ";version=1.0.0"


def health_routes(
    *, registry: CollectorRegistry, stalled: Callable[[], str | None], ready: Callable[[], bool]
) -> list[web.RouteDef]:
    """Returns the routes /metrics, /healthz and /readyz.

    Args:
        registry: What is exported.
        stalled: Returns why reconciling stands still, or None while it goes on: /healthz then fails.
        ready: Returns whether progress reports are taken: /readyz fails until then.
    """
    texts: Lookup[str, bytes] = Lookup(most=2, yes_seconds=METRICS_SECONDS, no_seconds=0, at_once=1)

    async def metrics(request: web.Request) -> web.Response:
        # In two forms alone: versions are the client's to name, any number of them.
        accepted = _OPENMETRICS + _VERSION if _OPENMETRICS in request.headers.get("Accept", "") else ""
        encode, content_type = choose_encoder(accepted)

        async def packed() -> bytes:
            # A thousand TrainingJobs take a quarter of a second, and reports must not wait for it.
            return await asyncio.to_thread(lambda: gzip.compress(encode(registry), compresslevel=6))

        text, headers = await texts.get(accepted, packed) or b"", {"Content-Type": content_type}
        if "gzip" in request.headers.get("Accept-Encoding", "").lower():
            return web.Response(body=text, headers=headers | {"Content-Encoding": "gzip"})
        return web.Response(body=_unpacked(text), headers=headers)

    async def healthz(_: web.Request) -> web.Response:
        fault = stalled()
        return web.Response(text="ok\n") if fault is None else web.Response(text=f"{fault}\n", status=503)

    async def readyz(_: web.Request) -> web.Response:
        if ready():
            return web.Response(text="ok\n")
        return web.Response(text="the progress endpoint does not serve yet\n", status=503)

    return [web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)]


async def _unpacked(packed: bytes) -> AsyncIterator[bytes]:
    """Yields a text in parts: whoever is slow to read it holds no more of it."""
    with gzip.open(BytesIO(packed)) as text:
        while part := text.read(PART_BYTES):
            yield part
