"""Asking in another process: what it answers, and what is said of one that fails, hangs or is not needed any more."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from epochal_operator.experiment.search.request import MAX_MEMORY, Request, Response
from epochal_operator.experiment.search.searcher_pool import (
    COMMAND,
    POOL_SIZE,
    Searcher,
    SearcherPool,
    SearchFailed,
    SearchTooSlow,
)
from epochal_operator.experiment.search.suggest import suggest

from tests.unit.operator.experiment.search.test_suggest import request

ASKED = request(trials=(1, 2))


def python(code: str, *arguments: object) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *map(str, arguments))


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def ask(asked: Request, seconds: float = 30.0, *, command: tuple[str, ...] = COMMAND) -> Response:
    """Returns the answer of a process that is begun for one question."""
    searcher = Searcher(seconds, command=command)
    try:
        return await searcher.ask(asked)
    finally:
        await searcher.close()


async def test_answers_as_here() -> None:
    assert await ask(ASKED) == suggest(ASKED)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ValueError('no such distribution')", "ended with status 1: Traceback"),
        ("raise ValueError('no such distribution')", "ValueError: no such distribution"),
        ("raise SystemExit(3)", "ended with status 3: without a word"),
        ("import os; os.kill(os.getpid(), 9)", "ended with signal 9: without a word"),
        ("print('{')", "gave no answer that can be read"),
        ("print('{', end='')", "ended with status 0: without a word"),
        ("import sys; sys.exit('x' * 100_000)", "x" * 900),
    ],
)
async def test_says_why_there_is_no_answer(code: str, said: str) -> None:
    with pytest.raises(SearchFailed) as found:
        await ask(ASKED, command=python(code))
    assert said in str(found.value)
    assert len(str(found.value)) < 1100


HANGS = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"


async def test_one_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    with pytest.raises(SearchTooSlow, match=r"took longer than 0 s for 2 suggestions with 0 trials known"):
        await ask(ASKED, 0.4, command=python(HANGS, tmp_path / "pid"))
    pid = tmp_path / "pid"
    assert not pid.exists() or not is_there(int(pid.read_text()))


async def test_none_is_left_behind_by_an_operator_that_ends(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    task = asyncio.create_task(ask(ASKED, command=python(HANGS, pid)))
    async with asyncio.timeout(10):
        while not (pid.exists() and pid.read_text()):  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert not is_there(int(pid.read_text()))


async def test_where_no_process_can_be_begun_that_is_told() -> None:
    with pytest.raises(SearchFailed, match="no process can be begun for the search: No such file or directory"):
        await ask(ASKED, command=("/nowhere",))


async def test_an_answer_counts_also_where_no_other_process_can_be_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    searcher = Searcher(max_requests=2)
    await searcher.ask(ASKED)
    monkeypatch.setattr(searcher, "_command", ("/nowhere",))
    assert await searcher.ask(ASKED) == suggest(ASKED)
    with pytest.raises(SearchFailed, match="no process"):
        await searcher.ask(ASKED)


@pytest.fixture
async def searcher() -> AsyncIterator[Searcher]:
    searcher = Searcher()
    yield searcher
    await searcher.close()


def ahead(searcher: Searcher) -> int:
    assert searcher.process is not None
    return searcher.process.pid


async def test_a_process_answers_as_here_however_often_it_was_asked(searcher: Searcher) -> None:
    assert await searcher.ask(ASKED) == suggest(ASKED)
    first = ahead(searcher)
    for count in (3, 1, 2):
        asked = request(trials=tuple(range(1, count + 1)))
        assert await searcher.ask(asked) == suggest(asked)
        assert ahead(searcher) == first
    await searcher.close()
    assert not is_there(first)


async def test_after_enough_answers_the_next_process_begins_ahead() -> None:
    searcher = Searcher(max_requests=2)
    await searcher.ask(ASKED)
    first = ahead(searcher)
    assert await searcher.ask(ASKED) == suggest(ASKED)
    second = ahead(searcher)
    assert (is_there(first), is_there(second)) == (False, True)
    assert await searcher.ask(ASKED) == suggest(ASKED)
    assert ahead(searcher) == second
    await searcher.close()
    assert not is_there(second)


async def test_one_that_has_ended_meanwhile_is_replaced(searcher: Searcher) -> None:
    await searcher.ask(ASKED)
    os.kill(ahead(searcher), signal.SIGKILL)
    assert await searcher.ask(ASKED) == suggest(ASKED)


async def test_one_that_has_waited_for_long_is_not_asked() -> None:
    now = 0.0
    searcher = Searcher(idle=30, clock=lambda: now)
    await searcher.ask(ASKED)
    first, now = ahead(searcher), 30.0
    assert await searcher.ask(ASKED) == suggest(ASKED)
    assert not is_there(first)
    await searcher.close()


async def test_a_failure_is_told_of_as_before() -> None:
    searcher = Searcher(command=python("raise SystemExit(3)"))
    with pytest.raises(SearchFailed, match="ended with status 3"):
        await searcher.ask(ASKED)
    assert searcher.process is None


async def test_a_process_has_a_memory_limit_and_is_the_first_victim_of_the_kernel(searcher: Searcher) -> None:
    await searcher.ask(ASKED)
    process = Path("/proc") / str(ahead(searcher))
    assert (process / "oom_score_adj").read_text().strip() == "1000"
    (limit,) = (line for line in (process / "limits").read_text().splitlines() if line.startswith("Max data size"))
    assert limit.split()[3:5] == [str(MAX_MEMORY)] * 2


GREEDY = """
from epochal_operator.experiment.search.__main__ import limit_memory, serve
limit_memory()
serve(lambda _: bytearray(2**30))
"""


async def test_a_process_that_needs_too_much_memory_says_so() -> None:
    with pytest.raises(SearchFailed, match=r"needs more than 192 MiB of memory: use fewer spec\.parameters"):
        await ask(ASKED, command=python(GREEDY))


def test_one_that_is_asked_nothing_says_nothing() -> None:
    ended = subprocess.run(COMMAND, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    assert (ended.stdout, ended.stderr) == (b"", b"")


LONG, SHORT, SLOW = request(trials=(1, 2)), request(trials=(3,)), request(trials=(4,))


class Asked(Searcher):
    """Answers a long question once it may, and remembers all that it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Request] = []
        self.goes_on = asyncio.Event()
        self.closed = False

    async def ask(self, request: Request) -> Response:
        self.asked.append(request)
        if request is LONG:
            await self.goes_on.wait()
        if request is SLOW:
            raise SearchTooSlow("the search took longer than 30 s")
        return Response()

    async def close(self) -> None:
        self.closed = True


async def test_a_question_that_takes_long_holds_no_other_one_up() -> None:
    searchers = [Asked() for _ in range(POOL_SIZE)]
    pool = SearcherPool(searchers)
    long = asyncio.create_task(pool.ask(LONG))
    await asyncio.sleep(0)
    for _ in range(3):
        await pool.ask(SHORT)
    assert not long.done()
    assert [len(one.asked) for one in searchers] == [3, 1]
    searchers[1].goes_on.set()
    assert await long == Response()


async def test_who_has_answered_last_is_asked_next_and_no_more_than_needed() -> None:
    searchers = [Asked() for _ in range(POOL_SIZE)]
    pool = SearcherPool(searchers)
    for _ in range(3):
        await pool.ask(SHORT)
    assert [len(one.asked) for one in searchers] == [0, 3]


async def test_of_many_questions_all_are_answered_though_some_fail() -> None:
    searchers = [Asked() for _ in range(POOL_SIZE)]
    pool = SearcherPool(searchers)
    for _ in range(POOL_SIZE):
        with pytest.raises(SearchTooSlow):
            await pool.ask(SLOW)
    long = [asyncio.create_task(pool.ask(LONG)) for _ in range(POOL_SIZE)]
    waits = asyncio.create_task(pool.ask(SHORT))
    await asyncio.sleep(0)
    assert not waits.done()
    searchers[0].goes_on.set()
    assert await waits == Response()
    searchers[1].goes_on.set()
    await asyncio.gather(*long)


async def test_all_are_closed() -> None:
    searchers = [Asked() for _ in range(POOL_SIZE)]
    await SearcherPool(searchers).close()
    assert all(one.closed for one in searchers)
