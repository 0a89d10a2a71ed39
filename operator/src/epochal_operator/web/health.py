"""Routes for metrics and for the liveness and readiness probes."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from io import BytesIO

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from epochal_operator.runtime.lookup_cache import LookupCache

METRICS_SECONDS = 1.0
"""Seconds for which the rendered metrics are cached: any client that reaches the port can request them at any rate."""
PART_BYTES = 64 * 1024

_OPENMETRICS, _VERSION = "application/openmetrics-text", ";version=1.0.0"


def health_routes(
    *, registry: CollectorRegistry, no_progress: Callable[[], str | None], ready: Callable[[], bool]
) -> list[web.RouteDef]:
    """Return the routes /metrics, /healthz and /readyz.

    Args:
        registry: Registry of the exported metrics.
        no_progress: Returns a message if objects wait but none is reconciled, or None. With a message, /healthz fails.
        ready: Returns whether the progress endpoint accepts reports; /readyz fails until it does.
    """
    texts: LookupCache[str, bytes] = LookupCache(
        max_found=2, found_seconds=METRICS_SECONDS, missing_seconds=0, concurrency=1
    )

    async def metrics(request: web.Request) -> web.Response:
        # Cache only two formats: clients may name any number of versions.
        accepted = _OPENMETRICS + _VERSION if _OPENMETRICS in request.headers.get("Accept", "") else ""
        encode, content_type = choose_encoder(accepted)

        async def compressed() -> bytes:
            # Rendering takes a quarter of a second for a thousand TrainingJobs, and must not block reports.
            return await asyncio.to_thread(lambda: gzip.compress(encode(registry), compresslevel=6))

        text, headers = await texts.get(accepted, compressed) or b"", {"Content-Type": content_type}
        if "gzip" in request.headers.get("Accept-Encoding", "").lower():
            return web.Response(body=text, headers=headers | {"Content-Encoding": "gzip"})
        return web.Response(body=_decompressed(text), headers=headers)

    async def healthz(_: web.Request) -> web.Response:
        fault = no_progress()
        return web.Response(text="ok\n") if fault is None else web.Response(text=f"{fault}\n", status=503)

    async def readyz(_: web.Request) -> web.Response:
        if ready():
            return web.Response(text="ok\n")
        return web.Response(text="the progress endpoint does not serve yet\n", status=503)

    return [web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)]


async def _decompressed(compressed: bytes) -> AsyncIterator[bytes]:
    """Yield the decompressed text in parts, so that for a slow client only one part is in memory."""
    with gzip.open(BytesIO(compressed)) as text:
        while part := text.read(PART_BYTES):
            yield part
