"""A client of a server that answers by a script."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from epochal_operator.runtime.api import kube as kube_module
from epochal_operator.runtime.api import transport
from epochal_operator.runtime.api.bounded_reader import BoundedReader, Bounds
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.transport import Transport
from kubernetes.aio.client import Configuration

OK = (200, {"metadata": {"name": "digits", "resourceVersion": "1"}})
EVENT = {"metadata": {"name": "digits.1", "namespace": "vision"}}


def failure(status: int, reason: str = "") -> tuple[int, dict[str, Any]]:
    return status, {"kind": "Status", "reason": reason, "message": f"error {status}"}


class Script:
    """A server with scripted answers, which records the requests; the answer None aborts the connection."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, Any]] | None] = []
        self.texts: list[str] = []
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[str] = []
        self.hangs = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path_qs))
        self.bodies.append(await request.text())
        if self.hangs:
            await asyncio.sleep(30)
        answer = self.answers.pop(0)
        if answer is not None and self.texts:
            return web.Response(text=self.texts.pop(0), status=answer[0])
        if answer is not None:
            return web.json_response(answer[1], status=answer[0], headers=self.headers)
        response = web.StreamResponse()
        response.content_length = 1000
        await response.prepare(request)
        await response.write(b'{"metadata": {')
        assert request.transport is not None
        request.transport.abort()
        return response


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(transport, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(kube_module, "RETRY_SECONDS", 0.001)
    return Script()


@asynccontextmanager
async def client_of(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[Kube]:
    """Yield a client of a server on loopback."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    kube = Kube(Transport(kube_module.api_client(configuration), parse=BoundedReader(Bounds()).read))
    yield kube
    await kube.close()
    await runner.cleanup()


@pytest.fixture
async def kube(script: Script) -> AsyncIterator[Kube]:
    async with client_of(script.answer) as kube:
        yield kube
