"""100 Continue is sent only if the body is read."""

import asyncio

import pytest
from epochal_server.admission import AdmissionControl

from tests.unit.server.routes.test_request_body import HEAD, send, serving

EXPECT = b"Expect: 100-continue\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_sends_100_continue_before_reading_the_body() -> None:
    async with serving(AdmissionControl(10, 1000)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + EXPECT + b"Content-Length: 5\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(len(CONTINUE)), 5) == CONTINUE
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
async def test_a_refused_request_gets_no_100_continue(request_: bytes, status: bytes) -> None:
    async with serving(AdmissionControl(10, 1000), key=True) as port:
        assert (await send(port, request_)).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    "head",
    [
        HEAD + EXPECT + b"Content-Length: 5\r\n\r\nhello",
        HEAD + b"Expect: another\r\nContent-Length: 5\r\n\r\nhello",
        (HEAD + EXPECT).replace(b"HTTP/1.1", b"HTTP/1.0") + b"Content-Length: 5\r\n\r\nhello",
    ],
    ids=["sent", "other", "older"],
)
async def test_a_sent_body_gets_no_100_continue(head: bytes) -> None:
    async with serving(AdmissionControl(10, 1000)) as port:
        answer = await send(port, head)
        assert b" 200 " in answer.partition(b"\r\n")[0]
        assert answer.endswith(b"hello")
