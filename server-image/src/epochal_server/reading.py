"""Reads the body of a request, unless it is to be refused unread."""

import asyncio

from aiohttp import StreamReader, web

from epochal_server.expecting import tell_to_send
from epochal_server.intake import REFUSED_SECONDS, Intake, Room
from epochal_server.refusals import Busy, Invalid, TooLarge, TooSlow
from epochal_server.service import Service, room

READ_SECONDS = 30.0
"""Time for a body: of 8 MiB, what comes by 2.2 Mbit/s."""


async def body(request: web.BaseRequest, service: Service) -> bytes:
    """Returns the body of a request, as it was sent.

    Whoever has no key, or comes when as many wait as may, is refused before any of it is read; and so is what says that
    it is too large.

    Raises:
        Refused: Unauthorized, CrossOrigin, Busy, TooLarge, TooSlow, or Invalid where the body ends too early.
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
        if content.is_eof():  # it came along with the headers: no need to wait, nor for a timer
            parts.append(content.read_nowait())
            if len(parts[0]) > most:  # in chunks, which tell of no length
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
    """Reads the parts of a body.

    What has come is taken into account, and what is but announced is not: anyone may announce what there is room for.
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
