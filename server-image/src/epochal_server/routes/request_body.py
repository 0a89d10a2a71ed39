"""Reads the body of a request, or refuses the request without reading its body.

`100 Continue`, for a client that expects it, is sent only if the body is read.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion11, StreamReader, hdrs, web

from epochal_server.admission import REFUSAL_DELAY_SECONDS, SLOW_CLIENT_SECONDS, AdmissionControl, MemoryReservation
from epochal_server.auth import Authorize
from epochal_server.refusals import Busy, Invalid, TooLarge, TooSlow

READ_SECONDS = 30.0
"""Maximum seconds to read a body. Then the request is refused. At 2.2 Mbit/s, 8 MiB arrive in this time."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
RESERVATION = web.RequestKey("reservation", MemoryReservation)
"""aiohttp's key of a request's attribute: the memory reservation for its body and its answer."""
EXPECTS_CONTINUE = web.RequestKey("expects", bool)
"""aiohttp's key of a request's attribute: whether the client waits for `100 Continue` before it sends the body."""

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def reservation(request: web.BaseRequest, admission: AdmissionControl) -> MemoryReservation:
    """Return a request's memory reservation; the first call creates it. It is freed once the request is answered."""
    reserved = request.get(RESERVATION)
    if reserved is None:
        reserved = request[RESERVATION] = MemoryReservation(admission)
    return reserved


def without_continue(handle: Handle) -> Handle:
    """Return a handler of requests that leaves sending `100 Continue` to `read`.

    aiohttp would send it before the request is checked, even for a path that does not exist. Other expectations in the
    header are ignored, as HTTP allows.
    """

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        expected = request.headers.get(hdrs.EXPECT)
        if expected is not None:
            headers = request.headers.copy()
            del headers[hdrs.EXPECT]
            version = request.version
            request = request.clone(headers=headers)
            request[EXPECTS_CONTINUE] = expected.lower() == "100-continue" and version == HttpVersion11
        return await handle(request)

    return handler


async def read(request: web.BaseRequest, authorize: Authorize, admission: AdmissionControl, max_bytes: int) -> bytes:
    """Return the body of a request, as the client sent it: without decompression.

    The body is not read if the request has no valid key or too large a Content-Length, or if the queue is full.

    Raises:
        Refused: Unauthorized, CrossOrigin, Busy, TooLarge, TooSlow, or Invalid if the body ends too early.
    """
    authorize(request.headers)
    length = request.content_length
    if length is not None and length > max_bytes:
        raise _too_large(max_bytes, f"{length:,}")
    try:
        admission.admit()
    except Busy:
        await asyncio.sleep(REFUSAL_DELAY_SECONDS)
        raise
    content, reserved = request.content, reservation(request, admission)
    parts: list[bytes] = []
    try:
        if content.is_eof():  # the body arrived with the headers: no timer is needed
            parts.append(content.read_nowait())
            if len(parts[0]) > max_bytes:  # a chunked body has no Content-Length
                raise _too_large(max_bytes, "more")
            reserved.take(len(parts[0]))
        else:
            if request.get(EXPECTS_CONTINUE):
                await request.writer.write(CONTINUE)
                request.writer.output_size = 0  # these bytes are not part of the answer
            await _read(content, parts, max_bytes, admission, reserved)
    except TimeoutError:
        seconds = SLOW_CLIENT_SECONDS if reserved.was_freed else READ_SECONDS
        limit = f"{seconds:.0f} s{', because memory is full' if reserved.was_freed else ''}"
        size = f"{sum(map(len, parts)):,} bytes"
        raise TooSlow(
            f"body: expected the complete body within {limit}, received {size}: send it faster, or less at a time"
        ) from None
    except web.RequestPayloadError as error:
        raise Invalid(f"body: incomplete or invalid ({error}): send the complete body") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _read(
    content: StreamReader, parts: list[bytes], max_bytes: int, admission: AdmissionControl, reserved: MemoryReservation
) -> None:
    """Read a body into the list `parts`, and reserve memory for the received bytes.

    No memory is reserved for the Content-Length, since a client may send any number.

    Raises:
        TimeoutError: After READ_SECONDS, or earlier if another request needs the memory of a slow client.
    """
    size = 0
    async with asyncio.timeout(READ_SECONDS) as limit:

        def abort() -> None:
            if not limit.expired():
                limit.reschedule(0)

        with admission.waiting_for_client(reserved, abort):
            while part := await content.readany():
                size += len(part)
                if size > max_bytes:
                    raise _too_large(max_bytes, "more")
                reserved.take(len(part))
                parts.append(part)


def _too_large(max_bytes: int, found: str) -> TooLarge:
    return TooLarge(
        f"body: expected at most {max_bytes:,} bytes, found {found}: send less at a time, or raise "
        "spec.limits.requestBytes of the ModelServer"
    )
