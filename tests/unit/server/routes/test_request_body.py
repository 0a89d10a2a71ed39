"""What is read of a body, and what is refused unread."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from epochal_server import admission as admission_module
from epochal_server.admission import AdmissionControl
from epochal_server.listener import Listener
from epochal_server.monitoring.access_log import AccessLog
from epochal_server.monitoring.metrics import Metrics
from epochal_server.monitoring.request_log import RequestLog
from epochal_server.refusals import Unauthorized
from epochal_server.routes import request_body as reading
from epochal_server.routes.middleware import request_middleware

from tests.unit.server.connections.started import started

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


@asynccontextmanager
async def serving(admission: AdmissionControl, *, key: bool = False) -> AsyncIterator[int]:
    def authorize(headers: Mapping[str, str]) -> None:
        if key and "Authorization" not in headers:
            raise Unauthorized("no key")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await reading.read(request, authorize, admission, 1000))

    books = RequestLog(Metrics(lambda: 0), AccessLog(), lambda: False)
    listening = Listener([web.post("/", echo)], request_middleware(books, admission))
    async with started(listening) as port:
        yield port


async def sent(port: int, *pieces: bytes) -> bytes:
    """Returns what is answered to pieces of a request."""
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
async def test_reads_a_body_however_it_comes(pieces: tuple[bytes, ...]) -> None:
    admission = AdmissionControl(10, 1000)
    async with serving(admission) as port:
        assert (await sent(port, *pieces)).endswith(b"\r\n\r\nhello")
        admission.reserve(1000)  # all has been given back


@pytest.mark.parametrize(
    ("head", "status", "told"),
    [
        (b"Content-Length: 1001\r\n\r\n", b"413", b"at most 1,000 bytes, found 1,001"),
        (b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n", b"413", b"found more"),
        (b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n", b"413", b"found more"),
        (b"Content-Length: 600\r\n\r\n" + b"x" * 600, b"429", b"and this one needs 600 more"),
        (
            b"Transfer-Encoding: chunked\r\n\r\n258\r\n" + b"x" * 600 + b"\r\n",
            b"429",
            b"and this one needs 600 more",
        ),
    ],
)
async def test_refuses_what_is_too_much(head: bytes, status: bytes, told: bytes) -> None:
    admission = AdmissionControl(10, 1000)
    admission.reserve(500)
    async with serving(admission) as port:
        answer = await sent(port, HEAD + head)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert told in answer
    admission.reserve(500)


async def test_refuses_unread_who_has_no_key_or_comes_when_too_many_wait() -> None:
    admission = AdmissionControl(0, 1000)
    head = HEAD + b"Content-Length: 600\r\n"
    async with serving(admission, key=True) as port:
        assert (await sent(port, head + b"\r\n")).startswith(b"HTTP/1.1 401")
        assert (await sent(port, head + b"Authorization: Bearer x\r\n\r\n")).startswith(b"HTTP/1.1 429")


async def test_who_sends_slowly_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_module, "SLOW_SECONDS", 0.1)
    admission = AdmissionControl(10, 1000)
    async with serving(admission) as port:
        slow = asyncio.create_task(sent(port, HEAD + b"Content-Length: 600\r\n\r\n", b"x" * 599))
        await asyncio.sleep(0.05)
        full = await sent(port, HEAD + b"Content-Length: 600\r\n\r\n" + b"y" * 600)
        assert full.startswith(b"HTTP/1.1 429")
        await asyncio.sleep(0.2)
        taken = await sent(port, HEAD + b"Content-Length: 600\r\n\r\n" + b"y" * 600)
        assert taken.endswith(b"y" * 600)
        answer = await slow
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"expected all of it at once, because memory is full, found 599 bytes" in answer
    admission.reserve(1000)


async def test_gives_up_who_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "READ_SECONDS", 0.1)
    admission = AdmissionControl(10, 1000)
    async with serving(admission) as port:
        answer = await sent(port, HEAD + b"Content-Length: 600\r\n\r\nhello")
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"found 5 bytes" in answer
    admission.reserve(1000)
