"""Limits of connections: their number, and the times for requests."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from epochal_server.admission import AdmissionControl
from epochal_server.connections import connection as connections
from epochal_server.connections.connection import Connections
from epochal_server.listener import Listener
from epochal_server.routes.middleware import request_middleware

from tests.unit.server.connections.started import request_log, started

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def serving(
    max_connections: int = 10, held: asyncio.Event | None = None
) -> AsyncIterator[Callable[[], Awaitable["Client"]]]:
    async def answer(_: web.Request) -> web.Response:
        if held is not None:
            await held.wait()
        return web.Response(text="hello")

    connections_ = Connections(max_connections)

    async def read(request: web.Request) -> web.Response:
        await request.read()
        return await answer(request)

    listener = Listener(
        [web.get("/", answer), web.post("/", read)],
        request_middleware(request_log(), AdmissionControl(10, 10)),
        connections_,
    )
    clients: list[Client] = []
    async with started(listener) as port:

        async def connect() -> Client:
            clients.append(Client(*await asyncio.open_connection("127.0.0.1", port)))
            return clients[-1]

        sweeping = asyncio.create_task(connections_.run())
        try:
            yield connect
        finally:
            for client in clients:
                client.writer.close()
            sweeping.cancel()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes = HEAD) -> None:
        self.writer.write(data)

    async def answered(self) -> bool:
        """Return whether the server answers before it closes the connection."""
        async with asyncio.timeout(5):
            try:
                return b"hello" in await self.reader.readuntil(b"hello")
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return False


async def test_an_idle_connection_is_closed_above_the_limit() -> None:
    held = asyncio.Event()
    async with serving(max_connections=2, held=held) as connect:
        busy, idle = await connect(), await connect()
        busy.send()
        await asyncio.sleep(0.05)
        new = await connect()
        new.send()
        assert not await idle.answered()
        held.set()
        assert await busy.answered()
        assert await new.answered()


async def test_a_new_connection_is_closed_if_all_are_busy() -> None:
    held = asyncio.Event()
    async with serving(max_connections=1, held=held) as connect:
        busy = await connect()
        busy.send()
        await asyncio.sleep(0.05)
        assert not await (await connect()).answered()
        held.set()
        assert await busy.answered()


async def test_answers_pipelined_large_requests() -> None:
    body = b"x" * 100_000
    request_ = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + body
    held = asyncio.Event()
    async with serving(held=held) as connect:
        client = await connect()
        # The head of the second one comes along with the last of the first one.
        for part in (request_[:-10], request_[-10:] + request_[:1000], request_[1000:]):
            client.send(part)
            await asyncio.sleep(0.05)
        held.set()
        for _ in range(2):
            assert await client.answered()


async def test_the_limit_holds_for_simultaneous_connections() -> None:
    async with serving(max_connections=3) as connect:
        port = (await connect()).writer.get_extra_info("peername")[1]
        many = [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]  # before the server sees the first
        await asyncio.sleep(0.1)
        open_connections = 0
        for one in many:
            one.setblocking(False)  # noqa: FBT003 - it is Python's
            try:
                one.recv(1)
            except BlockingIOError:
                open_connections += 1
            except ConnectionResetError:
                pass
            one.close()
        assert open_connections == 3


async def test_an_incomplete_head_is_closed_after_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.05)
    async with serving() as connect:
        slow, client = await connect(), await connect()
        slow.send(HEAD[:-3])
        client.send()
        assert await client.answered()
        await asyncio.sleep(0.4)
        client.send()
        assert await client.answered()
        assert not await slow.answered()
        client.send(HEAD[:5])
        assert not await client.answered()


async def test_an_idle_connection_is_closed_after_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEEP_ALIVE_SECONDS", 0.2)
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.05)
    async with serving() as connect:
        idle = await connect()
        idle.send()
        assert await idle.answered()
        assert not await idle.answered()


async def test_a_long_head_is_refused_before_its_end() -> None:
    async with serving() as connect:
        long = await connect()
        long.send(HEAD)  # the next one is no better off
        assert await long.answered()
        long.send(HEAD[:-2])
        for at in range(5):
            long.send(b"X-%d: %b\r\n" % (at, b"x" * 8000))
            await asyncio.sleep(0.02)
        response = await asyncio.wait_for(long.reader.read(), 5)
        assert response.startswith(b"HTTP/1.1 431 ")
        assert b"expected at most 32,768 bytes" in response


async def test_a_body_does_not_count_as_head() -> None:
    async with serving() as connect:
        client = await connect()
        body = b"Content-Length: 200000\r\n\r\n" + b"x" * 200_000
        for piece in (HEAD[:-3], b"\n" + body[:30], body[30:100_000], body[100_000:]):
            client.send(piece)
            await asyncio.sleep(0.02)
        assert await client.answered()
        client.send((HEAD[:-2] + b"X: %b\r\n\r\n" % (b"x" * 4000)) * 20)  # longer together than one may be
        for _ in range(20):
            assert await client.answered()


async def test_an_unread_body_is_no_incomplete_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.05)
    async with serving() as connect:
        client = await connect()
        client.send(HEAD[:-2] + b"Content-Length: 5\r\n\r\n")
        assert await client.answered()
        client.send(b"12345")
        await asyncio.sleep(0.4)
        client.send()
        assert await client.answered()


LONG = HEAD[:-2] + b"".join(b"X-%d: %b\r\n" % (at, b"x" * 2000) for at in range(17)) + b"\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "before"),
    [
        ([LONG], 0),
        ([LONG[:20_000], LONG[20_000:]], 0),
        ([HEAD + LONG], 1),
        ([POST + b"0123456789" + LONG], 1),
        ([POST + b"0", b"123456789" + LONG], 1),
        ([POST + b"0", b"123456789" + LONG[:30_000], LONG[30_000:]], 1),
        ([HEAD, LONG], 1),
    ],
)
async def test_a_long_head_is_refused_in_any_parts(pieces: list[bytes], before: int) -> None:
    async with serving() as connect:
        client = await connect()
        for piece in pieces:
            client.send(piece)
            await asyncio.sleep(0.05)
        for _ in range(before):
            assert await client.answered()
        response = await asyncio.wait_for(client.reader.read(), 5)
        assert response.startswith(b"HTTP/1.1 431 ")
        assert b"expected at most 32,768 bytes of request line and headers" in response


async def test_accepts_a_head_of_the_maximum_size() -> None:
    async with serving() as connect:
        client = await connect()
        client.send(HEAD[:-2] + b"".join(b"X-%d: %b\r\n" % (at, b"x" * 2000) for at in range(16)) + b"\r\n")
        assert await client.answered()


@pytest.mark.parametrize("part", [HEAD[:-3], POST + b"0"], ids=["head", "body"])
async def test_an_incomplete_request_outlives_an_idle_connection(part: bytes) -> None:
    async with serving(max_connections=2) as connect:
        incomplete = await connect()
        incomplete.send(part)
        await asyncio.sleep(0.05)
        idle = await connect()
        await asyncio.sleep(0.05)
        new = await connect()
        new.send()
        assert await new.answered()
        assert not await idle.answered()
        incomplete.send(HEAD[-3:] if part != POST + b"0" else b"123456789")
        assert await incomplete.answered()


async def test_the_oldest_incomplete_request_is_closed_for_a_new_client() -> None:
    async with serving(max_connections=3) as connect:
        slow = [await connect() for _ in range(3)]
        for client in slow:
            client.send(POST + b"0")
            await asyncio.sleep(0.05)
        new = await connect()
        for _ in range(3):
            new.send()
            assert await new.answered()
        assert not await slow[0].answered()
        for client in slow[1:]:
            client.send(b"123456789")
            assert await client.answered()


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
MANY = [
    CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    HEAD,
    CHUNKED + b"8\r\n\r\n\r\n\r\n\r\n\r\n4\r\n\r\n\r\n\r\n0\r\nA: trailer\r\n\r\n",
    POST + b"0123456789",
    b"\r\n" + HEAD,
    CHUNKED + b"0\r\n\r\n",
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
async def test_answers_pipelined_requests_in_any_parts(size: int) -> None:
    async with serving() as connect:
        client = await connect()
        data = b"".join(MANY) * 3
        for begin in range(0, len(data), size):
            client.send(data[begin : begin + size])
            if size < 10:
                await client.writer.drain()
                await asyncio.sleep(0)
        for _ in range(3 * len(MANY)):
            assert await client.answered()
