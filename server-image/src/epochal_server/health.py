"""What the kubelet asks: whether the server lives, and whether requests are to come to it."""

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
    """Waits for nothing."""


def health_routes(
    ready: Callable[[], str | None],
    alive: Callable[[], str | None],
    settled: Callable[[], Awaitable[None]] = _at_once,
) -> list[web.RouteDef]:
    """Returns the routes of Open Inference that tell of the server's health.

    Args:
        ready: Returns why requests are not to come; None while they are.
        alive: Returns why the server needs a restart; None while it needs none.
        settled: Waits a moment for that to change, if it is about to.
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
    """Returns the routes of what is asked of a server by those who watch it.

    Args:
        registry: What is exported.
        model: Returns what the model takes and gives; None until it is ready.
    """
    # Two forms: a client may name any number of versions, and each would be encoded.
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
