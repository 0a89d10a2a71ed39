"""Health probes and metrics."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from epochal_server.routes.health import health_routes
from epochal_server.routes.metrics import MAX_SCRAPES, metrics_routes
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tests.unit.server.routes.asking import serving


class Held(Collector):
    """Series that take as long as a test wants."""

    def __init__(self) -> None:
        self.proceed = threading.Event()
        self.calls = 0

    def collect(self) -> Iterator[Metric]:
        self.calls += 1
        self.proceed.wait(10)
        yield GaugeMetricFamily("one", "A series.", value=1)


async def test_metrics_are_encoded_once_for_all_waiting_scrapes() -> None:
    held, registry = Held(), CollectorRegistry()
    registry.register(held)
    held.proceed.set()
    routes = [*metrics_routes(registry, lambda: None), *health_routes(lambda: None, lambda: None)]
    held.proceed.clear()
    held.calls = 0
    async with serving(routes) as client:
        scrapes = [asyncio.create_task(client.get("/metrics")) for _ in range(20)]
        async with asyncio.timeout(5):
            async with client.get("/v2/health/live") as live:
                assert await live.json() == {"live": True}
            await asyncio.sleep(0.1)
            assert held.calls == 1
            held.proceed.set()
            for response in await asyncio.gather(*scrapes):
                assert "one 1.0" in await response.text()
    assert held.calls <= 2


async def test_few_scrapes_wait() -> None:
    held, registry = Held(), CollectorRegistry()
    held.proceed.set()
    registry.register(held)
    routes = metrics_routes(registry, lambda: None)
    held.proceed.clear()
    async with serving(routes) as client, asyncio.timeout(5):
        scrapes = [asyncio.create_task(client.get("/metrics")) for _ in range(MAX_SCRAPES + 8)]
        refused, waiting = list[int](), set(scrapes)
        while len(refused) < 8:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            refused += [task.result().status for task in done]
        held.proceed.set()
        assert refused == [503] * 8
        assert [response.status for response in await asyncio.gather(*waiting)] == [200] * MAX_SCRAPES


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/plain"),
        ("text/plain;version=0.0.4", "text/plain"),
        ("application/openmetrics-text;version=0.0.1", "application/openmetrics-text; version=1.0.0"),
    ],
)
async def test_metrics_have_two_formats(accept: str, expected: str) -> None:
    async with (
        serving(metrics_routes(CollectorRegistry(), lambda: None)) as client,
        client.get("/metrics", headers={"Accept": accept}) as response,
    ):
        assert response.headers["Content-Type"].startswith(expected)
        assert (await response.text()).endswith("# EOF\n") is expected.startswith("application")


async def test_a_hanging_server_is_not_live() -> None:
    async with serving(health_routes(lambda: "it ends", lambda: "it hangs")) as client:
        for path, expected in (
            ("live", {"live": False, "error": "it hangs"}),
            ("ready", {"ready": False, "error": "it ends"}),
        ):
            async with client.get(f"/v2/health/{path}") as response:
                assert (response.status, await response.json()) == (503, expected)
