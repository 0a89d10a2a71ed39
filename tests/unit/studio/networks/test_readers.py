"""Documents are read few at a time, and a page that leaves frees no thread."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from epochal_studio.access import Access
from epochal_studio.networks import readers as module
from epochal_studio.networks.readers import Readers
from epochal_studio.problems import Refusal

from tests.unit.studio.in_memory import StudioInMemory


class Work:
    """Work that lasts until its gate opens."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = 0

    def __call__(self) -> str:
        self.begun += 1
        assert self.gate.wait(20)
        return "read"


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    found = Work()
    yield found
    found.gate.set()


@pytest.fixture
def access(studio: StudioInMemory) -> Access:
    return studio.state.access("alice", None, "ada")


async def test_few_documents_at_a_time(access: Access, work: Work) -> None:
    readers = Readers()
    tasks = [asyncio.create_task(readers.run(access, work)) for _ in range(module.MAX_USER_DOCUMENTS)]
    await asyncio.sleep(0.1)
    assert (work.begun, readers.count) == (module.MAX_READING, module.MAX_USER_DOCUMENTS)
    with pytest.raises(Refusal, match="of your documents"):
        await readers.run(access, work)
    work.gate.set()
    assert await asyncio.gather(*tasks) == ["read"] * module.MAX_USER_DOCUMENTS
    assert readers.count == 0


async def test_all_users_together_are_bounded(access: Access, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DOCUMENTS", 1)
    readers = Readers()
    task = asyncio.create_task(readers.run(access, work))
    await asyncio.sleep(0.05)
    with pytest.raises(Refusal, match="many users"):
        await readers.run(replace(access, owner="bob"), work)
    work.gate.set()
    await task


async def test_a_page_that_leaves_frees_no_thread(access: Access, work: Work) -> None:
    readers = Readers()
    for _ in range(module.MAX_READING):
        task = asyncio.create_task(readers.run(access, work))
        await asyncio.sleep(0.05)
        task.cancel()
    other = asyncio.create_task(readers.run(access, work))
    await asyncio.sleep(0.1)
    assert work.begun == module.MAX_READING
    work.gate.set()
    assert await other == "read"
    assert readers.count == 0
