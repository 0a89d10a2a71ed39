"""Asks the routes of a model, over HTTP on the loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.typedefs import Middleware
from epochal_server.intake import Intake
from epochal_server.model import Arrays, Model
from epochal_server.refusals import Unauthorized
from epochal_server.service import Service
from epochal_server.tensors import check

KEY = "Bearer secret"
NOT_YET = "the model is not loaded yet"


class InThreads:
    """See service.Work; nothing is waited for."""

    async def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(function, *args, **kwargs)

    alone = admitted = __call__


def service(
    model: Model, compute: Callable[[Arrays], Arrays], *, key: bool = False, ready: str | None = None, most: int = 8
) -> Service:
    """Returns a service that computes in Python what it is asked, each request by itself."""

    async def answer(inputs: Arrays) -> Arrays:
        check(inputs, model.inputs)
        return compute(inputs)

    def authorize(headers: Mapping[str, str]) -> None:
        if key and headers.get("Authorization") != KEY:
            raise Unauthorized("Authorization: expected a key")

    intake = Intake(most, 2 * model.limits.request_bytes)
    return Service(model, answer, InThreads(), lambda: ready, authorize, intake)


@asynccontextmanager
async def serving(routes: Iterable[web.RouteDef], *around: Middleware) -> AsyncIterator[ClientSession]:
    """Serves routes, as the server does: bodies come as they were sent."""
    app = web.Application(middlewares=around)
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
