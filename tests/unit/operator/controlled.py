"""A running controller with the fake API server, and a function that waits for a condition."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.transport import Transport
from epochal_operator.runtime.controller import Controller
from epochal_operator.runtime.kind import Kind
from epochal_operator.runtime.metrics import OperatorMetrics
from prometheus_client import CollectorRegistry

from tests.kit.fake.server import FakeApiServer


@asynccontextmanager
async def controlled(
    kinds: Iterable[Kind],
    server: FakeApiServer,
    *,
    namespaces: tuple[str, ...] = (),
    registry: CollectorRegistry | None = None,
) -> AsyncIterator[Controller]:
    metrics = OperatorMetrics(registry or CollectorRegistry())
    controller = Controller(kinds, Kube(Transport(server.client())), metrics, namespaces=namespaces, workers=4)
    task = asyncio.create_task(controller.run())
    try:
        yield controller
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.01)
