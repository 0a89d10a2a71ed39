"""The routes for Prometheus and the kubelet."""

import asyncio
import gzip
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from epochal_operator.runtime.metrics import ObjectCollector, OperatorMetrics
from epochal_operator.trainingjob.metrics import METRICS
from epochal_operator.web import health as module
from epochal_operator.web.health import health_routes
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.registry import Collector

JOBS: list[dict[str, Any]] = [{"metadata": {"namespace": "vision", "name": "mnist"}}]


class Process:
    """The state that the routes report."""

    def __init__(self) -> None:
        self.stalled: str | None = None
        self.ready = False
        self.registry = CollectorRegistry()
        self.registry.register(ObjectCollector(METRICS.collect, lambda: JOBS))
        OperatorMetrics(self.registry)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[ClientSession]:
        app = web.Application()
        app.add_routes(
            health_routes(registry=self.registry, no_progress=lambda: self.stalled, ready=lambda: self.ready)
        )
        async with TestServer(app) as server, ClientSession(server.make_url("/"), auto_decompress=False) as client:
            yield client


@pytest.mark.parametrize(
    ("stalled", "status", "text"),
    [(None, 200, "ok\n"), ("reconciling vision/mnist for 601 s", 503, "reconciling vision/mnist for 601 s\n")],
)
async def test_healthz_fails_while_reconciling_is_stalled(stalled: str | None, status: int, text: str) -> None:
    process = Process()
    process.stalled = stalled
    async with process.serve() as client, client.get("/healthz") as answer:
        assert (answer.status, await answer.text()) == (status, text)


async def test_readyz_fails_until_reports_are_accepted() -> None:
    process = Process()
    async with process.serve() as client:
        async with client.get("/readyz") as answer:
            assert answer.status == 503
        process.ready = True
        async with client.get("/readyz") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("accept", "content_type", "ending"),
    [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", b"\n"),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
            b"# EOF\n",
        ),
    ],
)
async def test_metrics_have_the_requested_format(accept: str, content_type: str, ending: bytes) -> None:
    headers = {"Accept": accept, "Accept-Encoding": "identity"}
    async with Process().serve() as client, client.get("/metrics", headers=headers) as answer:
        body = await answer.read()
    assert answer.headers["Content-Type"] == content_type
    assert body.endswith(ending)
    assert b'epochal_trainingjob_epoch{name="mnist",namespace="vision"} 0.0' in body


async def test_metrics_are_compressed_on_request() -> None:
    async with Process().serve() as client, client.get("/metrics", headers={"Accept-Encoding": "gzip"}) as answer:
        body = await answer.read()
    assert answer.headers["Content-Encoding"] == "gzip"
    names = {family.name for family in parse(gzip.decompress(body).decode())}
    assert {"epochal_trainingjob_info", "epochal_leader", "process_resident_memory_bytes"} <= names


async def test_concurrent_and_soon_repeated_scrapes_share_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any client that reaches the port can scrape at any rate, and each text needs all TrainingJobs."""
    monkeypatch.setattr(module, "METRICS_SECONDS", 3600)
    process, started, resume, times = Process(), threading.Event(), threading.Event(), list[int]()

    class Slow(Collector):
        def collect(self) -> Iterator[Metric]:
            times.append(1)
            started.set()
            assert resume.wait(15)
            yield from ()

    async def scrape(number: int) -> bytes:
        encoding = ("gzip", "identity")[number % 2]
        headers = {"Accept": f"text/plain;version=1.0.{number}", "Accept-Encoding": encoding}
        async with client.get("/metrics", headers=headers) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            body = await answer.read()
            return gzip.decompress(body) if encoding == "gzip" else body

    async with process.serve() as client:
        process.registry.register(Slow())
        times.clear()
        started.clear()
        resume.clear()
        scrapes = asyncio.gather(*(scrape(number) for number in range(16)))
        assert await asyncio.to_thread(started.wait, 15)
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        resume.set()
        assert len({*await scrapes, await scrape(0)}) == 1
    assert len(times) == 1


async def test_expired_metrics_are_rendered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "METRICS_SECONDS", 0)
    process = Process()
    gauge = Gauge("changes", "A gauge.", registry=process.registry)
    async with process.serve() as client:
        for value in (1.0, 2.0):
            gauge.set(value)
            async with client.get("/metrics", headers={"Accept-Encoding": "identity"}) as answer:
                assert f"changes {value}\n" in await answer.text()


async def test_slow_clients_share_the_memory_of_the_text() -> None:
    """Otherwise each connection could hold a large text for as long as the connection lasts."""
    process, size = Process(), 16 * 1024 * 1024

    class Large(Collector):
        def collect(self) -> Iterator[Metric]:
            family = GaugeMetricFamily("large", "A gauge.", labels=["label"])
            family.add_metric(["x" * size], 1)
            yield family

    process.registry.register(Large())
    async with process.serve() as client, AsyncExitStack() as stack:
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        for _ in range(4):
            answer = await stack.enter_async_context(client.get("/metrics", headers={"Accept-Encoding": "identity"}))
            assert await answer.content.readexactly(6) == b"# HELP"
        kept, _ = tracemalloc.get_traced_memory()
    assert kept < size
