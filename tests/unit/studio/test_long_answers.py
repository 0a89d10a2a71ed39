"""Answers that last: few are read at a time, and a page that leaves frees no thread."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from epochal_studio.long_answers import LongAnswers
from epochal_studio.problems import Refusal
from epochal_studio.threads import Threads

from tests.unit.studio.served import eventually

MAX_USER_DOCUMENTS, MAX_READING = 4, 2


class Work:
    """Work in threads that lasts until its gate opens."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = 0
        self.threads = Threads()

    def of(self, user: str) -> Callable[[], Awaitable[str]]:
        return lambda: self.threads.run(user, 30, self._call)

    def _call(self) -> str:
        self.begun += 1
        assert self.gate.wait(20)
        return "read"


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    found = Work()
    yield found
    found.gate.set()
    found.threads.close()


def documents(most: int = 64) -> LongAnswers:
    return LongAnswers(most, MAX_USER_DOCUMENTS, "documents", turns=MAX_READING)


async def test_few_at_a_time(work: Work) -> None:
    answers = documents()
    tasks = [asyncio.create_task(answers.to_its_end("ada", work.of("ada"))) for _ in range(MAX_USER_DOCUMENTS)]
    await eventually(lambda: work.begun == MAX_READING)
    assert (work.threads.calls, answers.count) == (MAX_READING, MAX_USER_DOCUMENTS)
    with pytest.raises(Refusal, match="4 documents under way"):
        await answers.to_its_end("ada", work.of("ada"))
    work.gate.set()
    assert await asyncio.gather(*tasks) == ["read"] * MAX_USER_DOCUMENTS
    assert answers.count == 0


async def test_a_user_leaves_a_turn_to_others(work: Work) -> None:
    answers = LongAnswers(64, MAX_USER_DOCUMENTS, "documents", turns=2, user_turns=1)
    tasks = [asyncio.create_task(answers.to_its_end("ada", work.of("ada"))) for _ in range(MAX_USER_DOCUMENTS)]
    await eventually(lambda: work.begun == 1)
    tasks.append(asyncio.create_task(answers.to_its_end("bob", work.of("bob"))))
    await eventually(lambda: work.begun == 2)
    work.gate.set()
    assert await asyncio.gather(*tasks) == ["read"] * (MAX_USER_DOCUMENTS + 1)


async def test_all_users_together_are_bounded(work: Work) -> None:
    answers = documents(most=1)
    task = asyncio.create_task(answers.to_its_end("ada", work.of("ada")))
    await eventually(lambda: answers.count)
    with pytest.raises(Refusal, match="too many documents"):
        await answers.to_its_end("bob", work.of("bob"))
    work.gate.set()
    await task


async def test_a_page_that_leaves_frees_no_thread(work: Work) -> None:
    answers = documents()
    for number in range(MAX_READING):
        task = asyncio.create_task(answers.to_its_end("ada", work.of("ada")))
        await eventually(lambda started=number + 1: work.begun == started)
        task.cancel()
    other = asyncio.create_task(answers.to_its_end("ada", work.of("ada")))
    await eventually(lambda: answers.count == MAX_READING + 1)
    assert work.threads.calls == MAX_READING
    work.gate.set()
    assert await other == "read"
    await eventually(lambda: answers.count == 0)  # those of the page may end later
