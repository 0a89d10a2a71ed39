"""The server limits the number, the duration and the requests of connections."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
from aiohttp import web
from epochal_lib.sockets import listen
from epochal_operator.web import server
from epochal_operator.web.certificates import renew
from epochal_operator.web.server import Server
from epochal_operator.web.tls import load_bundle

BUNDLE = renew(None, ["localhost"], datetime.now(UTC))


SERVED = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
load_bundle(SERVED, BUNDLE)
TRUSTING = ssl.create_default_context(cadata=BUNDLE.authority.decode())


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"hello {(await request.read()).decode()}")


async def broken(_: web.Request) -> web.Response:
    raise RuntimeError("broken on purpose")


async def slow(_: web.Request) -> web.Response:
    await asyncio.sleep(0.3)
    return web.Response(text="done")


ROUTES = [web.post("/hello", hello), web.get("/broken", broken), web.get("/slow", slow)]


@asynccontextmanager
async def running(
    context: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> AsyncIterator[tuple[Server, int]]:
    listener = listen(0, address) if address else listen(0)
    made = Server(ROUTES, listener, context)
    port = listener.getsockname()[1]
    task = asyncio.create_task(made.run())
    await made.serving.wait()
    try:
        yield made, port
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def idler(
    port: int, address: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect from an address of this machine."""
    name = "localhost" if context else None
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name, local_addr=(address, 0))


async def ask(port: int, text: bytes, context: ssl.SSLContext | None = None, *, address: str = "127.0.0.1") -> bytes:
    """Send bytes and return the response until the server closes the connection."""
    async with asyncio.timeout(5):
        reader, writer = await idler(port, address, context)
    try:
        writer.write(text)
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.transport.abort()


def post(body: bytes) -> bytes:
    return b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def test_a_connection_serves_one_request() -> None:
    async with running() as (_, port):
        answer = await ask(port, post(b"a") + post(b"b"))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"Connection: close" in answer
    assert answer.endswith(b"hello a")


@pytest.mark.parametrize(
    ("line", "status"),
    [(b"GET /nowhere HTTP/1.1", b"404"), (b"GET /hello HTTP/1.1", b"405"), (b"GET /broken HTTP/1.1", b"500")],
)
async def test_failed_requests_close_the_connection(
    line: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running() as (_, port):
        answer = await ask(port, line + b"\r\nHost: x\r\n\r\n")
    assert answer.split()[1] == status
    assert b"Connection: close" in answer
    assert b"broken on purpose" not in answer
    assert ("broken on purpose" in caplog.text) == (status == b"500")


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\x00", b"\r\n\r\n\x00\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
async def test_invalid_requests_are_not_logged(garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with running() as (_, port):
        answer = await ask(port, garbage + b"\r\n\r\n")
    assert answer.split()[1] == b"400"
    assert [record for record in caplog.records if record.name != "asyncio"] == []


async def test_clients_without_tls_are_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 0.1)
    client = TRUSTING
    async with running(SERVED) as (_, port):
        assert (await ask(port, post(b"tls"), client)).endswith(b"hello tls")
        assert await ask(port, b"") == b""
        with suppress(ConnectionResetError):
            assert b"HTTP" not in await ask(port, post(b"plain"))
        assert (await ask(port, post(b"again"), client)).endswith(b"hello again")


async def test_an_incomplete_head_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.1)
    async with running() as (_, port):
        assert await ask(port, b"POST /hello HTTP/1.1\r\nHost:") == b""


async def test_a_connection_ends_after_its_time_limit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "CONNECTION_SECONDS", 0.1)
    async with running() as (_, port):
        assert await ask(port, b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nslow") == b""
    assert caplog.text == ""


async def test_connections_are_limited_and_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    async with running() as (_, port):
        idle = [await idler(port, f"127.0.0.{number}") for number in (1, 2)]
        waiting = asyncio.create_task(ask(port, post(b"late"), address="127.0.0.3"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        idle[0][1].transport.abort()
        assert (await waiting).endswith(b"hello late")
        asked = (ask(port, post(b"%d" % number), address=f"127.0.0.{10 + number}") for number in range(10))
        answers = await asyncio.gather(*asked)
        assert [answer.rsplit(b" ")[-1] for answer in answers] == [b"%d" % number for number in range(10)]
        idle[1][1].transport.abort()


@pytest.mark.parametrize("context", [None, SERVED], ids=["plain", "TLS"])
async def test_a_few_addresses_cannot_block_others(
    monkeypatch: pytest.MonkeyPatch, context: ssl.SSLContext | None
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 8)
    monkeypatch.setattr(server, "MAX_PER_CLIENT", 2)
    monkeypatch.setattr(server, "HEAD_SECONDS", 60)
    client = TRUSTING if context else None
    async with running(context) as (_, port):
        greedy = [await idler(port, f"127.0.0.{2 + number // 2}", client) for number in range(8)]
        for number in range(3):
            answer = await ask(port, post(b"other"), client, address=f"127.0.0.{10 + number}")
            assert answer.endswith(b"hello other")
        assert await greedy[0][0].read() == b""
        for _, taken in greedy:
            taken.transport.abort()


async def test_one_address_cannot_block_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_PER_CLIENT", 2)
    async with running() as (_, port):
        greedy = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        assert await greedy[2][0].read() == b""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        writer.write(post(b"other"))
        assert (await reader.read()).endswith(b"hello other")
        writer.close()
        for _, taken in greedy:
            taken.transport.abort()
        await asyncio.sleep(0.05)
        assert (await ask(port, post(b"again"))).endswith(b"hello again")


async def test_a_running_request_is_answered_before_shutdown() -> None:
    async with running() as (_, port):
        answer = asyncio.create_task(ask(port, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"))
        await asyncio.sleep(0.1)
    assert (await answer).endswith(b"done")


async def test_serving_is_set_while_connections_are_accepted() -> None:
    async with running() as (made, port):
        assert made.serving.is_set()
    assert not made.serving.is_set()
    with pytest.raises(ConnectionRefusedError):
        await ask(port, b"")


async def test_the_server_listens_on_all_addresses() -> None:
    async with running(address="") as (_, port):
        assert (await ask(port, post(b"v4"))).endswith(b"hello v4")


def test_a_used_port_is_an_error() -> None:
    with listen(0, "127.0.0.1") as listener, pytest.raises(OSError, match="Address already in use"):
        listen(listener.getsockname()[1], "127.0.0.1")
