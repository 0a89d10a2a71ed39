"""The fast path gives the same answers as aiohttp, and passes other requests on."""

import asyncio
import json
import re
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from epochal_api.modelserver.config import Limits
from epochal_api.signature import TensorSpec
from epochal_lib.sockets import listen
from epochal_server import admission as admission_module
from epochal_server.admission import AdmissionControl
from epochal_server.assemble import protocols
from epochal_server.connections import connection as connections
from epochal_server.connections.connection import Connections
from epochal_server.connections.fast_path import MAX_BYTES, FastPath, fast_endpoints
from epochal_server.listener import Listener
from epochal_server.model.batching import Batcher
from epochal_server.model.model import Arrays, Model
from epochal_server.monitoring.access_log import AccessLog, Entry
from epochal_server.monitoring.metrics import Metrics
from epochal_server.monitoring.request_log import RequestLog
from epochal_server.protocols import json_values, v2
from epochal_server.refusals import Busy, Unauthorized
from epochal_server.routes import inference
from epochal_server.routes import request_body as reading
from epochal_server.routes.middleware import request_middleware
from epochal_server.routes.service import Service
from epochal_server.worker_pool import WorkerPool
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.certificates import self_signed
from tests.kit.models import model, signature

NUMBERS = model(
    signature([TensorSpec(name="x", shape=[2], dtype="float32")], [TensorSpec(name="y", shape=[2], dtype="float32")])
)
WORDS = model(signature([TensorSpec(name="x", shape=[], dtype="str")], [TensorSpec(name="y", shape=[], dtype="str")]))
INFER = "/v2/models/digits/infer"


class RunningServer:
    """A server in this process, with the access log entries of its requests."""

    def __init__(self, port: int, entries: list[Entry], request_log: RequestLog, admission: AdmissionControl) -> None:
        self.port, self.entries, self.request_log, self.admission = port, entries, request_log, admission
        self.is_shutting_down = False
        self.tls: ssl.SSLContext | None = None
        self.held = asyncio.Event()
        self.held.set()

    async def exchange(self, pieces: Sequence[bytes], answers: int) -> list[tuple[int, dict[str, str], bytes]]:
        """Sends pieces of requests on one connection, and returns the answers: status, headers, body."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        found = [await asyncio.wait_for(_answer(reader), 5) for _ in range(answers)]
        writer.close()
        return found


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = {name.lower(): value for name, value in re.findall(r"(\S+): (.*)\r\n", head)}
    return int(head.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


@asynccontextmanager
async def running(
    *,
    with_fast_path: bool = True,
    max_waiting: int = 1000,
    key: str | None = None,
    served: Model = NUMBERS,
    memory: int = 10**6,
    repeats: int = 1,
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
) -> AsyncIterator[RunningServer]:
    entries: list[Entry] = []

    class Recorder(AccessLog):
        def add(self, entry: Entry) -> None:
            entries.append(entry)

    def authorize(headers: Mapping[str, str]) -> None:
        if key is not None and headers.get("Authorization") != f"Bearer {key}":
            raise Unauthorized("no key")

    admission = AdmissionControl(max_waiting, memory)
    request_log = RequestLog(Metrics(lambda: 0), Recorder(), lambda: server.is_shutting_down)
    listener = listen(0, "127.0.0.1")
    server = RunningServer(listener.getsockname()[1], entries, request_log, admission)
    loop = asyncio.get_running_loop()

    def run(inputs: Arrays) -> Arrays:
        if (inputs["x"] == 13).any():
            raise ValueError("bad luck")
        if not server.held.is_set():
            asyncio.run_coroutine_threadsafe(server.held.wait(), loop).result(10)
        return {"y": np.tile(inputs["x"] * 2, repeats)}

    with ThreadPoolExecutor(2) as threads:
        batcher = Batcher(
            served, run, max_batch_size=4, delay=0, thread=threads, seconds_per_sample=0.01, admission=admission
        )
        workers = WorkerPool(threads, admission, 2)
        service = Service(served, batcher.answer, workers, lambda: None, authorize, admission)
        known = protocols(served)
        fast_path = FastPath(fast_endpoints(known, served), served, batcher, authorize, request_log, workers)
        connections_ = Connections(admission=admission)
        middleware = request_middleware(request_log, admission)
        routes = inference.routes(service, known)
        serving = Listener(routes, middleware, connections_, fast_path if with_fast_path else None)
        context, server.tls = tls or (None, None)
        await serving.start(listener, context)
        sweeping = asyncio.create_task(connections_.run())
        try:
            yield server
        finally:
            server.held.set()
            sweeping.cancel()
            await serving.stop()
            listener.close()
            await asyncio.to_thread(threads.shutdown)  # a call of the model may still need this loop to end


def tls_contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the TLS contexts of a server and its client."""
    pair, file = self_signed("digits"), folder / "pair.pem"
    file.write_text(pair.certificate + pair.key)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cadata=pair.certificate)
    client.check_hostname = False
    return server, client


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.01)


def infer(*samples: Sequence[float], **more: Any) -> bytes:
    data = np.array(samples, np.float32)
    asked = {"name": "x", "shape": list(data.shape), "datatype": "FP32", "data": data.ravel().tolist()}
    return json.dumps({"inputs": [asked], **more}).encode()


def binary(*samples: Sequence[float], spaces: int = 0) -> tuple[bytes, str]:
    data = np.array(samples, np.float32)
    parameters = {"binary_data_size": data.nbytes}
    head = {
        "inputs": [{"name": "x", "shape": list(data.shape), "datatype": "FP32", "parameters": parameters}],
        "parameters": {"binary_data_output": True},
    }
    text = json.dumps(head).encode() + b" " * spaces
    return text + data.tobytes(), f"Inference-Header-Content-Length: {len(text)}\r\n"


def post(body: bytes, headers: str = "", path: str = INFER) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: digits\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


SMALL = [
    post(infer([1, 2])),
    post(infer([1, 2], [3, 4], id="seven")),
    post(*binary([5, 6])),
    post(infer(*([[n, n] for n in range(9)]))),  # more than goes into one call
    post(infer([13, 1])),  # which fails
    post(b'{"inputs":[]}'),
    post(b"no JSON"),
    post(infer([1, 2]), "Inference-Header-Content-Length: 99999\r\n"),
    post(infer([1, 2]), path="/v2/models/digits/versions/1/infer"),
    post(infer([1, 2]), path="/v2/models/other/infer"),
]
LONG = [
    post(infer([1, 2]) + b" " * 40_000),
    post(infer([13, 1]) + b" " * 150_000),
    post(b"no JSON" * 20_000),
    post(*binary(*([n, n] for n in range(20, 29)), spaces=200_000)),
    post(infer([1, 2], [3, 4]) + b" " * MAX_BYTES),  # longer than the fast path takes
]
REQUESTS = [
    *SMALL,
    *LONG,
    post(infer([1, 2]), "X-Long: " + "x" * 5000 + "\r\n"),
    post(infer([1, 2]), "Content-Encoding: gzip\r\n"),
    b"GET /v2/models/digits HTTP/1.1\r\nHost: digits\r\n\r\n",
]


def same(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, object, object, bytes]:
    status, headers, body = answer
    return status, headers["content-type"].partition(";")[0], headers.get("inference-header-content-length"), body


@pytest.mark.parametrize("request_", REQUESTS, ids=range(len(REQUESTS)))
async def test_answers_like_aiohttp(request_: bytes) -> None:
    answers = []
    for with_fast_path in (True, False):
        async with running(with_fast_path=with_fast_path) as server:
            (answer,) = await server.exchange([request_], 1)
            answers.append((same(answer), [(one.protocol, one.path, one.code) for one in server.entries]))
    assert answers[0] == answers[1]


@settings(max_examples=60)
@given(st.data())
def test_answers_requests_in_any_parts(data: st.DataObject) -> None:
    some, one = st.lists(st.sampled_from(SMALL), min_size=1, max_size=6), st.sampled_from(LONG).map(lambda one: [one])
    chosen = data.draw(st.one_of(some, one))
    whole = b"".join(chosen)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=8)))
    pieces = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    async def ask() -> None:
        async with running() as server, running(with_fast_path=False) as other:
            found = [same(one) for one in await server.exchange(pieces, len(chosen))]
            assert found == [same((await other.exchange([one], 1))[0]) for one in chosen]
            assert len(server.entries) == len(chosen)
            assert await server.request_log.wait_until_idle(1) == 0
            assert server.admission.waiting == 0

    asyncio.run(ask())


@pytest.mark.parametrize("by_tls", [False, True])
async def test_answers_a_large_request_in_parts_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_tls: bool
) -> None:
    monkeypatch.setattr(web.RequestHandler, "data_received", None)  # the slow path
    async with running(tls=tls_contexts(tmp_path) if by_tls else None) as server:
        request = post(*binary(*([n, n] for n in range(20, 29)), spaces=200_000))
        pieces = [request[begin : begin + 50_000] for begin in range(0, len(request), 50_000)]
        for status, headers, body in await server.exchange(pieces, 1):
            assert status == 200
            data = np.frombuffer(body, np.float32, offset=int(headers["inference-header-content-length"]))
            assert list(data) == [2 * n for n in range(20, 29) for _ in range(2)]


def has_memory(admission: AdmissionControl, size: int) -> bool:
    try:
        admission.reserve(size)
    except Busy:
        return False
    admission.release(size)
    return True


async def test_received_bytes_count_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 60.0)  # it is not left to the slow path meanwhile
    async with running(memory=200_000) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(post(infer([1, 2]) + b" " * 150_000)[:120_000])
        await until(lambda: not has_memory(server.admission, 100_000))
        ((status, _, body),) = await server.exchange([post(infer([1, 2]) + b" " * 90_000)[:-1]], 1)
        assert (status, b"memory is full" in body) == (429, True)
        writer.close()
        await until(lambda: server.request_log.in_progress == 0)
        server.admission.reserve(200_000)


async def test_a_queued_body_counts_in_memory() -> None:
    async with running(memory=200_000) as server:
        server.held.clear()
        whole = post(infer([1, 2]) + b" " * 120_000)
        first = asyncio.create_task(server.exchange([whole[:60_000], whole[60_000:]], 1))
        await until(lambda: server.admission.waiting == 1)
        assert not has_memory(server.admission, 100_000)
        server.held.set()
        assert (await first)[0][0] == 200
        await until(lambda: server.request_log.in_progress == 0)
        server.admission.reserve(200_000)


@pytest.mark.parametrize("with_fast_path", [True, False])
@pytest.mark.parametrize("count", [1000, 60_000])
async def test_the_inputs_count_in_memory_if_they_exceed_the_body(*, with_fast_path: bool, count: int) -> None:
    async with running(served=WORDS, memory=40 * count, with_fast_path=with_fast_path) as server:
        words = {"name": "x", "shape": [count], "datatype": "BYTES", "data": ["ab"] * count}
        ((status, _, body),) = await server.exchange([post(json.dumps({"inputs": [words]}).encode())], 1)
        assert (status, b"the model's inputs take" in body) == (413, True)
        server.admission.reserve(40 * count)


async def test_refuses_before_the_body_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 60.0)
    part = post(infer([1, 2]) + b" " * 150_000)[:50_000]
    async with running(key="secret") as server:
        assert (await server.exchange([part], 1))[0][0] == 401
    async with running(max_waiting=0) as server:
        assert (await server.exchange([part], 1))[0][0] == 429
        assert server.admission.waiting == 0


async def test_each_client_gets_its_own_answer() -> None:
    async def ask(server: RunningServer, caller: int) -> None:
        requests = [post(*binary([caller, n])) for n in range(20, 40)]
        for n, answer in enumerate(await server.exchange(requests, len(requests)), start=20):
            status, headers, body = answer
            assert status == 200
            data = np.frombuffer(body, np.float32, offset=int(headers["inference-header-content-length"]))
            assert list(data) == [2 * caller, 2 * n]

    async with running() as server:
        await asyncio.gather(*(ask(server, caller) for caller in range(20, 50)))
        assert len(server.entries) == 600


async def test_a_disconnected_client_affects_no_other() -> None:
    async with running() as server:
        server.held.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(post(infer([1, 2])))
        await until(lambda: server.admission.waiting == 1)
        staying = asyncio.create_task(server.exchange([post(infer([3, 4]))], 1))
        await until(lambda: server.admission.waiting == 2)
        writer.close()
        await until(lambda: server.admission.waiting == 1)
        server.held.set()
        ((status, _, body),) = await staying
        assert (status, json.loads(body)["outputs"][0]["data"]) == (200, [6.0, 8.0])
        assert sorted(one.code for one in server.entries) == [200, 499]
        assert server.admission.waiting == 0


async def test_refuses_a_client_without_key() -> None:
    async with running(key="secret") as server:
        without, with_it = await server.exchange(
            [post(b"not even JSON"), post(infer([1, 2]), "Authorization: Bearer secret\r\n")], 2
        )
        assert (without[0], without[1]["www-authenticate"]) == (401, "Bearer")
        assert with_it[0] == 200


async def test_refuses_a_large_body() -> None:
    limited = replace(NUMBERS, limits=Limits(request_bytes=100))
    async with running(served=limited) as server:
        (answer,) = await server.exchange([post(infer([1, 2], id="x" * 100))], 1)
        assert (answer[0], b"expected at most 100 bytes" in answer[2]) == (413, True)


async def test_refuses_requests_above_the_limit() -> None:
    async with running(max_waiting=1) as server:
        server.held.clear()
        first = asyncio.create_task(server.exchange([post(infer([1, 2]))], 1))
        await until(lambda: server.admission.waiting == 1)
        ((status, headers, _),) = await server.exchange([post(infer([1, 2]))], 1)
        assert status == 429
        assert int(headers["retry-after"]) >= 1
        server.held.set()
        assert (await first)[0][0] == 200


async def test_closes_the_connection_during_shutdown() -> None:
    async with running() as server:
        server.is_shutting_down = True
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(post(infer([1, 2])))
        _, headers, _ = await _answer(reader)
        assert headers["connection"] == "close"
        assert await reader.read() == b""
        writer.close()


async def test_an_incomplete_request_is_in_progress() -> None:
    async with running() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        whole = post(infer([1, 2]))
        writer.write(whole[:-5])
        await until(lambda: server.request_log.in_progress == 1)
        writer.write(whole[-5:])
        assert (await _answer(reader))[0] == 200
        assert await server.request_log.wait_until_idle(1) == 0
        writer.write(whole[:20])
        await until(lambda: server.request_log.in_progress == 1)
        writer.close()
        assert await server.request_log.wait_until_idle(5) == 0


async def test_stops_reading_if_the_client_reads_no_answer() -> None:
    async with running() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = post(infer([1, 2], [3, 4], [5, 6], id="x" * 20_000))
        sent = 0
        for _ in range(2000):
            writer.write(request)
            try:
                await asyncio.wait_for(writer.drain(), 0.3)
            except TimeoutError:
                break
            sent += 1
        assert sent < 1000  # the rest waits for its turn
        for _ in range(sent):
            assert (await _answer(reader))[0] == 200
        writer.close()


REPEATS = 2_000_000
LARGE = model(
    signature(
        [TensorSpec(name="x", shape=[2], dtype="float32")], [TensorSpec(name="y", shape=[2 * REPEATS], dtype="float32")]
    )
)


async def test_an_answer_counts_in_memory_until_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(served=LARGE, memory=16 * REPEATS + 1000, repeats=REPEATS) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**16)
        writer.write(post(*binary([1, 2])))
        await until(lambda: bool(server.entries))
        ((status, _, body),) = await server.exchange([post(*binary([1, 2]))], 1)
        assert (status, b"memory is full" in body) == (429, True)
        assert server.request_log.in_progress == 1
        assert len((await _answer(reader))[2]) > 8 * REPEATS
        await until(lambda: server.request_log.in_progress == 0)
        writer.write(post(*binary([1, 2])))  # and now it is not read for too long
        await until(lambda: len(server.entries) == 3)
        monkeypatch.setattr(admission_module, "SLOW_CLIENT_SECONDS", 0.0)
        await asyncio.sleep(0.01)
        assert (await server.exchange([post(*binary([3, 4]))], 1))[0][0] == 200
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await _answer(reader)
        writer.close()
        assert await server.request_log.wait_until_idle(5) == 0
        server.admission.reserve(16 * REPEATS)


async def test_a_large_answer_is_encoded_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    proceed, wrote = threading.Event(), list[threading.Thread]()

    def written(*args: Any) -> Iterator[bytes]:
        wrote.append(threading.current_thread())
        proceed.wait(10)
        return json_values.json_blocks(*args)

    monkeypatch.setattr(v2, "json_blocks", written)
    async with running(repeats=50_000, memory=10**8) as server:
        gone_reader, gone = await asyncio.open_connection("127.0.0.1", server.port)
        gone.write(post(infer([3, 4])))
        await until(lambda: bool(wrote))
        gone.close()  # the first client disconnects
        await until(lambda: bool(server.entries))
        large = asyncio.create_task(server.exchange([post(infer([1, 2]))] * 2, 2))
        await until(lambda: server.admission.waiting == 2)
        proceed.set()
        for status, _, body in await large:
            assert (status, json.loads(body)["outputs"][0]["data"][:4]) == (200, [2, 4, 2, 4])
        assert threading.main_thread() not in wrote
        assert await gone_reader.read() == b""
        assert await server.request_log.wait_until_idle(5) == 0
        assert (server.admission.waiting, [entry.code for entry in server.entries]) == (0, [499, 200, 200])


async def test_an_encoding_error_is_an_internal_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def written(*_: Any) -> Iterator[bytes]:
        raise ValueError("no such number")

    monkeypatch.setattr(v2, "json_blocks", written)
    async with running(repeats=50_000, memory=10**8) as server:
        ((status, _, body),) = await server.exchange([post(infer([1, 2]))], 1)
        assert (status, b"internal error" in body) == (500, True)
    assert "no such number" in caplog.text


@pytest.mark.parametrize("with_fast_path", [True, False])
async def test_an_answer_that_never_fits_in_memory_is_not_computed(*, with_fast_path: bool) -> None:
    async with running(served=LARGE, memory=4 * REPEATS, repeats=REPEATS, with_fast_path=with_fast_path) as server:
        ((status, _, body),) = await server.exchange([post(*binary([1, 2]))], 1)
        assert (status, b"send fewer samples at a time" in body) == (413, True)


@pytest.mark.parametrize("with_fast_path", [True, False])
async def test_the_response_counts_in_memory(*, with_fast_path: bool) -> None:
    async with running(
        served=LARGE, memory=16 * REPEATS + 1000, repeats=REPEATS, with_fast_path=with_fast_path
    ) as server:
        assert (await server.exchange([post(*binary([1, 2]))], 1))[0][0] == 200
        ((status, _, body),) = await server.exchange([post(infer([1, 2]))], 1)
        assert (status, b"answer is too large: it takes 80,000,000" in body) == (413, True)


@pytest.mark.parametrize("with_fast_path", [True, False])
async def test_an_unexpectedly_large_answer_is_not_sent(*, with_fast_path: bool) -> None:
    async with running(memory=4 * REPEATS, repeats=REPEATS, with_fast_path=with_fast_path) as server:
        ((status, _, body),) = await server.exchange([post(*binary([1, 2]))], 1)
        assert (status, b"send fewer samples at a time" in body) == (413, True)
        server.admission.reserve(4 * REPEATS)


@pytest.mark.parametrize("spaces", [0, 150_000])
async def test_a_stalled_body_has_the_usual_time_limit(monkeypatch: pytest.MonkeyPatch, spaces: int) -> None:
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.1)
    monkeypatch.setattr(reading, "READ_SECONDS", 0.4)
    async with running() as server:
        whole = post(infer([1, 2]) + b" " * spaces)
        for piece, waits in ((whole[-5:], 0.3), (b"", 0)):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(whole[:-5])
            await asyncio.sleep(waits)
            writer.write(piece)
            status, _, body = await _answer(reader)
            assert status == (200 if piece else 408)
            writer.close()
        assert b"body: expected the complete body within" in body
        assert await server.request_log.wait_until_idle(5) == 0
        server.admission.reserve(10**6)


FIRST = post(infer([1, 2]))
SEQUENTIAL = pytest.mark.parametrize("with_fast_path", [True, False])


@SEQUENTIAL
async def test_pipelined_requests_count_in_memory_and_are_read_in_order(*, with_fast_path: bool) -> None:
    following = [post(infer([n, n], id="x" * 20_000)) for n in range(20, 40)]  # 400 kB
    async with running(with_fast_path=with_fast_path, memory=600_000) as server:
        server.held.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(FIRST)
        await until(lambda: server.admission.waiting == 1)
        writer.write(b"".join(following))
        await until(lambda: not has_memory(server.admission, 600_000 - 32 * 1024))
        await asyncio.sleep(0.1)
        assert has_memory(server.admission, 600_000 - 32 * 1024 - 2 * 64 * 1024)  # the rest is not read
        server.held.set()
        for n in (1, *range(20, 40)):
            status, _, body = await _answer(reader)
            assert (status, json.loads(body)["outputs"][0]["data"][0]) == (200, 2 * n)
        await until(lambda: has_memory(server.admission, 600_000))
        writer.close()


@SEQUENTIAL
async def test_pipelined_requests_without_memory_are_dropped(*, with_fast_path: bool) -> None:
    async with running(with_fast_path=with_fast_path, memory=5000) as server:
        server.held.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(FIRST)
        await until(lambda: server.admission.waiting == 1)
        writer.write(post(infer([3, 4], id="x" * 20_000)))
        await asyncio.sleep(0.1)
        server.held.set()
        assert (await _answer(reader))[0] == 200
        assert await reader.read() == b""
        await until(lambda: has_memory(server.admission, 5000))
        writer.close()


@SEQUENTIAL
async def test_pipelined_requests_are_dropped_for_another_request(
    monkeypatch: pytest.MonkeyPatch, *, with_fast_path: bool
) -> None:
    monkeypatch.setattr(admission_module, "SLOW_CLIENT_SECONDS", 0.0)
    async with running(with_fast_path=with_fast_path, memory=100_000) as server:
        server.held.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(FIRST)
        await until(lambda: server.admission.waiting == 1)
        writer.write(post(infer([3, 4], id="x" * 60_000)))
        await until(lambda: server.admission._bytes > 60_000)
        await asyncio.sleep(0.01)
        other = asyncio.create_task(server.exchange([post(infer([5, 6], id="x" * 60_000))], 1))
        await until(lambda: server.admission.waiting == 2)
        server.held.set()
        assert (await other)[0][0] == 200
        assert (await _answer(reader))[0] == 200
        assert await reader.read() == b""
        writer.close()


@SEQUENTIAL
async def test_requests_in_one_packet_count_in_memory(*, with_fast_path: bool) -> None:
    async with running(with_fast_path=with_fast_path, memory=10**6) as server:
        server.held.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(FIRST + post(infer([3, 4], id="x" * 20_000)))
        await until(lambda: server.admission.waiting == 1)
        assert not has_memory(server.admission, 10**6 - 20_000)
        server.held.set()
        for _ in range(2):
            assert (await _answer(reader))[0] == 200
        await until(lambda: has_memory(server.admission, 10**6))
        writer.close()


@SEQUENTIAL
async def test_pipelined_requests_of_a_disconnected_client_are_freed(*, with_fast_path: bool) -> None:
    async with running(with_fast_path=with_fast_path, memory=10**6) as server:
        server.held.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(FIRST)
        await until(lambda: server.admission.waiting == 1)
        writer.write(post(infer([3, 4], id="x" * 20_000)))
        await until(lambda: not has_memory(server.admission, 10**6 - 20_000))
        writer.close()
        await until(lambda: has_memory(server.admission, 10**6))


@pytest.mark.parametrize("with_fast_path", [True, False])
async def test_an_answer_counts_in_memory_until_its_thread_ends(
    monkeypatch: pytest.MonkeyPatch, *, with_fast_path: bool
) -> None:
    proceed, wrote = threading.Event(), threading.Event()

    def written(*args: Any) -> Iterator[bytes]:
        wrote.set()
        proceed.wait(10)
        return json_values.json_blocks(*args)

    monkeypatch.setattr(v2, "json_blocks", written)
    memory = 3_000_000
    async with running(repeats=50_000, memory=memory, with_fast_path=with_fast_path) as server:
        _, gone = await asyncio.open_connection("127.0.0.1", server.port)
        gone.write(post(infer([3, 4])))
        await asyncio.to_thread(wrote.wait, 10)
        gone.close()
        await until(lambda: server.request_log.in_progress == 0 or not with_fast_path)
        await asyncio.sleep(0.05)
        held = not has_memory(server.admission, memory)
        proceed.set()
        await until(lambda: has_memory(server.admission, memory))
        assert held
