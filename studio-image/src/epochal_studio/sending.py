"""Writes to a browser that may never read: each has a deadline, so that no browser holds a slot and memory forever."""

import asyncio
from contextlib import nullcontext
from datetime import UTC, datetime

from aiohttp import hdrs, web

from epochal_studio.access import Access

WRITE_SECONDS = 30.0
"""Time in which a browser must take a part. Then its connection is closed."""
PART = 2**16
"""Maximum bytes of a part: aiohttp waits for the browser after so many."""


class NotTaken(ConnectionError):
    """The browser does not read, or its session has ended. Its connection is closed."""


async def send_answer(
    request: web.Request, answer: web.Response, access: Access | None, reserved: int = 0
) -> web.StreamResponse:
    """Return an answer after its body is written, if the body is longer than a part.

    aiohttp would wait for the browser without a limit, and copy the whole body.

    Args:
        request: The request.
        answer: The answer of a handler.
        access: The signed-in user, whose memory the body takes; None for a page, which all requests share.
        reserved: Bytes of memory that the request holds for its answer.

    Raises:
        NotTaken: If the browser does not take a part in time, or the session has ended.
        Refusal: If too many bodies are in memory.
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
    """Write a content to a browser, part by part.

    Args:
        request: The request.
        response: The answer, which is prepared.
        content: The content.
        expires: End of the session; None if it has none.

    Raises:
        NotTaken: If the browser does not take a part in time, or the session has ended.
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
    """Write the end of an answer.

    Raises:
        NotTaken: If the browser does not take the rest in time.
    """
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write_eof()
    except TimeoutError:
        raise _aborted(request, f"the browser has not read for {WRITE_SECONDS:g} s") from None


def _aborted(request: web.Request, message: str) -> NotTaken:
    if request.transport is not None:
        request.transport.abort()
    return NotTaken(message)
