"""The subprocesses of the searcher: responses, failures, timeouts and replacement."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from epochal_operator.experiment.search.memory import container_bytes, search_bytes
from epochal_operator.experiment.search.request import Request, Response
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

ASKED = request(numbers=(1, 2))


def python(code: str, *arguments: object) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *map(str, arguments))


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def ask(asked: Request, seconds: float = 30.0, *, command: tuple[str, ...] = COMMAND) -> Response:
    searcher = Searcher(seconds, command=command)
    try:
        return await searcher.ask(asked)
    finally:
        await searcher.close()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('no such distribution')", "ended with exit status 1: Traceback"),
        ("raise ValueError('no such distribution')", "ValueError: no such distribution"),
        ("raise SystemExit(3)", "ended with exit status 3: no error output"),
        ("import os; os.kill(os.getpid(), 9)", "ended with signal 9: no error output"),
        ("print('{')", "returned an invalid response"),
        ("print('{', end='')", "ended with exit status 0: no error output"),
        ("import sys; sys.exit('x' * 100_000)", "x" * 900),
    ],
)
async def test_a_failure_has_its_cause(code: str, message: str) -> None:
    with pytest.raises(SearchFailed) as found:
        await ask(ASKED, command=python(code))
    assert message in str(found.value)
    assert len(str(found.value)) < 1100


ECHO = "import sys\nfor line in sys.stdin: print('{}', flush=True)"
"""A searcher that starts fast and suggests nothing."""
HANGS = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"


async def test_a_process_is_killed_after_the_timeout(tmp_path: Path) -> None:
    with pytest.raises(SearchTooSlow, match=r"timeout of 0 s for 2 suggestions with 0 known trials"):
        await ask(ASKED, 0.4, command=python(HANGS, tmp_path / "pid"))
    pid = tmp_path / "pid"
    assert not pid.exists() or not is_there(int(pid.read_text()))


async def test_cancellation_kills_the_process(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    task = asyncio.create_task(ask(ASKED, command=python(HANGS, pid)))
    async with asyncio.timeout(10):
        while not (pid.exists() and pid.read_text()):  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert not is_there(int(pid.read_text()))


async def test_a_missing_command_is_a_failure() -> None:
    with pytest.raises(SearchFailed, match="cannot start the searcher process: No such file or directory"):
        await ask(ASKED, command=("/nowhere",))


async def test_a_response_is_valid_if_the_next_process_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    searcher = Searcher(command=python(ECHO), max_requests=2)
    await searcher.ask(ASKED)
    monkeypatch.setattr(searcher, "_command", ("/nowhere",))
    assert await searcher.ask(ASKED) == Response()
    with pytest.raises(SearchFailed, match="cannot start"):
        await searcher.ask(ASKED)


@pytest.fixture
async def searcher() -> AsyncIterator[Searcher]:
    searcher = Searcher()
    yield searcher
    await searcher.close()


def process_id(searcher: Searcher) -> int:
    assert searcher.process is not None
    return searcher.process.pid


async def test_a_process_answers_several_requests(searcher: Searcher) -> None:
    assert await searcher.ask(ASKED) == suggest(ASKED)
    first = process_id(searcher)
    for count in (3, 1, 2):
        asked = request(numbers=tuple(range(1, count + 1)))
        assert await searcher.ask(asked) == suggest(asked)
        assert process_id(searcher) == first
    await searcher.close()
    assert not is_there(first)


async def test_the_next_process_starts_after_the_last_request() -> None:
    searcher = Searcher(command=python(ECHO), max_requests=2)
    await searcher.ask(ASKED)
    first = process_id(searcher)
    await searcher.ask(ASKED)
    second = process_id(searcher)
    assert (is_there(first), is_there(second)) == (False, True)
    await searcher.ask(ASKED)
    assert process_id(searcher) == second
    await searcher.close()
    assert not is_there(second)


async def test_an_exited_process_is_replaced() -> None:
    searcher = Searcher(command=python(ECHO))
    await searcher.ask(ASKED)
    os.kill(process_id(searcher), signal.SIGKILL)
    assert await searcher.ask(ASKED) == Response()
    await searcher.close()


async def test_a_long_idle_process_is_replaced() -> None:
    now = 0.0
    searcher = Searcher(command=python(ECHO), max_idle=30, clock=lambda: now)
    await searcher.ask(ASKED)
    first, now = process_id(searcher), 30.0
    assert await searcher.ask(ASKED) == Response()
    assert not is_there(first)
    await searcher.close()


async def test_a_failed_process_is_removed() -> None:
    searcher = Searcher(command=python("raise SystemExit(3)"))
    with pytest.raises(SearchFailed, match="ended with exit status 3"):
        await searcher.ask(ASKED)
    assert searcher.process is None


async def test_a_process_has_a_memory_limit_and_an_oom_score(searcher: Searcher) -> None:
    await searcher.ask(ASKED)
    process = Path("/proc") / str(process_id(searcher))
    assert (process / "oom_score_adj").read_text().strip() == "1000"
    (limit,) = (line for line in (process / "limits").read_text().splitlines() if line.startswith("Max data size"))
    assert limit.split()[3:5] == [str(search_bytes(container_bytes()))] * 2


GREEDY = """
from epochal_operator.experiment.search.__main__ import limit_memory, serve
serve(lambda _: bytearray(2**30), limit_memory())
"""


async def test_a_process_reports_the_exceeded_memory_limit() -> None:
    with pytest.raises(SearchFailed, match=r"exceeds the memory limit of \d+ MiB: use fewer spec\.parameters"):
        await ask(ASKED, command=python(GREEDY))


def test_a_process_without_a_request_exits_silently() -> None:
    ended = subprocess.run(COMMAND, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    assert (ended.stdout, ended.stderr) == (b"", b"")


LONG, SHORT, SLOW = request(numbers=(1, 2)), request(numbers=(3,)), request(numbers=(4,))


class Asked(Searcher):
    """Answers LONG after `goes_on` is set, fails for SLOW, and records all requests."""

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


async def test_a_slow_request_does_not_block_others() -> None:
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


async def test_the_last_used_searcher_is_used_next() -> None:
    searchers = [Asked() for _ in range(POOL_SIZE)]
    pool = SearcherPool(searchers)
    for _ in range(3):
        await pool.ask(SHORT)
    assert [len(one.asked) for one in searchers] == [0, 3]


async def test_requests_are_answered_after_failures() -> None:
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


async def test_close_closes_all_searchers() -> None:
    searchers = [Asked() for _ in range(POOL_SIZE)]
    await SearcherPool(searchers).close()
    assert all(one.closed for one in searchers)
