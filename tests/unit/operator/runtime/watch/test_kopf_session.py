"""The HTTP session of kopf: its login, and the responses that are lists of a watched resource."""

import json
import logging
from pathlib import Path

import aiohttp
import kopf
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from epochal_operator.runtime.api.bounded_reader import BoundedReader, Bounds
from epochal_operator.runtime.api.resource import JOBS, PODS, Resource
from epochal_operator.runtime.store import Source
from epochal_operator.runtime.watch import kopf_session
from epochal_operator.runtime.watch.kopf_session import KopfLogin, response_class
from kopf._cogs.clients.api import iter_jsonlines
from kopf._cogs.clients.errors import APINotFoundError, check_response

LIST = {"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "one"}}]}
Listed = list[tuple[Resource, str | None]]


async def read(path: str, text: str, listed: Listed, status: int = 200) -> object:
    """Return the JSON that kopf gets from a response."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    async def listing(source: Source, namespace: str | None) -> str:
        listed.append((source.resource, namespace))
        return "12"

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    bounded = response_class([Source(JOBS), Source(PODS)], listing, BoundedReader(Bounds()))
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(response_class=bounded) as session,
        await session.get(server.make_url(path)) as response,
    ):
        return await response.json()


@pytest.mark.parametrize("root", ["", "/k8s/clusters/c-1", "/k8s/namespaces/jobs"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/pods", (PODS, None)),
        ("/api/v1/namespaces/vision/pods", (PODS, "vision")),
        ("/apis/batch/v1/jobs", (JOBS, None)),
        ("/apis/batch/v1/namespaces/vision/jobs", (JOBS, "vision")),
        ("/apis/batch/v1/namespaces/namespaces/jobs", (JOBS, "namespaces")),
        ("/apis/other.dev/v1/namespaces/vision/jobs", None),
        ("/apis/metrics.k8s.io/v1beta1/pods", None),
        ("/apis/batch/v1", None),
        ("/api/v1/namespaces", None),
    ],
)
async def test_kopf_gets_the_resource_version_of_the_operators_list(
    root: str, path: str, expected: tuple[Resource, str | None] | None
) -> None:
    listed: Listed = []
    content = await read(root + path, json.dumps(LIST), listed)
    assert listed == ([expected] if expected else [])
    assert content == ({"metadata": {"resourceVersion": "12"}, "items": []} if expected else LIST)


async def test_a_refused_list_of_kopf_starts_no_list_of_the_operator() -> None:
    listed: Listed = []
    refusal = {"kind": "Status", "code": 403, "message": "no"}
    assert await read("/api/v1/pods", json.dumps(refusal), listed, status=403) == refusal
    assert listed == []


async def test_the_objects_of_a_list_of_kopf_are_not_read() -> None:
    listed: Listed = []
    await read("/api/v1/pods", "[" * 20_000_000, listed)
    assert listed == [(PODS, None)]


WATCH = "/apis/batch/v1/jobs?watch=true"
ADDED = {"type": "ADDED", "object": {"metadata": {"name": "one", "resourceVersion": "7"}}}
EXPIRED = {"type": "ERROR", "object": {"code": 410}}


async def watched(text: str, status: int = 200) -> list[object]:
    """Return the events that kopf gets from a watch, or its error."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    bounded = response_class([Source(JOBS)], never_listed, BoundedReader(Bounds()))
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(response_class=bounded) as session,
        await session.get(server.make_url(WATCH)) as response,
    ):
        await check_response(response)
        return [json.loads(line) async for line in iter_jsonlines(response.content)]


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kopf_session, "RELIST_SECONDS", 0.0)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("code", [410, 500, 504])
async def test_an_error_of_a_watch_repeats_the_list_of_the_same_resource(code: int) -> None:
    """Otherwise kopf ends the watches of all resources, and then none of them may finish its list for minutes."""
    error = {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "etcd is away"}}
    assert await watched(f"{json.dumps(ADDED)}\n{json.dumps(error)}\n") == [ADDED, EXPIRED]
    assert await watched(json.dumps(error, separators=(",", ":"))) == [EXPIRED]


@pytest.mark.usefixtures("no_pauses")
async def test_the_log_names_the_resource_whose_list_is_repeated(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await watched(json.dumps({"type": "ERROR", "object": {"code": 500, "message": "etcd is away"}}))
    assert "listing /apis/batch/v1/jobs again after an error of its watch: " in caplog.text
    await watched("", status=410)
    assert "listing /apis/batch/v1/jobs again after its watch was refused (410 Gone)" in caplog.text


@pytest.mark.usefixtures("no_pauses")
async def test_a_watch_that_is_gone_repeats_the_list_of_the_same_resource() -> None:
    assert await watched(json.dumps({"kind": "Status", "code": 410, "message": "Expired"}), status=410) == [EXPIRED]


async def test_other_refusals_of_a_watch_stay_errors() -> None:
    with pytest.raises(APINotFoundError, match="no such resource"):
        await watched(json.dumps({"kind": "Status", "code": 404, "message": "no such resource"}), status=404)


async def never_listed(_: Source, _namespace: str | None) -> str:
    raise AssertionError


def kubeconfig(token: str) -> str:
    return yaml.safe_dump(
        {
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "vision"}}],
            "clusters": [{"name": "test", "cluster": {"server": "https://127.0.0.1:6443"}}],
            "users": [{"name": "test", "user": {"token": token}}],
        }
    )


async def test_unchanged_credentials_keep_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kopf compares the sessions to detect refused credentials; otherwise it would log in again without a pause."""
    path = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    login = KopfLogin([], never_listed, BoundedReader(Bounds()))
    arguments = {"settings": kopf.OperatorSettings(), "logger": logging.root}
    path.write_text(kubeconfig("first"))
    first = await login.session(**arguments)
    assert first is not None
    assert (first.server, first.default_namespace) == ("https://127.0.0.1:6443", "vision")
    assert first.aiohttp_session.headers["Authorization"] == "Bearer first"
    assert await login.session(**arguments) == first
    path.write_text(kubeconfig("second"))
    second = await login.session(**arguments)
    assert second is not None
    assert second != first
    assert second.aiohttp_session.headers["Authorization"] == "Bearer second"
    assert first.aiohttp_session.closed
    await login.close()
    assert second.aiohttp_session.closed
