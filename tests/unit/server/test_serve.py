"""The process of a server: while its model is not loaded, and when it is told to end."""

import asyncio
import gc
import resource
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from aiohttp import ClientSession
from epochal_api.modelserver.config import ServerConfig
from epochal_lib.sockets import listen
from epochal_server import serve
from epochal_server.connections import connection as connections
from epochal_server.loading import Loaded
from epochal_server.model.model import Arrays
from epochal_server.serve import Folders, Server, file_descriptors

from tests.kit.served import small

CONFIG = {
    "name": "digits",
    "namespace": "vision",
    "source": {"uri": "s3://bucket/model.onnx", "sha256": "0" * 64},
    "storage": {"endpoint": "http://127.0.0.1:1"},
}


@asynccontextmanager
async def starting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[int]:
    """Runs a server that does not get to load its model, and yields the port of its metrics."""
    left = threading.Event()
    monkeypatch.setattr(serve, "load", lambda *_: left.wait())
    listener, metrics = listen(0, "127.0.0.1"), listen(0, "127.0.0.1")
    server = Server(ServerConfig.model_validate(CONFIG), Folders(*[tmp_path] * 3), stay=0)
    running = asyncio.create_task(server.run(listener, metrics))
    try:
        yield metrics.getsockname()[1]
    finally:
        running.cancel()
        left.set()
        with suppress(asyncio.CancelledError):
            await running
        for one in (listener, metrics):
            one.close()
        gc.collect()  # what it listens with before it has its model ends with its process


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
async def test_who_asks_for_metrics_slowly_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.1)
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.05)
    async with starting(monkeypatch, tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):  # one who asks at once is answered, again and again
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            assert b"protocol=" not in await reader.readexactly(length)  # and is not counted among requests
            await asyncio.sleep(0.3)
        writer.write(b"GET /metrics HTTP/1.1\r\n")
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.01)


class Quick:
    """A runtime that takes no time. See Runtime."""

    def run(self, inputs: Arrays) -> Arrays:
        return {"y": np.zeros((len(inputs["x"]), 3), np.float32)}


class Slow:
    """A runtime that takes half a second for a sample. See Runtime."""

    def run(self, inputs: Arrays) -> Arrays:
        time.sleep(0.5)
        return {"y": np.zeros((len(inputs["x"]), 3), np.float32)}


ASKED = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}
ASKS: dict[str, Any] = {
    "/v2/models/digits/infer": ASKED,
    "/v1/models/digits:predict": {"instances": [[1, 2]]},
    "/ml/v4/deployments/digits/predictions?version=2020-09-01": {"input_data": [{"values": [[1, 2]]}]},
    "/v3/wml_instances/0f0e/deployments/digits/online": {"values": [[1, 2]]},
}
TELLS = ("/v2/models/digits", "/v1/models/digits/metadata", "/openapi.json", "/page/model.json")
OPEN = ("/", "/docs", "/v2/health/ready")


@asynccontextmanager
async def ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[tuple[int, ClientSession]]:
    """Runs a server of a small model, and yields its port and a client."""
    monkeypatch.setattr(serve, "load", lambda *_: Loaded(small(), cast("Any", Quick()), 1, 0.01, 0.0))
    listener, metrics = listen(0, "127.0.0.1"), listen(0, "127.0.0.1")
    server = Server(ServerConfig.model_validate(CONFIG), Folders(*[tmp_path] * 3), stay=0)
    running = asyncio.create_task(server.run(listener, metrics))
    async with ClientSession(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
        await until(lambda: server._loaded is not None)
        try:
            yield listener.getsockname()[1], client
        finally:
            server._end()
            await running
            metrics.close()


async def test_without_keys_no_page_of_another_origin_is_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with ready(monkeypatch, tmp_path) as (port, client):

        async def statuses(**headers: str) -> set[int]:
            asked = [await client.post(path, json=body, headers=headers) for path, body in ASKS.items()]
            asked += [await client.get(path, headers=headers) for path in TELLS]
            return {answer.status for answer in asked}

        others: list[dict[str, str]] = [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://elsewhere.example"}]
        for headers in others:
            assert await statuses(**headers) == {403}
            assert {(await client.get(path, headers=headers)).status for path in OPEN} == {200}
        own: list[dict[str, str]] = [{}, {"Origin": f"http://127.0.0.1:{port}"}, {"Sec-Fetch-Site": "same-origin"}]
        for headers in own:
            assert await statuses(**headers) == {200}
        refused = await client.post("/v2/models/digits/infer", json=ASKED, headers=others[0])
        assert (await refused.json())["error"].startswith("Sec-Fetch-Site: expected same-origin or none, found cross")


async def test_those_for_whom_no_time_is_left_are_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serve, "load", lambda *_: Loaded(small(), cast("Any", Slow()), 1, 0.5, 0.0))
    monkeypatch.setattr(serve, "GRACE_SECONDS", serve.END_SECONDS + 1.2)
    listener, metrics = listen(0, "127.0.0.1"), listen(0, "127.0.0.1")
    server = Server(ServerConfig.model_validate(CONFIG), Folders(*[tmp_path] * 3), stay=0)
    running = asyncio.create_task(server.run(listener, metrics))
    body = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}
    async with ClientSession(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
        await until(lambda: server._loaded is not None)
        asked = [asyncio.create_task(client.post("/v2/models/digits/infer", json=body)) for _ in range(8)]
        await until(lambda: server._admission.waiting == len(asked))
        server._end()
        answers = await asyncio.gather(*asked)
        codes = [one.status for one in answers]
        assert {*codes} == {200, 503}
        refused = await answers[codes.index(503)].json()
        assert "shutting down: no time is left to answer this request: try again" in refused["error"]
    await running
    metrics.close()


class Hanging:
    """A runtime whose calls end when they are told to. See Runtime."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()

    def run(self, inputs: Arrays) -> Arrays:
        self.goes_on.wait(10)
        return {"y": np.zeros((len(inputs["x"]), 3), np.float32)}


async def test_a_server_whose_model_hangs_is_not_ready_and_then_does_not_live(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runtime = Hanging()
    monkeypatch.setattr(serve, "load", lambda *_: Loaded(small(), cast("Any", runtime), 1, 0.01, 0.0))
    listener, metrics = listen(0, "127.0.0.1"), listen(0, "127.0.0.1")
    server = Server(ServerConfig.model_validate(CONFIG), Folders(*[tmp_path] * 3), stay=0)
    running = asyncio.create_task(server.run(listener, metrics))
    body = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}
    async with ClientSession(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:

        async def health() -> tuple[int, int]:
            codes = []
            for what in ("ready", "live"):
                async with client.get(f"/v2/health/{what}") as found:
                    codes.append(found.status)
                    if found.status == 503:
                        assert "the model call takes too long: 1 samples for" in (await found.json())["error"]
            return codes[0], codes[1]

        await until(lambda: server._loaded is not None)
        asked = asyncio.create_task(client.post("/v2/models/digits/infer", json=body))
        await until(lambda: server._admission.waiting == 1)
        await asyncio.sleep(0.05)
        assert await health() == (200, 200)  # a call may take its time
        monkeypatch.setattr(serve, "MOST_SECONDS", 0.01)
        assert await health() == (503, 200)
        monkeypatch.setattr(serve, "DEAD_SECONDS", 0.01)
        monkeypatch.setattr(serve, "DEAD_TIMES", 1)
        assert await health() == (503, 503)
        runtime.goes_on.set()
        assert (await asked).status == 200
        assert await health() == (200, 200)
    server._end()
    await running
    metrics.close()


@pytest.mark.parametrize(
    ("limits", "allowed", "raised"),
    [
        ((1024, 4096), 2000, (2000, 4096)),
        ((1024, 1500), 1500, (1500, 1500)),
        ((1024, resource.RLIM_INFINITY), 2000, (2000, resource.RLIM_INFINITY)),
        ((4096, 4096), 2000, None),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 2000, None),
    ],
)
def test_may_open_as_many_files_as_it_needs(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], allowed: int, raised: tuple[int, int] | None
) -> None:
    told = list[tuple[int, int]]()
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, found: told.append(found))
    assert file_descriptors(2000) == allowed
    assert told == ([raised] if raised else [])
