"""Asking in another process: what it answers, and what is said of one that fails, hangs or is not needed any more."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from epochal_operator.experiment.search.child import SearchFailed, SearchTooSlow, ask
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
