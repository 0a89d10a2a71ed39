"""The middleware of all routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from epochal_server import admission as admission_module
from epochal_server.admission import AdmissionControl
from epochal_server.listener import Listener
from epochal_server.monitoring.request_log import RequestLog
from epochal_server.refusals import Busy
from epochal_server.routes.middleware import request_middleware

from tests.unit.server.connections.started import request_log, started

LARGE = bytes(32 * 2**20)
"""More than the kernel takes for a client that does not read."""
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def serving(admission: AdmissionControl, log: RequestLog) -> AsyncIterator[int]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=LARGE)

    listener = Listener([web.get("/", answer)], request_middleware(log, admission))
    async with started(listener) as port:
        yield port


def is_full(admission: AdmissionControl) -> bool:
    try:
        admission.reserve(1)
    except Busy:
        return True
    admission.release(1)
    return False


async def test_an_answer_counts_in_memory_until_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    admission = AdmissionControl(10, len(LARGE))
    log = request_log()
    async with serving(admission, log) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        writer.write(REQUEST)
        await asyncio.sleep(0.2)
        assert is_full(admission)
        assert log.in_progress == 1
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(LARGE))
        await asyncio.sleep(0.1)
        assert not is_full(admission)
        writer.write(REQUEST)  # and now it is not read for too long
        await asyncio.sleep(0.2)
        assert is_full(admission)
        monkeypatch.setattr(admission_module, "SLOW_CLIENT_SECONDS", 0.1)
        admission.reserve(len(LARGE))
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(len(LARGE))
        assert await log.wait_until_idle(5) == 0
        writer.close()
