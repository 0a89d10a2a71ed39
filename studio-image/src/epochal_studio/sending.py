"""Writes answers to browsers with a deadline for each part, so that browsers that do not read block no resources."""

import asyncio
from contextlib import nullcontext
from datetime import UTC, datetime

from aiohttp import hdrs, web

from epochal_studio.access import Access

WRITE_SECONDS = 30.0
"""Maximum seconds until a browser has read a part. Then its connection is aborted."""
PART = 2**16
"""Maximum bytes of a part: the size of aiohttp's write buffer. When it is full, aiohttp waits for the browser."""


class SendAborted(ConnectionError):
    """The connection was aborted, because the browser does not read, or the session has ended."""


async def send_answer(
    request: web.Request, answer: web.Response, access: Access | None, reserved: int = 0
) -> web.StreamResponse:
    """Send an answer part by part if its body is longer than PART, and return the response that was sent.

    A shorter answer is returned unchanged, for aiohttp to send. For a long body, aiohttp would wait for the browser
    without a limit, and copy the whole body.

    Args:
        request: The request.
        answer: The answer of a handler.
        access: The signed-in user, whose memory limit counts the body; None for a file of the pages, which all requests
            share.
        reserved: Bytes of memory that the request has already reserved for its answer.

    Raises:
        SendAborted: If the browser does not read a part within WRITE_SECONDS, or the session has ended.
        Refusal: 503, if the body exceeds the memory limit of the user or of all users.
    """
    body = answer.body
    if request.method == hdrs.METH_HEAD or not isinstance(body, bytes) or len(body) <= PART:
        return answer
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.cookies.load(answer.cookies)
    response.content_length = len(body)
    with nullcontext() if access is None else access.threads.memory.hold(access.owner, max(0, len(body) - reserved)):
        await response.prepare(request)
        await send(request, response, body, access.expires if access else None)
        await end(request, response)
    return response


async def send(request: web.Request, response: web.StreamResponse, content: bytes, expires: datetime | None) -> None:
    """Write content to a response, part by part.

    Args:
        request: The request.
        response: The response, after its `prepare`.
        content: The content.
        expires: End of the session, which aborts the response; None for no end.

    Raises:
        SendAborted: If the browser does not read a part within WRITE_SECONDS, or the session has ended.
    """
    for start in range(0, len(content), PART):
        if expires is not None and expires <= datetime.now(UTC):
            raise _aborted(request, "the session has ended")
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await response.write(content[start : start + PART])
        except TimeoutError:
            raise _aborted(request, f"the browser has not read for {WRITE_SECONDS:g} s") from None


async def end(request: web.Request, response: web.StreamResponse) -> None:
    """Complete a response by writing its end.

    Raises:
        SendAborted: If the browser does not read the rest within WRITE_SECONDS.
    """
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write_eof()
    except TimeoutError:
        raise _aborted(request, f"the browser has not read for {WRITE_SECONDS:g} s") from None


def _aborted(request: web.Request, message: str) -> SendAborted:
    if request.transport is not None:
        request.transport.abort()
    return SendAborted(message)
