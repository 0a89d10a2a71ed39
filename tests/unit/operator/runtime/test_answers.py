"""Which answers are lists of what is watched, wherever the API server has its root."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from epochal_operator.runtime.answers import Part, answers
from epochal_operator.runtime.reader import Bounds, Reader
from epochal_operator.runtime.resource import JOBS, PODS, Resource

LIST = {"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "one"}}]}


@pytest.mark.parametrize("root", ["", "/k8s/clusters/c-1", "/k8s/namespaces/jobs"])
@pytest.mark.parametrize(
    ("path", "listed"),
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
async def test_lists_are_handed_on(root: str, path: str, listed: tuple[Resource, str | None] | None) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(LIST)

    parts = list[Part]()

    async def take(part: Part) -> None:
        parts.append(part)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    answer_class = answers(take, [JOBS, PODS], asyncio.Lock(), Reader(Bounds()))
    async with TestServer(app) as server, aiohttp.ClientSession(response_class=answer_class) as session:
        told = await (await session.get(server.make_url(root + path))).json()
    assert [(part.resource, part.namespace) for part in parts] == ([listed] if listed else [])
    assert told == (LIST | {"items": []} if listed else LIST)
