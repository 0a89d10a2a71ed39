"""A service of a model, and its routes over HTTP on the loopback."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web
from aiohttp.typedefs import Middleware
from epochal_server.admission import AdmissionControl
from epochal_server.assemble import protocols
from epochal_server.model.model import Arrays, Model, check
from epochal_server.refusals import Unauthorized
from epochal_server.routes import inference
from epochal_server.routes.service import Service
from epochal_server.worker_pool import WorkerPool

KEY = "Bearer secret"
NOT_YET = "the model is not loaded yet"


def workers(kind: type[WorkerPool] = WorkerPool, admission: AdmissionControl | None = None) -> WorkerPool:
    """Return a worker pool, with its own admission control by default."""
    return kind(ThreadPoolExecutor(4), admission or AdmissionControl(1000, 1), 4)


def service(
    model: Model,
    compute: Callable[[Arrays], Arrays],
    *,
    key: bool = False,
    ready: str | None = None,
    max_waiting: int = 8,
) -> Service:
    """Return a service that computes each request alone, in Python."""

    async def answer(inputs: Arrays, /, *, is_admitted: bool = False, is_part: bool = False) -> Arrays:
        check(inputs, model.inputs)
        return compute(inputs)

    def authorize(headers: Mapping[str, str]) -> None:
        if key and headers.get("Authorization") != KEY:
            raise Unauthorized("Authorization: expected a key")

    admission = AdmissionControl(max_waiting, 2 * model.limits.request_bytes)
    return Service(model, answer, workers(), lambda: ready, authorize, admission)


def protocol_routes(service: Service) -> list[web.RouteDef]:
    """Return the routes of all protocols for inference."""
    return inference.routes(service, protocols(service.model))


@asynccontextmanager
async def serving(routes: Iterable[web.RouteDef], *middlewares: Middleware) -> AsyncIterator[ClientSession]:
    """Serve routes, without decompressing bodies, like the server."""
    app = web.Application(middlewares=middlewares)
    app.add_routes(routes)
    runner = web.AppRunner(app, auto_decompress=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}/") as client:
            yield client
    finally:
        await runner.cleanup()
