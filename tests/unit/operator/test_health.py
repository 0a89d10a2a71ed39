"""What the process answers to Prometheus and to the kubelet."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from epochal_operator.health import health_routes
from epochal_operator.metrics import JobCollector, OperatorMetrics
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parse

JOBS: list[dict[str, Any]] = [{"metadata": {"namespace": "vision", "name": "mnist"}}]


class Process:
    """What the routes look at."""

    def __init__(self) -> None:
        self.stalled: str | None = None
        self.ready = False
        self.registry = CollectorRegistry()
        self.registry.register(JobCollector(lambda: JOBS))
        OperatorMetrics(self.registry)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[ClientSession]:
        app = web.Application()
        app.add_routes(health_routes(registry=self.registry, stalled=lambda: self.stalled, ready=lambda: self.ready))
        async with TestServer(app) as server, ClientSession(server.make_url("/"), auto_decompress=False) as client:
            yield client


@pytest.mark.parametrize(
    ("stalled", "status", "text"),
    [(None, 200, "ok\n"), ("reconciling vision/mnist for 601 s", 503, "reconciling vision/mnist for 601 s\n")],
)
async def test_it_lives_while_reconciling_goes_on(stalled: str | None, status: int, text: str) -> None:
    process = Process()
    process.stalled = stalled
    async with process.serve() as client, client.get("/healthz") as answer:
        assert (answer.status, await answer.text()) == (status, text)


async def test_it_is_ready_when_reports_are_taken() -> None:
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
async def test_metrics_are_in_the_form_that_is_asked_for(accept: str, content_type: str, ending: bytes) -> None:
    headers = {"Accept": accept, "Accept-Encoding": "identity"}
    async with Process().serve() as client, client.get("/metrics", headers=headers) as answer:
        body = await answer.read()
    assert answer.headers["Content-Type"] == content_type
    assert body.endswith(ending)
    assert b'epochal_trainingjob_epoch{name="mnist",namespace="vision"} 0.0' in body


async def test_metrics_are_compressed_for_who_can_read_it() -> None:
    async with Process().serve() as client, client.get("/metrics", headers={"Accept-Encoding": "gzip"}) as answer:
        body = await answer.read()
    assert answer.headers["Content-Encoding"] == "gzip"
    names = {family.name for family in parse(gzip.decompress(body).decode())}
    assert {"epochal_trainingjob_info", "epochal_leader", "process_resident_memory_bytes"} <= names
