"""The builders of the checker with processes without Keras."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from epochal_trainer.checker import builders as module
from epochal_trainer.checker import forks
from epochal_trainer.checker.builders import Builders

from tests.unit.trainer.checker.stub import LIMIT_SECONDS

STUB = (sys.executable, str(Path(__file__).with_name("stub.py")))


async def until_ready(builders: Builders) -> None:
    async with asyncio.timeout(60):
        while not builders.ready:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


@pytest.fixture
async def builders(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Builders]:
    monkeypatch.setattr(forks, "LIMIT_SECONDS", LIMIT_SECONDS)
    monkeypatch.setattr(module, "RESTART_SECONDS", 0.05)
    found = Builders(STUB)
    task = asyncio.create_task(found.run())
    await until_ready(found)
    yield found
    task.cancel()
    await asyncio.wait([task])
