"""Reading of a body, and refusals of unread bodies."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from epochal_server import admission as admission_module
from epochal_server.admission import AdmissionControl
from epochal_server.listener import Listener
from epochal_server.refusals import Unauthorized
from epochal_server.routes import request_body
from epochal_server.routes.middleware import request_middleware

from tests.unit.server.connections.started import request_log, started

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


@asynccontextmanager
async def serving(admission: AdmissionControl, *, key: bool = False) -> AsyncIterator[int]:
    def authorize(headers: Mapping[str, str]) -> None:
        if key and "Authorization" not in headers:
            raise Unauthorized("no key")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request_body.read(request, authorize, admission, 1000))

    listener = Listener([web.post("/", echo)], request_middleware(request_log(), admission))
    async with started(listener) as port:
        yield port


async def send(port: int, *pieces: bytes) -> bytes:
    """Send the parts of a request, and return the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.02)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    writer.close()
    return head + body


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD + b"Content-Length: 5\r\n\r\nhello",),
        (HEAD + b"Content-Length: 5\r\n\r\nhe", b"l", b"lo"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", b"3\r\nllo\r\n0\r\n\r\n"),
    ],
)
async def test_reads_a_body_in_any_parts(pieces: tuple[bytes, ...]) -> None:
    admission = AdmissionControl(10, 1000)
    async with serving(admission) as port:
        assert (await send(port, *pieces)).endswith(b"\r\n\r\nhello")
        admission.reserve(1000)  # all has been given back


@pytest.mark.parametrize(
    ("head", "status", "message"),
    [
        (b"Content-Length: 1001\r\n\r\n", b"413", b"at most 1,000 bytes, found 1,001"),
        (b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n", b"413", b"found more"),
        (b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n", b"413", b"found more"),
        (b"Content-Length: 600\r\n\r\n" + b"x" * 600, b"429", b"and this request needs 600 more"),
        (
            b"Transfer-Encoding: chunked\r\n\r\n258\r\n" + b"x" * 600 + b"\r\n",
            b"429",
            b"and this request needs 600 more",
        ),
    ],
)
async def test_refuses_large_bodies(head: bytes, status: bytes, message: bytes) -> None:
    admission = AdmissionControl(10, 1000)
    admission.reserve(500)
    async with serving(admission) as port:
        answer = await send(port, HEAD + head)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert message in answer
    admission.reserve(500)


async def test_refuses_unread_bodies_without_key_or_above_the_limit() -> None:
    admission = AdmissionControl(0, 1000)
    head = HEAD + b"Content-Length: 600\r\n"
    async with serving(admission, key=True) as port:
        assert (await send(port, head + b"\r\n")).startswith(b"HTTP/1.1 401")
        assert (await send(port, head + b"Authorization: Bearer x\r\n\r\n")).startswith(b"HTTP/1.1 429")


async def test_a_slow_body_is_dropped_for_another_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_module, "SLOW_CLIENT_SECONDS", 0.1)
    admission = AdmissionControl(10, 1000)
    async with serving(admission) as port:
        slow = asyncio.create_task(send(port, HEAD + b"Content-Length: 600\r\n\r\n", b"x" * 599))
        await asyncio.sleep(0.05)
        full = await send(port, HEAD + b"Content-Length: 600\r\n\r\n" + b"y" * 600)
        assert full.startswith(b"HTTP/1.1 429")
        await asyncio.sleep(0.2)
        accepted = await send(port, HEAD + b"Content-Length: 600\r\n\r\n" + b"y" * 600)
        assert accepted.endswith(b"y" * 600)
        answer = await slow
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"because memory is full, received 599 bytes" in answer
    admission.reserve(1000)


async def test_an_announced_body_does_not_count_in_memory() -> None:
    admission = AdmissionControl(10, 1000)
    async with serving(admission) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        for _, writer in silent:
            writer.write(HEAD + b"Content-Length: 900\r\n\r\n")
        await asyncio.sleep(0.1)
        admission.reserve(1000)
        for _, writer in silent:
            writer.close()


async def test_a_slow_body_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "READ_SECONDS", 0.1)
    admission = AdmissionControl(10, 1000)
    async with serving(admission) as port:
        answer = await send(port, HEAD + b"Content-Length: 600\r\n\r\nhello")
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"received 5 bytes" in answer
    admission.reserve(1000)
