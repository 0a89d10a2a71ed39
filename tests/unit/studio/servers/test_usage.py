"""GET /api/servers/NS/NAME/usage: the requests of a server, from the metrics of its pods."""

import asyncio
import time
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from epochal_server.monitoring.metrics import Metrics
from epochal_studio.servers import usage
from epochal_studio.servers.metrics import MAX_LINE, MAX_LINES, RequestCounts, parse_metrics
from prometheus_client import CollectorRegistry, generate_latest

from tests.kit.served import DIGITS
from tests.unit.studio.servers.conftest import Models


def use(metrics: Metrics) -> None:
    metrics.loaded(0.1, DIGITS, model="digits")
    metrics.predictions(np.array([0, 5, 0, 0, 0, 0, 0, 2, 0, 0]))
    for protocol, code in (("photographs", 200), ("photographs", 200), ("v2", 400), ("v2", 503), ("page", 200)):
        metrics.request(protocol, code, 0.01, 10, 10)


async def read(models: Models, **options: Any) -> dict[str, object]:
    found = await models.ask("GET", "/usage", **options)
    assert found.status == 200, found.text
    content: dict[str, object] = found.json()
    return content


async def test_the_figures_of_all_running_pods(models: Models) -> None:
    use(models.pod.metrics)
    models.put_pod("digits-0")
    models.put_pod("digits-1")
    models.put_pod("digits-2", "Pending")
    models.put_pod("of-an-older-server", **{"epochal.dev/modelserver-uid": "another"})
    assert await read(models) == {
        "requests": 8,
        "refused": 4,
        "classes": [
            {"output": "digit", "name": "one", "count": 10},
            {"output": "digit", "name": "seven", "count": 4},
            *({"output": "digit", "name": name, "count": 0} for name in sorted({*DIGITS} - {"one", "seven"})),
        ],
        "pods": 2,
        "problem": None,
    }
    assert [path for _, path, _ in models.pod.heard] == ["/metrics", "/metrics"]


async def test_a_pod_that_does_not_answer_is_named_and_the_others_count(models: Models) -> None:
    use(models.pod.metrics)
    models.put_pod("digits-0")
    models.put_pod("digits-1", address="http://127.0.0.1:1")
    found = await read(models)
    assert (found["requests"], found["pods"]) == (4, 1)
    assert "connection refused" in str(found["problem"])


async def test_a_user_without_the_right_to_the_pods_or_their_metrics(models: Models) -> None:
    models.put_pod("digits-0")
    models.studio.alice.denied.add(("get", "pods/proxy"))
    found = await read(models)
    assert (found["requests"], found["pods"]) == (0, 0)
    assert "the right to get pods/proxy in the namespace vision is missing" in str(found["problem"])
    models.studio.alice.denied.add(("list", "pods"))
    assert "may not list pods" in str((await read(models))["problem"])
    assert models.pod.heard == []


async def test_many_pods_are_read_in_part(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MAX_PODS", 2)
    use(models.pod.metrics)
    for number in range(3):
        models.put_pod(f"digits-{number}")
    found = await read(models)
    assert (found["pods"], found["requests"]) == (2, 8)
    assert "more than 2 pods" in str(found["problem"])


async def test_a_pod_that_hangs(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "POD_SECONDS", 0.2)

    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    models.put_pod("digits-0")
    models.pod.answer = hang
    found = await read(models)
    assert (found["pods"], "within 0.2 s" in str(found["problem"])) == (0, True)
    monkeypatch.setattr(usage, "POD_SECONDS", 5.0)
    monkeypatch.setattr(usage, "SECONDS", 0.2)
    assert "have not sent their metrics" in str((await read(models))["problem"])
    assert models.studio.state.model_reads.count == 0


@pytest.mark.parametrize(
    "body", [b"x" * (usage.MAX_METRICS + 1), b'epochal_server_requests_total{code="200" 1\n'], ids=len
)
async def test_metrics_that_studio_cannot_read(models: Models, body: bytes) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    models.put_pod("digits-0")
    models.pod.answer = answer
    found = await read(models)
    assert (found["pods"], "not in the expected format" in str(found["problem"])) == (0, True)


def encoded(metrics: Metrics) -> bytes:
    registry = CollectorRegistry()
    registry.register(metrics)
    return generate_latest(registry)


def test_names_of_classes_may_have_any_character() -> None:
    metrics = Metrics(lambda: 0)
    names = ['a "b", {c="d"} \\ e', "naïve 猫", "\\\\"]
    metrics.loaded(0.1, names, model="m")
    metrics.predictions(np.array([1, 2, 3]))
    found = parse_metrics(encoded(metrics))
    assert found is not None
    assert found.classes == {names[0]: 1, names[1]: 2, names[2]: 3}


def test_a_thousand_classes_fit() -> None:
    metrics = Metrics(lambda: 0)
    metrics.loaded(0.1, [f"{number:04}" + "名" * 124 for number in range(1000)], model="m")
    metrics.predictions(np.arange(1000))
    content = encoded(metrics)
    found = parse_metrics(content)
    assert found is not None
    assert (len(found.classes), len(content) < usage.MAX_METRICS) == (1000, True)


def test_a_server_without_requests() -> None:
    assert parse_metrics(encoded(Metrics(lambda: 0))) == RequestCounts()
    assert parse_metrics(b"") == RequestCounts()


@pytest.mark.parametrize("label", [b"\\\\" * 480, b'\\"' * 480, b"{" * 960, b'",a="' * 190, b"\\" * 959])
def test_hostile_lines_take_no_time(label: bytes) -> None:
    line = b'epochal_server_requests_total{a="' + label + b'"} 1\n'
    began = time.process_time()
    parse_metrics(line * (usage.MAX_METRICS // len(line)))
    assert time.process_time() - began < 1


LINE = b'epochal_server_requests_total{code="200",protocol="v2"} '


@pytest.mark.parametrize(
    "content",
    [
        LINE + b"many\n",
        LINE + b"NaN\n",
        LINE + b"1\n" + LINE[:-3] + b"\n",
        b'epochal_server_predictions_total{class="\xff"} 1\n',
        b'epochal_server_predictions_total{class="a",class="b"} 1\n',
        b"epochal_server_predictions_total{" + b"," * MAX_LINE + b"} 1\n",
        (LINE + b"1\n") * (MAX_LINES + 1),
    ],
)
def test_content_of_another_form(content: bytes) -> None:
    assert parse_metrics(content) is None


def test_counts_stay_exact_for_javascript() -> None:
    found = parse_metrics(LINE + b"1e300\n" + LINE.replace(b"v2", b"v3") + b"-5\n")
    assert found is not None
    assert found.requests == 2**53
