"""The server process: start, readiness and shutdown."""

import asyncio
import gc
import resource
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from aiohttp import ClientResponse, ClientSession, FormData
from epochal_api.modelserver.config import ServerConfig
from epochal_lib import cgroups
from epochal_lib.sockets import listen
from epochal_server import serve
from epochal_server.connections import connection as connections
from epochal_server.loading import Loaded
from epochal_server.model.model import Arrays, Model
from epochal_server.routes import photographs
from epochal_server.serve import Folders, Server, raise_file_limit

from tests.kit.served import digits, small

CONFIG = {
    "name": "digits",
    "namespace": "vision",
    "source": {"uri": "s3://bucket/model.onnx", "sha256": "0" * 64},
    "storage": {"endpoint": "http://127.0.0.1:1"},
}


@asynccontextmanager
async def starting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[int]:
    """Run a server that never loads its model, and yield the port of its metrics."""
    released = threading.Event()
    monkeypatch.setattr(serve, "load", lambda *_: released.wait())
    listener, metrics = listen(0, "127.0.0.1"), listen(0, "127.0.0.1")
    server = Server(ServerConfig.model_validate(CONFIG), Folders(*[tmp_path] * 3), stay_seconds=0)
    running = asyncio.create_task(server.run(listener, metrics))
    try:
        yield metrics.getsockname()[1]
    finally:
        running.cancel()
        released.set()
        with suppress(asyncio.CancelledError):
            await running
        for one in (listener, metrics):
            one.close()
        gc.collect()  # the first listener is open until the process ends


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
async def test_closes_slow_connections_of_the_metrics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.1)
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.05)
    async with starting(monkeypatch, tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):  # a fast client is answered each time
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.startswith(b"HTTP/1.1 200")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            assert b"protocol=" not in await reader.readexactly(length)  # the request itself is not counted
            await asyncio.sleep(0.3)
        writer.write(b"GET /metrics HTTP/1.1\r\n")
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.01)


class Fast:
    """A runtime that takes no time. See Runtime."""

    def run(self, inputs: Arrays) -> Arrays:
        return {"y": np.zeros((len(inputs["x"]), 3), np.float32)}


class Slow:
    """A runtime that takes half a second for a sample. See Runtime."""

    def run(self, inputs: Arrays) -> Arrays:
        time.sleep(0.5)
        return {"y": np.zeros((len(inputs["x"]), 3), np.float32)}


INFER = "/v2/models/digits/infer"
REQUEST = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}
INFERENCE: dict[str, Any] = {
    INFER: REQUEST,
    "/v1/models/digits:predict": {"instances": [[1, 2]]},
    "/ml/v4/deployments/digits/predictions?version=2020-09-01": {"input_data": [{"values": [[1, 2]]}]},
    "/v3/wml_instances/0f0e/deployments/digits/online": {"values": [[1, 2]]},
}
DOCUMENTS = ("/v2/models/digits", "/v1/models/digits/metadata", "/openapi.json", "/page/model.json")
OPEN_PATHS = ("/", "/docs", "/v2/health/ready")


@asynccontextmanager
async def ready(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    runtime: object,
    seconds_per_sample: float = 0.01,
    model: Model | None = None,
) -> AsyncIterator[tuple[Server, ClientSession]]:
    """Run a server of a model, by default a small one, and yield it with a client."""
    loaded = Loaded(model or small(), cast("Any", runtime), 1, seconds_per_sample, 0.0)
    monkeypatch.setattr(serve, "load", lambda *_: loaded)
    listener, metrics = listen(0, "127.0.0.1"), listen(0, "127.0.0.1")
    server = Server(ServerConfig.model_validate(CONFIG), Folders(*[folder] * 3), stay_seconds=0)
    running = asyncio.create_task(server.run(listener, metrics))
    async with ClientSession(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
        await until(lambda: server._loaded is not None)
        try:
            yield server, client
        finally:
            server._begin_shutdown()
            await running
            metrics.close()


@pytest.mark.parametrize(("memory", "workers"), [(None, 64), (2**40, 64), (2**30, 4), (2**29, 2), (2**26, 1)])
def test_threads_that_decode_are_bounded_by_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, memory: int | None, workers: int
) -> None:
    monkeypatch.setattr(cgroups, "cores", lambda: 64.0)
    monkeypatch.setattr(cgroups, "limit", lambda: memory)
    server = Server(ServerConfig.model_validate(CONFIG), Folders(*[tmp_path] * 3))
    assert (server._workers, server._threads) == (workers, 64)


async def test_few_readiness_probes_wait_for_the_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serve, "PROBE_WAIT_SECONDS", 60.0)
    server = Server(ServerConfig.model_validate(CONFIG), Folders(*[tmp_path] * 3))
    waiting = [asyncio.create_task(server._wait_for_readiness()) for _ in range(serve.MAX_WAITING_PROBES)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await server._wait_for_readiness()
        assert not any(task.done() for task in waiting)
        server._is_readiness_known.set()
        await asyncio.gather(*waiting)


async def test_without_keys_refuses_pages_of_other_origins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with ready(monkeypatch, tmp_path, Fast()) as (_, client):
        host = str(client._base_url)

        async def statuses(**headers: str) -> set[int]:
            responses = [await client.post(path, json=body, headers=headers) for path, body in INFERENCE.items()]
            responses += [await client.get(path, headers=headers) for path in DOCUMENTS]
            return {answer.status for answer in responses}

        others: list[dict[str, str]] = [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://elsewhere.example"}]
        for headers in others:
            assert await statuses(**headers) == {403}
            assert {(await client.get(path, headers=headers)).status for path in OPEN_PATHS} == {200}
        own: list[dict[str, str]] = [{}, {"Origin": host.rstrip("/")}, {"Sec-Fetch-Site": "same-origin"}]
        for headers in own:
            assert await statuses(**headers) == {200}
        refused = await client.post(INFER, json=REQUEST, headers=others[0])
        assert (await refused.json())["error"].startswith("Sec-Fetch-Site: expected same-origin or none, found cross")


async def test_answers_503_at_the_end_of_the_grace_period(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serve, "GRACE_SECONDS", serve.SHUTDOWN_SECONDS + 1.2)
    async with ready(monkeypatch, tmp_path, Slow(), 0.5) as (server, client):
        responses = [asyncio.create_task(client.post(INFER, json=REQUEST)) for _ in range(8)]
        await until(lambda: server._admission.waiting == len(responses))
        server._begin_shutdown()
        answers = await asyncio.gather(*responses)
        codes = [answer.status for answer in answers]
        assert {*codes} == {200, 503}
        refused = await answers[codes.index(503)].json()
        assert "shutting down: the grace period ends: send the request again" in refused["error"]


async def test_photographs_that_wait_get_503_at_the_end_of_the_grace_period(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proceed = threading.Event()
    monkeypatch.setattr(serve, "GRACE_SECONDS", serve.SHUTDOWN_SECONDS)
    monkeypatch.setattr(photographs, "is_large", lambda *_: True)
    monkeypatch.setattr(photographs, "preprocess", lambda *_, **__: proceed.wait(30))
    form = FormData()
    form.add_field("file", b"a photograph", filename="a.png", content_type="image/png")
    try:
        async with ready(monkeypatch, tmp_path, Fast(), model=digits()) as (server, client):
            bodies: list[Any] = [b"a photograph"] * 5
            responses = [asyncio.create_task(client.post("/predict", data=body)) for body in (*bodies, form)]
            await until(lambda: server._admission.waiting == len(responses))
            server._begin_shutdown()
            answers = await asyncio.gather(*responses)
            assert [answer.status for answer in answers] == [503] * len(responses)
    finally:
        proceed.set()


class Hanging:
    """A runtime with calls that wait for an event. See Runtime."""

    def __init__(self) -> None:
        self.proceed = threading.Event()

    def run(self, inputs: Arrays) -> Arrays:
        self.proceed.wait(10)
        return {"y": np.zeros((len(inputs["x"]), 3), np.float32)}


async def check_probes_of_a_hanging_call(
    monkeypatch: pytest.MonkeyPatch,
    server: Server,
    client: ClientSession,
    request: Callable[[], Awaitable[ClientResponse]],
    *,
    proceed: threading.Event,
    message: str,
) -> None:
    """Check that the server is unready and then not live while `request` waits for `proceed`."""

    async def health() -> tuple[int, int]:
        codes = []
        for probe in ("ready", "live"):
            async with client.get(f"/v2/health/{probe}") as response:
                codes.append(response.status)
                if response.status == 503:
                    assert f"{message} takes too long: " in (await response.json())["error"]
        return codes[0], codes[1]

    answering = asyncio.ensure_future(request())
    await until(lambda: server._admission.waiting == 1)
    await asyncio.sleep(0.05)
    assert await health() == (200, 200)  # a call may take its time
    monkeypatch.setattr(serve, "MAX_QUEUE_SECONDS", 0.01)
    assert await health() == (503, 200)
    monkeypatch.setattr(serve, "DEAD_SECONDS", 0.01)
    monkeypatch.setattr(serve, "DEAD_FACTOR", 1)
    assert await health() == (503, 503)
    proceed.set()
    assert (await answering).status == 200
    assert await health() == (200, 200)


async def test_a_hanging_model_makes_the_server_unready_and_then_not_live(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runtime = Hanging()
    async with ready(monkeypatch, tmp_path, runtime) as (server, client):
        await check_probes_of_a_hanging_call(
            monkeypatch,
            server,
            client,
            lambda: client.post(INFER, json=REQUEST),
            proceed=runtime.proceed,
            message="the model call with 1 samples",
        )


@pytest.mark.parametrize("is_large", [False, True])
async def test_a_hanging_decoding_makes_the_server_unready_and_then_not_live(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_large: bool
) -> None:
    proceed = threading.Event()

    def preprocess(*_: Any, **__: Any) -> list[Any]:
        proceed.wait(10)
        return []

    monkeypatch.setattr(photographs, "is_large", lambda *_: is_large)
    monkeypatch.setattr(photographs, "preprocess", preprocess)
    async with ready(monkeypatch, tmp_path, Fast(), model=digits()) as (server, client):
        await check_probes_of_a_hanging_call(
            monkeypatch,
            server,
            client,
            lambda: client.post("/predict?several=true", data=b"a photograph"),
            proceed=proceed,
            message=f"the call of {__name__}.{preprocess.__qualname__}",
        )


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
def test_raises_the_limit_of_open_files(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], allowed: int, raised: tuple[int, int] | None
) -> None:
    set_limits = list[tuple[int, int]]()
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, found: set_limits.append(found))
    assert raise_file_limit(2000) == allowed
    assert set_limits == ([raised] if raised else [])
