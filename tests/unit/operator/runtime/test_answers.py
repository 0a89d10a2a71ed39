"""Which answers are lists of a watched resource, wherever the API server has its root."""

import json

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from epochal_operator.runtime.answers import answers
from epochal_operator.runtime.reader import Bounds, Reader
from epochal_operator.runtime.resource import JOBS, PODS, Resource

LIST = {"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "one"}}]}
Listed = list[tuple[Resource, str | None]]


async def read(path: str, text: str, listed: Listed, status: int = 200) -> object:
    """Returns the JSON that kopf reads of an answer."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    async def listing(resource: Resource, namespace: str | None) -> str:
        listed.append((resource, namespace))
        return "12"

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    answer_class = answers(listing, [JOBS, PODS], Reader(Bounds()))
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(response_class=answer_class) as session,
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
async def test_kopf_gets_the_version_of_our_list(
    root: str, path: str, expected: tuple[Resource, str | None] | None
) -> None:
    listed: Listed = []
    told = await read(root + path, json.dumps(LIST), listed)
    assert listed == ([expected] if expected else [])
    assert told == ({"metadata": {"resourceVersion": "12"}, "items": []} if expected else LIST)


async def test_a_refused_list_is_read_and_not_listed() -> None:
    listed: Listed = []
    refusal = {"kind": "Status", "code": 403, "message": "no"}
    assert await read("/api/v1/pods", json.dumps(refusal), listed, status=403) == refusal
    assert listed == []


async def test_the_objects_of_kopfs_list_are_not_read() -> None:
    listed: Listed = []
    await read("/api/v1/pods", "[" * 20_000_000, listed)
    assert listed == [(PODS, None)]
