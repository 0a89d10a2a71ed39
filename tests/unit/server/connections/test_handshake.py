"""Connections by TLS are bounded from their first byte on."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from epochal_server.admission import AdmissionControl
from epochal_server.connections import tls
from epochal_server.connections.connection import Connections
from epochal_server.connections.tls import Certificate
from epochal_server.listener import Listener
from epochal_server.monitoring.access_log import AccessLog
from epochal_server.monitoring.metrics import Metrics
from epochal_server.monitoring.request_log import RequestLog
from epochal_server.routes.middleware import request_middleware

from tests.kit.certificates import self_signed
from tests.unit.server.connections.started import started

ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def serving(folder: Path, most: int = 10) -> AsyncIterator[int]:
    pair = self_signed("localhost")
    (folder / "tls.crt").write_text(pair.certificate)
    (folder / "tls.key").write_text(pair.key)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    books = RequestLog(Metrics(lambda: 0), AccessLog(), lambda: False)
    listening = Listener([web.get("/", answer)], request_middleware(books, AdmissionControl(10, 10)), Connections(most))
    async with started(listening, Certificate(folder).context) as port:
        yield port


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(), 2) == b""
    except ConnectionResetError:
        return True


async def test_who_does_not_shake_hands_keeps_nobody_out(tmp_path: Path) -> None:
    async with serving(tmp_path, most=3) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting())
        writer.write(ASKED)
        assert b"hello" in await asyncio.wait_for(reader.readuntil(b"hello"), 5)
        assert await ended(silent[0][0])
        for _, one in [*silent, (reader, writer)]:
            one.close()


@pytest.mark.parametrize("said", [b"", ASKED], ids=["nothing", "no TLS"])
async def test_who_says_nothing_or_no_tls_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_SECONDS", 0.2)
    async with serving(tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        assert await ended(reader)
        writer.close()


async def test_what_comes_along_with_the_last_word_of_the_handshake_is_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trusting().wrap_bio(incoming, outgoing)
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await asyncio.wait_for(reader.read(2**16), 5))
        client.write(ASKED)
        writer.write(outgoing.read())
        found = b""
        while b"hello" not in found:
            incoming.write(await asyncio.wait_for(reader.read(2**16), 5))
            try:
                found += client.read()
            except ssl.SSLWantReadError:
                continue
        assert found.startswith(b"HTTP/1.1 200 OK")
        writer.close()
