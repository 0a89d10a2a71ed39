"""The short way answers as the long one does, however a request is cut, and leaves to it what it does not know."""

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
from epochal_server.connections.fast_path import MOST_BYTES, FastPath, fast_endpoints
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
from epochal_server.routes.handling import Service
from epochal_server.routes.middleware import request_middleware
from epochal_server.worker_pool import WorkerPool
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.certificates import self_signed
from tests.kit.models import model, signature

NUMBERS = model(
    signature([TensorSpec(name="x", shape=[2], dtype="float32")], [TensorSpec(name="y", shape=[2], dtype="float32")])
)
INFER = "/v2/models/digits/infer"


class Answering:
    """A server in this process, and what it has said of its requests."""

    def __init__(self, port: int, told: list[Entry], request_log: RequestLog, admission: AdmissionControl) -> None:
        self.port, self.told, self.request_log, self.admission = port, told, request_log, admission
        self.ending = False
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
async def answering(
    *,
    shortcut: bool = True,
    waiting: int = 1000,
    key: str | None = None,
    served: Model = NUMBERS,
    room: int = 10**6,
    wide: int = 1,
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
) -> AsyncIterator[Answering]:
    told: list[Entry] = []

    class Kept(AccessLog):
        def add(self, entry: Entry) -> None:
            told.append(entry)

    def authorize(headers: Mapping[str, str]) -> None:
        if key is not None and headers.get("Authorization") != f"Bearer {key}":
            raise Unauthorized("no key")

    admission = AdmissionControl(waiting, room)
    request_log = RequestLog(Metrics(lambda: 0), Kept(), lambda: server.ending)
    listener = listen(0, "127.0.0.1")
    server = Answering(listener.getsockname()[1], told, request_log, admission)
    loop = asyncio.get_running_loop()

    def run(inputs: Arrays) -> Arrays:
        if (inputs["x"] == 13).any():
            raise ValueError("bad luck")
        if not server.held.is_set():
            asyncio.run_coroutine_threadsafe(server.held.wait(), loop).result(10)
        return {"y": np.tile(inputs["x"] * 2, wide)}

    with ThreadPoolExecutor(2) as threads:
        batcher = Batcher(served, run, most=4, delay=0, thread=threads, pace=0.01, admission=admission)
        workers = WorkerPool(threads, admission, 2)
        service = Service(served, batcher.answer, workers, lambda: None, authorize, admission)
        known = protocols(served)
        fast_path = FastPath(fast_endpoints(known, served), served, batcher, authorize, request_log, workers)
        connections_ = Connections(admission=admission)
        middleware = request_middleware(request_log, admission)
        routes = inference.routes(service, known)
        serving = Listener(routes, middleware, connections_, fast_path if shortcut else None)
        context, server.tls = tls or (None, None)
        await serving.start(listener, context)
        keeping = asyncio.create_task(connections_.run())
        try:
            yield server
        finally:
            keeping.cancel()
            await serving.stop()
            listener.close()


def certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Returns what a server and its client do TLS with."""
    pair, file = self_signed("digits"), folder / "pair.pem"
    file.write_text(pair.certificate + pair.key)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(file)
    asking = ssl.create_default_context(cadata=pair.certificate)
    asking.check_hostname = False
    return serving, asking


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.01)


def asking(*samples: Sequence[float], **more: Any) -> bytes:
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


def posting(body: bytes, headers: str = "", path: str = INFER) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: digits\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


SMALL = [
    posting(asking([1, 2])),
    posting(asking([1, 2], [3, 4], id="seven")),
    posting(*binary([5, 6])),
    posting(asking(*([[n, n] for n in range(9)]))),  # more than goes into one call
    posting(asking([13, 1])),  # which fails
    posting(b'{"inputs":[]}'),
    posting(b"no JSON"),
    posting(asking([1, 2]), "Inference-Header-Content-Length: 99999\r\n"),
    posting(asking([1, 2]), path="/v2/models/digits/versions/1/infer"),
    posting(asking([1, 2]), path="/v2/models/other/infer"),
]
LONG = [
    posting(asking([1, 2]) + b" " * 40_000),
    posting(asking([13, 1]) + b" " * 150_000),
    posting(b"no JSON" * 20_000),
    posting(*binary(*([n, n] for n in range(20, 29)), spaces=200_000)),
    posting(asking([1, 2], [3, 4]) + b" " * MOST_BYTES),  # longer than the short way takes
]
REQUESTS = [
    *SMALL,
    *LONG,
    posting(asking([1, 2]), "X-Long: " + "x" * 5000 + "\r\n"),
    posting(asking([1, 2]), "Content-Encoding: gzip\r\n"),
    b"GET /v2/models/digits HTTP/1.1\r\nHost: digits\r\n\r\n",
]


def same(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, object, object, bytes]:
    status, headers, body = answer
    return status, headers["content-type"].partition(";")[0], headers.get("inference-header-content-length"), body


@pytest.mark.parametrize("request_", REQUESTS, ids=range(len(REQUESTS)))
async def test_answers_as_the_long_way_does(request_: bytes) -> None:
    answers = []
    for shortcut in (True, False):
        async with answering(shortcut=shortcut) as server:
            (answer,) = await server.exchange([request_], 1)
            answers.append((same(answer), [(one.protocol, one.path, one.code) for one in server.told]))
    assert answers[0] == answers[1]


@settings(max_examples=60)
@given(st.data())
def test_answers_whatever_the_pieces_that_it_comes_in(data: st.DataObject) -> None:
    some, one = st.lists(st.sampled_from(SMALL), min_size=1, max_size=6), st.sampled_from(LONG).map(lambda one: [one])
    chosen = data.draw(st.one_of(some, one))
    whole = b"".join(chosen)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=8)))
    pieces = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    async def ask() -> None:
        async with answering() as server, answering(shortcut=False) as other:
            found = [same(one) for one in await server.exchange(pieces, len(chosen))]
            assert found == [same((await other.exchange([one], 1))[0]) for one in chosen]
            assert len(server.told) == len(chosen)
            assert await server.request_log.done(1) == 0
            assert server.admission.waiting == 0

    asyncio.run(ask())


@pytest.mark.parametrize("by_tls", [False, True])
async def test_answers_itself_what_is_large_and_comes_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_tls: bool
) -> None:
    monkeypatch.setattr(web.RequestHandler, "data_received", None)  # the long way
    async with answering(tls=certified(tmp_path) if by_tls else None) as server:
        request = posting(*binary(*([n, n] for n in range(20, 29)), spaces=200_000))
        pieces = [request[begin : begin + 50_000] for begin in range(0, len(request), 50_000)]
        for status, headers, body in await server.exchange(pieces, 1):
            assert status == 200
            data = np.frombuffer(body, np.float32, offset=int(headers["inference-header-content-length"]))
            assert list(data) == [2 * n for n in range(20, 29) for _ in range(2)]


def has_room(admission: AdmissionControl, size: int) -> bool:
    try:
        admission.reserve(size)
    except Busy:
        return False
    admission.release(size)
    return True


async def test_what_has_come_of_a_body_takes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 60.0)  # it is not left to the long way meanwhile
    async with answering(room=200_000) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(posting(asking([1, 2]) + b" " * 150_000)[:120_000])
        await until(lambda: not has_room(server.admission, 100_000))
        ((status, _, body),) = await server.exchange([posting(asking([1, 2]) + b" " * 90_000)[:-1]], 1)
        assert (status, b"memory is full" in body) == (429, True)
        writer.close()
        await until(lambda: server.request_log.in_progress == 0)
        server.admission.reserve(200_000)


async def test_a_body_that_waits_to_be_computed_takes_room() -> None:
    async with answering(room=200_000) as server:
        server.held.clear()
        whole = posting(asking([1, 2]) + b" " * 120_000)
        first = asyncio.create_task(server.exchange([whole[:60_000], whole[60_000:]], 1))
        await until(lambda: server.admission.waiting == 1)
        assert not has_room(server.admission, 100_000)
        server.held.set()
        assert (await first)[0][0] == 200
        await until(lambda: server.request_log.in_progress == 0)
        server.admission.reserve(200_000)


async def test_who_is_to_be_refused_is_before_all_of_the_body_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 60.0)
    part = posting(asking([1, 2]) + b" " * 150_000)[:50_000]
    async with answering(key="secret") as server:
        assert (await server.exchange([part], 1))[0][0] == 401
    async with answering(waiting=0) as server:
        assert (await server.exchange([part], 1))[0][0] == 429
        assert server.admission.waiting == 0


async def test_each_of_many_callers_gets_their_own_answer() -> None:
    async def ask(server: Answering, caller: int) -> None:
        requests = [posting(*binary([caller, n])) for n in range(20, 40)]
        for n, answer in enumerate(await server.exchange(requests, len(requests)), start=20):
            status, headers, body = answer
            assert status == 200
            data = np.frombuffer(body, np.float32, offset=int(headers["inference-header-content-length"]))
            assert list(data) == [2 * caller, 2 * n]

    async with answering() as server:
        await asyncio.gather(*(ask(server, caller) for caller in range(20, 50)))
        assert len(server.told) == 600


async def test_one_who_goes_away_takes_nothing_along() -> None:
    async with answering() as server:
        server.held.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(posting(asking([1, 2])))
        await until(lambda: server.admission.waiting == 1)
        staying = asyncio.create_task(server.exchange([posting(asking([3, 4]))], 1))
        await until(lambda: server.admission.waiting == 2)
        writer.close()
        await until(lambda: server.admission.waiting == 1)
        server.held.set()
        ((status, _, body),) = await staying
        assert (status, json.loads(body)["outputs"][0]["data"]) == (200, [6.0, 8.0])
        assert sorted(one.code for one in server.told) == [200, 499]
        assert server.admission.waiting == 0


async def test_refuses_who_has_no_key() -> None:
    async with answering(key="secret") as server:
        without, with_it = await server.exchange(
            [posting(b"not even JSON"), posting(asking([1, 2]), "Authorization: Bearer secret\r\n")], 2
        )
        assert (without[0], without[1]["www-authenticate"]) == (401, "Bearer")
        assert with_it[0] == 200


async def test_leaves_to_others_what_is_too_large() -> None:
    limited = replace(NUMBERS, limits=Limits(request_bytes=100))
    async with answering(served=limited) as server:
        (answer,) = await server.exchange([posting(asking([1, 2], id="x" * 100))], 1)
        assert (answer[0], b"expected at most 100 bytes" in answer[2]) == (413, True)


async def test_refuses_more_than_may_wait() -> None:
    async with answering(waiting=1) as server:
        server.held.clear()
        first = asyncio.create_task(server.exchange([posting(asking([1, 2]))], 1))
        await until(lambda: server.admission.waiting == 1)
        ((status, headers, _),) = await server.exchange([posting(asking([1, 2]))], 1)
        assert status == 429
        assert int(headers["retry-after"]) >= 1
        server.held.set()
        assert (await first)[0][0] == 200


async def test_ends_the_connection_when_the_server_ends() -> None:
    async with answering() as server:
        server.ending = True
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(posting(asking([1, 2])))
        _, headers, _ = await _answer(reader)
        assert headers["connection"] == "close"
        assert await reader.read() == b""
        writer.close()


async def test_what_has_come_in_part_is_under_way() -> None:
    async with answering() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        whole = posting(asking([1, 2]))
        writer.write(whole[:-5])
        await until(lambda: server.request_log.in_progress == 1)
        writer.write(whole[-5:])
        assert (await _answer(reader))[0] == 200
        assert await server.request_log.done(1) == 0
        writer.write(whole[:20])
        await until(lambda: server.request_log.in_progress == 1)
        writer.close()
        assert await server.request_log.done(5) == 0


async def test_reads_no_more_of_one_who_reads_nothing() -> None:
    async with answering() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = posting(asking([1, 2], [3, 4], [5, 6], id="x" * 20_000))
        sent = 0
        for _ in range(2000):
            writer.write(request)
            try:
                await asyncio.wait_for(writer.drain(), 1)
            except TimeoutError:
                break
            sent += 1
        assert sent < 1000  # the rest waits for its turn
        for _ in range(sent):
            assert (await _answer(reader))[0] == 200
        writer.close()


WIDE = 2_000_000
LARGE = model(
    signature(
        [TensorSpec(name="x", shape=[2], dtype="float32")], [TensorSpec(name="y", shape=[2 * WIDE], dtype="float32")]
    )
)


async def test_an_answer_takes_room_until_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering(served=LARGE, room=16 * WIDE + 1000, wide=WIDE) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**16)
        writer.write(posting(*binary([1, 2])))
        await until(lambda: bool(server.told))
        ((status, _, body),) = await server.exchange([posting(*binary([1, 2]))], 1)
        assert (status, b"memory is full" in body) == (429, True)
        assert server.request_log.in_progress == 1
        assert len((await _answer(reader))[2]) > 8 * WIDE
        await until(lambda: server.request_log.in_progress == 0)
        writer.write(posting(*binary([1, 2])))  # and now it is not read for too long
        await until(lambda: len(server.told) == 3)
        monkeypatch.setattr(admission_module, "SLOW_SECONDS", 0.0)
        await asyncio.sleep(0.01)
        assert (await server.exchange([posting(*binary([3, 4]))], 1))[0][0] == 200
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await _answer(reader)
        writer.close()
        assert await server.request_log.done(5) == 0
        server.admission.reserve(16 * WIDE)


async def test_a_large_answer_is_encoded_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, wrote = threading.Event(), list[threading.Thread]()

    def written(*args: Any) -> Iterator[bytes]:
        wrote.append(threading.current_thread())
        goes_on.wait(10)
        return json_values.json_blocks(*args)

    monkeypatch.setattr(v2, "json_blocks", written)
    async with answering(wide=50_000, room=10**8) as server:
        gone_reader, gone = await asyncio.open_connection("127.0.0.1", server.port)
        gone.write(posting(asking([3, 4])))
        await until(lambda: bool(wrote))
        gone.close()  # nobody waits for the first answer any more
        await until(lambda: bool(server.told))
        large = asyncio.create_task(server.exchange([posting(asking([1, 2]))] * 2, 2))
        await until(lambda: server.admission.waiting == 2)
        goes_on.set()
        for status, _, body in await large:
            assert (status, json.loads(body)["outputs"][0]["data"][:4]) == (200, [2, 4, 2, 4])
        assert threading.main_thread() not in wrote
        assert await gone_reader.read() == b""
        assert await server.request_log.done(5) == 0
        assert (server.admission.waiting, [entry.code for entry in server.told]) == (0, [499, 200, 200])


async def test_a_large_answer_that_cannot_be_encoded_is_an_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def written(*_: Any) -> Iterator[bytes]:
        raise ValueError("no such number")

    monkeypatch.setattr(v2, "json_blocks", written)
    async with answering(wide=50_000, room=10**8) as server:
        ((status, _, body),) = await server.exchange([posting(asking([1, 2]))], 1)
        assert (status, b"internal error" in body) == (500, True)
    assert "no such number" in caplog.text


@pytest.mark.parametrize("shortcut", [True, False])
async def test_an_answer_for_which_there_is_never_room_is_not_computed(*, shortcut: bool) -> None:
    async with answering(served=LARGE, room=4 * WIDE, wide=WIDE, shortcut=shortcut) as server:
        ((status, _, body),) = await server.exchange([posting(*binary([1, 2]))], 1)
        assert (status, b"send fewer samples at a time" in body) == (413, True)


@pytest.mark.parametrize("shortcut", [True, False])
async def test_an_answer_takes_the_room_of_what_is_written(*, shortcut: bool) -> None:
    async with answering(served=LARGE, room=16 * WIDE + 1000, wide=WIDE, shortcut=shortcut) as server:
        assert (await server.exchange([posting(*binary([1, 2]))], 1))[0][0] == 200
        ((status, _, body),) = await server.exchange([posting(asking([1, 2]))], 1)
        assert (status, b"answer is too large: it takes 80,000,000" in body) == (413, True)


@pytest.mark.parametrize("shortcut", [True, False])
async def test_an_answer_that_is_larger_than_it_could_be_known_is_not_sent(*, shortcut: bool) -> None:
    async with answering(room=4 * WIDE, wide=WIDE, shortcut=shortcut) as server:
        ((status, _, body),) = await server.exchange([posting(*binary([1, 2]))], 1)
        assert (status, b"send fewer samples at a time" in body) == (413, True)
        server.admission.reserve(4 * WIDE)


@pytest.mark.parametrize("spaces", [0, 150_000])
async def test_a_body_that_stalls_is_waited_for_as_others_are(monkeypatch: pytest.MonkeyPatch, spaces: int) -> None:
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.1)
    monkeypatch.setattr(reading, "READ_SECONDS", 0.4)
    async with answering() as server:
        whole = posting(asking([1, 2]) + b" " * spaces)
        for piece, waits in ((whole[-5:], 0.3), (b"", 0)):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(whole[:-5])
            await asyncio.sleep(waits)
            writer.write(piece)
            status, _, body = await _answer(reader)
            assert status == (200 if piece else 408)
            writer.close()
        assert b"body: expected all of it within" in body
        assert await server.request_log.done(5) == 0
        server.admission.reserve(10**6)


FIRST = posting(asking([1, 2]))
SEQUENTIAL = pytest.mark.parametrize("shortcut", [True, False])


@SEQUENTIAL
async def test_requests_sent_ahead_take_room_and_are_read_in_their_turn(*, shortcut: bool) -> None:
    following = [posting(asking([n, n], id="x" * 20_000)) for n in range(20, 40)]  # 400 kB
    async with answering(shortcut=shortcut, room=600_000) as server:
        server.held.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(FIRST)
        await until(lambda: server.admission.waiting == 1)
        writer.write(b"".join(following))
        await until(lambda: not has_room(server.admission, 600_000 - 32 * 1024))
        await asyncio.sleep(0.1)
        assert has_room(server.admission, 600_000 - 32 * 1024 - 2 * 64 * 1024)  # the rest is not read
        server.held.set()
        for n in (1, *range(20, 40)):
            status, _, body = await _answer(reader)
            assert (status, json.loads(body)["outputs"][0]["data"][0]) == (200, 2 * n)
        await until(lambda: has_room(server.admission, 600_000))
        writer.close()


@SEQUENTIAL
async def test_requests_sent_ahead_for_which_there_is_no_room_are_dropped(*, shortcut: bool) -> None:
    async with answering(shortcut=shortcut, room=5000) as server:
        server.held.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(FIRST)
        await until(lambda: server.admission.waiting == 1)
        writer.write(posting(asking([3, 4], id="x" * 20_000)))
        await asyncio.sleep(0.1)
        server.held.set()
        assert (await _answer(reader))[0] == 200
        assert await reader.read() == b""
        await until(lambda: has_room(server.admission, 5000))
        writer.close()


@SEQUENTIAL
async def test_requests_sent_ahead_give_way(monkeypatch: pytest.MonkeyPatch, *, shortcut: bool) -> None:
    monkeypatch.setattr(admission_module, "SLOW_SECONDS", 0.0)
    async with answering(shortcut=shortcut, room=100_000) as server:
        server.held.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(FIRST)
        await until(lambda: server.admission.waiting == 1)
        writer.write(posting(asking([3, 4], id="x" * 60_000)))
        await until(lambda: server.admission._bytes > 60_000)
        await asyncio.sleep(0.01)
        other = asyncio.create_task(server.exchange([posting(asking([5, 6], id="x" * 60_000))], 1))
        await until(lambda: server.admission.waiting == 2)
        server.held.set()
        assert (await other)[0][0] == 200
        assert (await _answer(reader))[0] == 200
        assert await reader.read() == b""
        writer.close()


@SEQUENTIAL
async def test_requests_that_come_at_once_take_room_until_their_turn(*, shortcut: bool) -> None:
    async with answering(shortcut=shortcut, room=10**6) as server:
        server.held.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(FIRST + posting(asking([3, 4], id="x" * 20_000)))
        await until(lambda: server.admission.waiting == 1)
        assert not has_room(server.admission, 10**6 - 20_000)
        server.held.set()
        for _ in range(2):
            assert (await _answer(reader))[0] == 200
        await until(lambda: has_room(server.admission, 10**6))
        writer.close()


@SEQUENTIAL
async def test_one_who_goes_away_leaves_nothing_ahead(*, shortcut: bool) -> None:
    async with answering(shortcut=shortcut, room=10**6) as server:
        server.held.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(FIRST)
        await until(lambda: server.admission.waiting == 1)
        writer.write(posting(asking([3, 4], id="x" * 20_000)))
        await until(lambda: not has_room(server.admission, 10**6 - 20_000))
        writer.close()
        await until(lambda: has_room(server.admission, 10**6))
        server.held.set()


@pytest.mark.parametrize("shortcut", [True, False])
async def test_an_answer_takes_room_until_its_thread_is_done_though_its_client_has_gone(
    monkeypatch: pytest.MonkeyPatch, *, shortcut: bool
) -> None:
    goes_on, wrote = threading.Event(), threading.Event()

    def written(*args: Any) -> Iterator[bytes]:
        wrote.set()
        goes_on.wait(10)
        return json_values.json_blocks(*args)

    monkeypatch.setattr(v2, "json_blocks", written)
    room = 3_000_000
    async with answering(wide=50_000, room=room, shortcut=shortcut) as server:
        _, gone = await asyncio.open_connection("127.0.0.1", server.port)
        gone.write(posting(asking([3, 4])))
        await asyncio.to_thread(wrote.wait, 10)
        gone.close()
        await until(lambda: server.request_log.in_progress == 0 or not shortcut)
        await asyncio.sleep(0.05)
        held = not has_room(server.admission, room)
        goes_on.set()
        await until(lambda: has_room(server.admission, room))
        assert held
