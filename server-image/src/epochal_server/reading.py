"""Reads the body of a request, or refuses the request before reading."""

import asyncio

from aiohttp import StreamReader, web

from epochal_server.expecting import tell_to_send
from epochal_server.intake import REFUSED_SECONDS, Intake, Room
from epochal_server.refusals import Busy, Invalid, TooLarge, TooSlow
from epochal_server.service import Service, room

READ_SECONDS = 30.0
"""Time limit for a body. At 2.2 Mbit/s, 8 MiB arrive in this time."""


async def body(request: web.BaseRequest, service: Service) -> bytes:
    """Return the body of a request, as it was sent.

    A request without a valid key, above the limit of waiting requests or with too large a Content-Length is refused
    unread.

    Raises:
        Refused: Unauthorized, CrossOrigin, Busy, TooLarge, TooSlow, or Invalid if the body ends too early.
    """
    service.authorize(request.headers)
    most = service.model.limits.request_bytes
    length = request.content_length
    if length is not None and length > most:
        raise _too_large(most, f"{length:,}")
    try:
        service.intake.admit()
    except Busy:
        await asyncio.sleep(REFUSED_SECONDS)
        raise
    content, taken = request.content, room(request, service.intake)
    parts: list[bytes] = []
    try:
        if content.is_eof():  # the body arrived with the headers: no timer is needed
            parts.append(content.read_nowait())
            if len(parts[0]) > most:  # a chunked body has no Content-Length
                raise _too_large(most, "more")
            taken.take(len(parts[0]))
        else:
            await tell_to_send(request)
            await _read(content, parts, most, service.intake, taken)
    except TimeoutError:
        within = "at once, while others find no room" if taken.gave_way else f"within {READ_SECONDS:.0f} s"
        found = f"{sum(map(len, parts)):,} bytes"
        raise TooSlow(f"body: expected all of it {within}, found {found}: send it faster, or less at a time") from None
    except web.RequestPayloadError as error:
        raise Invalid(f"body: expected a whole one, found that it breaks off ({error}): send all of it") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _read(content: StreamReader, parts: list[bytes], most: int, intake: Intake, taken: Room) -> None:
    """Read the parts of a body.

    Only received bytes count in the memory for all requests. A client may announce any Content-Length, so it does not
    count.
    """
    size = 0
    async with asyncio.timeout(READ_SECONDS) as limit:

        def give_way() -> None:
            if not limit.expired():
                limit.reschedule(0)

        with intake.awaited(taken, give_way):
            while part := await content.readany():
                size += len(part)
                if size > most:
                    raise _too_large(most, "more")
                taken.take(len(part))
                parts.append(part)


def _too_large(most: int, found: str) -> TooLarge:
    return TooLarge(
        f"body: expected at most {most:,} bytes, found {found}: send less at a time, or raise "
        "spec.limits.requestBytes of the ModelServer"
    )
