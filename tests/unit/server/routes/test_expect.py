"""Whoever asks first whether a body is wanted is told so only if it is."""

import asyncio

import pytest
from epochal_server.admission import AdmissionControl

from tests.unit.server.routes.test_request_body import HEAD, sent, serving

EXPECT = b"Expect: 100-continue\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_who_may_send_is_told_to() -> None:
    async with serving(AdmissionControl(10, 1000)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + EXPECT + b"Content-Length: 5\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(len(GO_ON)), 5) == GO_ON
        writer.write(b"hello")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(5) == b"hello"
        writer.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + EXPECT + b"Authorization: x\r\nContent-Length: 1001\r\n\r\n", b"413"),
        (HEAD + EXPECT + b"Content-Length: 5\r\n\r\n", b"401"),
        ((HEAD + EXPECT).replace(b"POST / ", b"POST /other ") + b"Content-Length: 5\r\n\r\n", b"404"),
        ((HEAD + EXPECT).replace(b"POST / ", b"PUT / ") + b"Content-Length: 5\r\n\r\n", b"405"),
    ],
)
async def test_who_is_refused_is_not_told_to_send_first(request_: bytes, status: bytes) -> None:
    async with serving(AdmissionControl(10, 1000), key=True) as port:
        assert (await sent(port, request_)).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    "head",
    [
        HEAD + EXPECT + b"Content-Length: 5\r\n\r\nhello",
        HEAD + b"Expect: another\r\nContent-Length: 5\r\n\r\nhello",
        (HEAD + EXPECT).replace(b"HTTP/1.1", b"HTTP/1.0") + b"Content-Length: 5\r\n\r\nhello",
    ],
    ids=["sent", "other", "older"],
)
async def test_who_sends_at_once_is_told_nothing(head: bytes) -> None:
    async with serving(AdmissionControl(10, 1000)) as port:
        answer = await sent(port, head)
        assert b" 200 " in answer.partition(b"\r\n")[0]
        assert answer.endswith(b"hello")
