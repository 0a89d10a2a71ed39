"""Connections of clients that send their heads slowly, send too much, or are too many."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from epochal_studio import connections, sending
from epochal_studio.access import access_of
from epochal_studio.runs.changes import conflict
from epochal_studio.session import routes as session
from epochal_studio.state import STATE

from tests.unit.studio.served import OTHER_TOKEN, Studio, eventually

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


async def connect(studio: Studio) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", studio.port)


async def ends(reader: asyncio.StreamReader) -> bytes:
    """Return the bytes until the connection ends."""
    async with asyncio.timeout(5):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def is_served(studio: Studio) -> bool:
    async with studio.request("GET", "/healthz") as answer:
        return answer.status == 200


async def test_the_bytes_of_a_head_are_bounded(studio: Studio) -> None:
    reader, writer = await connect(studio)
    writer.write(GET)
    for number in range(20):  # each field is short
        writer.write(b"X-%d: %s\r\n" % (number, b"x" * 8000))
    assert await ends(reader) == b""
    assert await is_served(studio)
    writer.close()


async def test_the_number_of_headers_is_bounded(studio: Studio) -> None:
    reader, writer = await connect(studio)
    writer.write(GET + b"".join(b"X-%d: x\r\n" % number for number in range(50)) + b"\r\n")
    assert b" 400 " in await ends(reader)
    writer.close()


async def test_bytes_that_wait_for_an_answer_are_bounded(studio: Studio) -> None:
    reader, writer = await connect(studio)
    cookie = studio.cookie()["Cookie"].encode()
    writer.write(b"GET /api/stream?namespace=vision HTTP/1.1\r\nSec-Fetch-Site: same-origin\r\n")
    writer.write(b"Host: localhost:%d\r\nCookie: %s\r\n\r\n" % (studio.port, cookie))
    assert b" 200 " in await reader.readline()
    writer.write(GET)
    for number in range(20):
        writer.write(b"X-%d: %s\r\n" % (number, b"x" * 8000))
    await ends(reader)
    writer.close()


async def test_a_head_has_a_time_limit(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    for sent in (b"", GET):
        reader, writer = await connect(studio)
        writer.write(sent)
        assert await ends(reader) == b""
        writer.close()
    reader, writer = await connect(studio)
    writer.write(GET + b"\r\n")
    assert b" 200 " in await reader.readline()
    writer.write(GET)  # the next head
    await ends(reader)
    writer.close()


async def test_a_body_is_no_head(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    reader, writer = await connect(studio)
    size = 60_000
    writer.write(b"POST /api/session HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n" % studio.port)
    writer.write(b"Content-Length: %d\r\n\r\n" % size + b"x" * (size // 2))
    await asyncio.sleep(0.4)
    writer.write(b"x" * (size // 2))
    assert (await ends(reader)).startswith(b"HTTP/1.1 4")
    writer.close()


class ReadingRoute:
    """A module with a route that reads its body, and then works for longer than a head may take."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/api/check", self.work)]

    async def work(self, request: web.Request) -> web.Response:
        access_of(request)
        self._monkeypatch.setattr(connections, "HEAD_SECONDS", 0.0)
        size = len(await request.read())
        for _ in range(20):  # rounds of the event loop, of which the first would end the connection
            await asyncio.sleep(0)
        return web.Response(text=f"{size} bytes")


async def test_a_handler_that_has_read_its_body_may_take_longer_than_a_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Studio(tmp_path, (ReadingRoute(monkeypatch),)) as studio:
        for size in (2, 60_000):  # on the same connection
            assert await text(studio, "POST", "/api/check", data=b"x" * size) == f"{size} bytes"


class SlowRoutes:
    """A module with routes that end with the test: one that waits, and one that reads an upload."""

    def __init__(self) -> None:
        self.begun = 0
        self.gate = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/slow", self.wait), web.put("/api/buckets/{bucket}/object", self.read)]

    async def wait(self, request: web.Request) -> web.Response:
        access_of(request)
        self.begun += 1
        await self.gate.wait()
        return web.Response(text="the answer")

    async def read(self, request: web.Request) -> web.Response:
        access_of(request)
        self.begun += 1
        return web.Response(text=f"{len(await request.read())} bytes")


async def test_a_new_connection_ends_no_request_and_no_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    routes = SlowRoutes()

    async def body() -> AsyncIterator[bytes]:
        yield b"begin"
        await routes.gate.wait()
        yield b" end"

    async with Studio(tmp_path, (routes,)) as studio, asyncio.TaskGroup() as group:
        headers = {"Content-Type": "application/octet-stream", "Epochal-Studio": "1", "Content-Length": "9"}
        upload = group.create_task(text(studio, "PUT", "/api/buckets/b/object", headers, data=body()))
        request = group.create_task(text(studio, "GET", "/api/slow"))
        await eventually(lambda: routes.begun == 2)
        others = [await connect(studio) for _ in range(5)]
        for reader, _ in others[:-1]:
            assert await ends(reader) == b""
        routes.gate.set()
        assert (await upload, await request) == ("9 bytes", "the answer")
        for _, writer in others:
            writer.close()


async def text(studio: Studio, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> str:
    async with studio.request(method, path, studio.cookie() | dict(headers or {}), **options) as answer:
        return await answer.text()


async def test_the_requests_of_a_user_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal_studio.state.MAX_USER_REQUESTS", 2)
    routes = SlowRoutes()
    async with Studio(tmp_path, (routes, session)) as studio, asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(text(studio, "GET", "/api/slow"))
        await eventually(lambda: routes.begun == 2)
        async with studio.request("GET", "/api/slow", studio.cookie()) as answer:
            assert (answer.status, (await answer.json())["reason"]) == (503, "Overloaded")
        async with studio.request("DELETE", "/api/session", studio.cookie()) as answer:
            assert answer.status == 204
        other = group.create_task(text(studio, "GET", "/api/slow", studio.cookie(OTHER_TOKEN)))
        await eventually(lambda: routes.begun == 3)
        routes.gate.set()
        assert await other == "the answer"


async def test_a_slow_body_without_a_token_keeps_no_browser_out(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    slow = [await connect(studio) for _ in range(2)]
    for _, writer in slow:
        writer.write(b"POST /api/session HTTP/1.1\r\nHost: localhost:%d\r\n" % studio.port)
        writer.write(b"Content-Type: application/json\r\nOrigin: http://localhost:%d\r\n" % studio.port)
        writer.write(b"Content-Length: 100\r\n\r\n{")
    assert await is_served(studio)
    assert await ends(slow[0][0]) == b""
    for _, writer in slow:
        writer.close()


async def test_a_new_connection_takes_the_place_of_the_idlest(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    async with studio.request("GET", "/api/stream?namespace=vision", studio.cookie()) as stream:
        others: list[Any] = [await connect(studio) for _ in range(5)]
        for reader, _ in others[:-1]:
            assert await ends(reader) == b""
        others[-1][1].write(GET + b"\r\n")
        assert b" 200 " in await others[-1][0].readline()
        assert await stream.content.readline() == b"retry: 2000\n"
        for _, writer in others:
            writer.close()


class LongAnswer:
    """A module with routes whose answers are longer than the buffers of both sockets."""

    BODY = b"0123456789abcdef" * 2**20

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/long", self.show), web.get("/api/conflict", self.refuse)]

    async def refuse(self, request: web.Request) -> web.Response:
        access_of(request)
        raise conflict({"spec": self.BODY.decode()})

    async def show(self, request: web.Request) -> web.Response:
        access_of(request)
        response = web.Response(body=self.BODY, status=203, headers={"X-Own": "1"}, content_type="text/plain")
        response.set_cookie("taste", "sweet", httponly=True)
        return response


@pytest.fixture
async def long(tmp_path: Path) -> AsyncIterator[Studio]:
    """Studio with long answers: a page, and a route of the API."""
    (tmp_path / "large.bin").write_bytes(LongAnswer.BODY)
    async with Studio(tmp_path, (LongAnswer(),)) as found:
        yield found


@pytest.mark.parametrize("path", ["/large.bin", "/api/long", "/api/conflict"])
async def test_a_browser_that_never_reads_an_answer_is_cut_off(
    long: Studio, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(sending, "WRITE_SECONDS", 0.5)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)
    connection.connect(("127.0.0.1", long.port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=2**12)
    cookie = long.cookie()["Cookie"].encode()
    writer.write(b"GET %s HTTP/1.1\r\nHost: localhost:%d\r\nCookie: %s\r\n\r\n" % (path.encode(), long.port, cookie))
    assert (b" 409 " if path == "/api/conflict" else b" 20") in await reader.readline()
    memory = long.app[STATE].threads.memory
    # All browsers share a page.
    assert memory.count // len(LongAnswer.BODY) == (0 if path == "/large.bin" else 1)
    await eventually(lambda: not long.connections, seconds=20)
    assert memory.count == 0
    writer.close()


async def test_a_long_answer_is_whole(long: Studio) -> None:
    for _ in range(2):  # on the same connection
        async with long.request("GET", "/api/long", long.cookie()) as answer:
            assert (answer.status, await answer.read()) == (203, LongAnswer.BODY)
            assert (answer.headers["X-Own"], answer.headers["Content-Type"]) == ("1", "text/plain")
            assert answer.headers["Cache-Control"] == "no-store"
            assert (answer.cookies["taste"].value, answer.cookies["taste"]["httponly"]) == ("sweet", True)
    assert long.connections == 1
    async with long.request("HEAD", "/large.bin") as answer:
        assert (answer.status, answer.content_length) == (200, len(LongAnswer.BODY))
