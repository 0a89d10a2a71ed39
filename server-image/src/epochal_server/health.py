"""The routes of the probes and of the metrics."""

from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web
from epochal_api.server_pod import MODEL_PATH
from epochal_api.signature import Signature
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from epochal_server.bookkeeping import HEALTH
from epochal_server.service import PROTOCOL
from epochal_server.shared import Shared

_OPENMETRICS, _VERSION = "application/openmetrics-text", ";version=1.0.0"


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


def metrics_routes(registry: CollectorRegistry, model: Callable[[], Signature | None]) -> list[web.RouteDef]:
    """Return the routes of the metrics and of the model's signature.

    Args:
        registry: The metrics to export.
        model: Returns the model's signature, or None until the model is ready.
    """
    # Only two formats: a client may name any number of versions, and each would be encoded separately.
    encoders = {accepted: choose_encoder(accepted) for accepted in ("", _OPENMETRICS + _VERSION)}
    encoded = {accepted: Shared(partial(encode, registry)) for accepted, (encode, _) in encoders.items()}

    async def metrics(request: web.Request) -> web.Response:
        request[PROTOCOL] = HEALTH
        accepted = _OPENMETRICS + _VERSION if _OPENMETRICS in request.headers.get("Accept", "") else ""
        _, content_type = encoders[accepted]
        return web.Response(body=await encoded[accepted](), headers={"Content-Type": content_type})

    async def about(request: web.Request) -> web.Response:
        request[PROTOCOL] = HEALTH
        signature = model()
        if signature is None:
            return web.json_response({"error": "the model is not ready yet: try again later"}, status=503)
        told = signature.model_dump(mode="json", include={"inputs", "outputs"})
        return web.json_response(told | {"signature": signature.digest()})

    return [web.get("/metrics", metrics), web.get(MODEL_PATH, about)]
