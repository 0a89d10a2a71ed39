"""The process: it serves with and without TLS until SIGTERM, and its streams end with it."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientSession
from epochal_studio import serve as served
from epochal_studio.config import Config

from tests.kit import ports
from tests.kit.certificates import self_signed


@asynccontextmanager
async def process(**settings: Any) -> AsyncIterator[int]:
    """Serve Studio as its command does, and yield its port."""
    with ports.hold() as held:
        port = ports.port_of(held)
        config = Config(api_server="http://127.0.0.1:1", host="127.0.0.1", port=port, **settings)
        task = asyncio.create_task(served.serve(config))
        try:
            yield port
        finally:
            if not task.done():  # nothing else would take the signal
                os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(60):
                await task


async def ask(url: str, **options: Any) -> str:
    """Return the answer of a server that is about to start."""
    async with asyncio.timeout(60), ClientSession() as client:
        while True:
            try:
                async with client.get(url, **options) as answer:
                    return await answer.text()
            except ClientConnectionError:
                await asyncio.sleep(0.01)


async def test_plain_http(tmp_path: Path) -> None:
    async with process(pages=tmp_path) as port:
        assert await ask(f"http://127.0.0.1:{port}/healthz") == "ok"
        assert await ask(f"http://127.0.0.1:{port}/readyz", headers={"Host": "10.1.2.3"}) == "ok"


async def test_folders_of_a_studio_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (leftover := tmp_path / "epochal-studio-conversion-abc").mkdir()
    async with process(pages=tmp_path) as port:
        assert await ask(f"http://127.0.0.1:{port}/healthz") == "ok"
        assert not leftover.exists()


async def test_tls_with_a_certificate_that_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "CERTIFICATE_SECONDS", 0.02)
    first, second = self_signed("localhost"), self_signed("localhost")
    _write(tmp_path, first)
    async with process(pages=tmp_path, tls=tmp_path) as port:
        url = f"https://localhost:{port}/healthz"
        assert await ask(url, ssl=ssl.create_default_context(cadata=first.certificate)) == "ok"
        (tmp_path / "tls.crt").write_text(second.certificate)  # without its key
        await asyncio.sleep(0.1)
        assert await ask(url, ssl=ssl.create_default_context(cadata=first.certificate)) == "ok"
        _write(tmp_path, second)
        assert await ask(url, ssl=ssl.create_default_context(cadata=second.certificate)) == "ok"


def _write(folder: Path, pair: Any) -> None:
    (folder / "tls.crt").write_text(pair.certificate)
    (folder / "tls.key").write_text(pair.key)
