"""The routes of the metrics and of the model's signature."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Generic, TypeVar

from aiohttp import web
from epochal_api.modelserver.pod import METADATA_URL_PATH
from epochal_api.signature import Signature
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from epochal_server.monitoring.request_log import HEALTH
from epochal_server.routes.service import PROTOCOL

_OPENMETRICS, _VERSION = "application/openmetrics-text", ";version=1.0.0"
T = TypeVar("T")

MAX_SCRAPES = 32
"""Maximum number of scrapes that wait. Each keeps a connection. The kubelet needs connections, too: it would restart a
server that does not answer its probes."""
MAX_CPU_SHARE = 0.05
"""Maximum share of one CPU's time that a SharedResult spends on its function, for any number of callers.

Callers wait until this share allows the next call of the function. They get no earlier result.
"""


class SharedResult(Generic[T]):
    """Calls a function in a thread, at most for MAX_CPU_SHARE of the time.

    All callers that wait when a call of the function begins get the result of this call.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[T] | None = None
        self._not_before = 0.0

    async def __call__(self) -> T:
        """Return the result of the next call of the function that begins."""
        if self._next is None:
            self._next = asyncio.create_task(self._call())
        return await asyncio.shield(self._next)  # a cancelled request does not cancel the call for others

    async def _call(self) -> T:
        async with self._turn:
            await asyncio.sleep(self._not_before - perf_counter())
            self._next = None
            began = perf_counter()
            try:
                return await asyncio.to_thread(self._function)
            finally:
                now = perf_counter()
                self._not_before = now + (now - began) * (1 / MAX_CPU_SHARE - 1)


def metrics_routes(registry: CollectorRegistry, model: Callable[[], Signature | None]) -> list[web.RouteDef]:
    """Return the routes of the metrics and of the model's signature."""
    # Only two formats: a client may name any number of versions, and each would be encoded separately.
    encoders = {accepted: choose_encoder(accepted) for accepted in ("", _OPENMETRICS + _VERSION)}
    encoded = {accepted: SharedResult(partial(encode, registry)) for accepted, (encode, _) in encoders.items()}
    slots = asyncio.Semaphore(MAX_SCRAPES)

    async def metrics(request: web.Request) -> web.Response:
        request[PROTOCOL] = HEALTH
        accepted = _OPENMETRICS + _VERSION if _OPENMETRICS in request.headers.get("Accept", "") else ""
        _, content_type = encoders[accepted]
        if slots.locked():
            return web.json_response({"error": f"{MAX_SCRAPES} scrapes are waiting: try again later"}, status=503)
        async with slots:
            return web.Response(body=await encoded[accepted](), headers={"Content-Type": content_type})

    async def send_signature(request: web.Request) -> web.Response:
        request[PROTOCOL] = HEALTH
        signature = model()
        if signature is None:
            return web.json_response({"error": "the model is not ready yet: try again later"}, status=503)
        # Without the names of classes: the operator reads a bounded response, and no other field.
        fields = {"__all__": {"name", "shape", "dtype"}}
        tensors = signature.model_dump(mode="json", include={"inputs": fields, "outputs": fields})
        return web.json_response(tensors | {"signature": signature.digest()})

    return [web.get("/metrics", metrics), web.get(METADATA_URL_PATH, send_signature)]
