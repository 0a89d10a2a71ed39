"""Limits of TLS connections, from their first byte on."""

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
from epochal_server.routes.middleware import request_middleware

from tests.kit.certificates import self_signed
from tests.unit.server.connections.started import request_log, started

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def serving(folder: Path, max_connections: int = 10) -> AsyncIterator[int]:
    pair = self_signed("localhost")
    (folder / "tls.crt").write_text(pair.certificate)
    (folder / "tls.key").write_text(pair.key)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    listener = Listener(
        [web.get("/", answer)],
        request_middleware(request_log(), AdmissionControl(10, 10)),
        Connections(max_connections),
    )
    async with started(listener, Certificate(folder).context) as port:
        yield port


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(), 2) == b""
    except ConnectionResetError:
        return True


async def test_a_client_without_handshake_keeps_no_other_out(tmp_path: Path) -> None:
    async with serving(tmp_path, max_connections=3) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting())
        writer.write(REQUEST)
        assert b"hello" in await asyncio.wait_for(reader.readuntil(b"hello"), 5)
        assert await is_closed(silent[0][0])
        for _, one in [*silent, (reader, writer)]:
            one.close()


@pytest.mark.parametrize("data", [b"", REQUEST], ids=["nothing", "no TLS"])
async def test_closes_a_connection_without_handshake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_SECONDS", 0.2)
    async with serving(tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        assert await is_closed(reader)
        writer.close()


async def test_answers_a_request_sent_with_the_end_of_the_handshake(tmp_path: Path) -> None:
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
        client.write(REQUEST)
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
