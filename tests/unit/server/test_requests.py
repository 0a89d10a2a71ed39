"""What a request goes through on its way to its answer, and to its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from epochal_server import intake as intake_module
from epochal_server.access_log import AccessLog
from epochal_server.bookkeeping import Bookkeeping
from epochal_server.intake import Intake
from epochal_server.listening import Listening
from epochal_server.metrics import Metrics
from epochal_server.refusals import Busy
from epochal_server.requests import around_all

from tests.unit.server.started import started

LARGE = bytes(32 * 2**20)
"""More than the kernel takes for a client that does not read."""
ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def serving(intake: Intake, books: Bookkeeping) -> AsyncIterator[int]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=LARGE)

    listening = Listening([web.get("/", answer)], around_all(books, intake))
    async with started(listening) as port:
        yield port


def full(intake: Intake) -> bool:
    try:
        intake.hold(1)
    except Busy:
        return True
    intake.release(1)
    return False


async def test_an_answer_takes_room_until_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    intake = Intake(10, len(LARGE))
    books = Bookkeeping(Metrics(lambda: 0), AccessLog(), lambda: False)
    async with serving(intake, books) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        writer.write(ASKED)
        await asyncio.sleep(0.2)
        assert full(intake)
        assert books.under_way == 1
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(LARGE))
        await asyncio.sleep(0.1)
        assert not full(intake)
        writer.write(ASKED)  # and now it is not read for too long
        await asyncio.sleep(0.2)
        assert full(intake)
        monkeypatch.setattr(intake_module, "SLOW_SECONDS", 0.1)
        intake.hold(len(LARGE))
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(len(LARGE))
        assert await books.done(5) == 0
        writer.close()
