"""A pod of a ModelServer in this process: the routes of the real server with a model in Python, and its metrics.

async with ModelPod(digits(), compute) as pod:
    server.proxies["services", "vision", "digits:http"] = pod.address
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler
from epochal_server.auth import Keys, refuse_other_origins
from epochal_server.model.model import Arrays, Model
from epochal_server.monitoring.metrics import Metrics
from epochal_server.protocols.openapi import document
from epochal_server.routes import page, photographs
from epochal_server.routes.metrics import metrics_routes
from prometheus_client import CollectorRegistry

from tests.unit.server.routes.asking import protocol_routes, service


class ModelPod:
    """The pod, while it is entered.

    Args:
        model: The model.
        compute: Computes its outputs.
        keys: Folder with the keys; None for a server without keys.

    Attributes:
        metrics: Its metrics, which its requests do not change.
        heard: Method, path and headers of each request.
        answer: Answers all requests in place of the server, if it is set.
    """

    def __init__(self, model: Model, compute: Callable[[Arrays], Arrays], keys: Path | None = None) -> None:
        self.metrics = Metrics(lambda: 0)
        self.heard: list[tuple[str, str, dict[str, str]]] = []
        self.answer: Handler | None = None
        self._model = model
        self._compute = compute
        self._keys = keys

    async def __aenter__(self) -> Self:
        authorize = refuse_other_origins
        if self._keys is not None:
            keys = Keys(self._keys)
            keys.require()
            authorize = keys.authorize
        served = replace(service(self._model, self._compute), authorize=authorize)
        registry = CollectorRegistry()
        registry.register(self.metrics)
        app = web.Application(middlewares=[self._hear])
        app.add_routes([*photographs.routes(served), *protocol_routes(served)])
        app.add_routes(page.routes(served, document(self._model)))
        app.add_routes(metrics_routes(registry, lambda: None))
        self._runner = web.AppRunner(app, auto_decompress=False, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _hear(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.heard.append((request.method, request.path_qs, dict(request.headers)))
        return await (self.answer or handler)(request)
