"""The parts of the event loop and of the processor that watches use."""

import asyncio
import time

import pytest
from epochal_studio.stream.turns import Pace, Turns


async def test_a_busy_watch_pauses() -> None:
    pace, loop = Pace(4), asyncio.get_running_loop()
    began = loop.time()
    for _ in range(4):
        pace.begin()
        time.sleep(0.015)  # noqa: ASYNC251 - work
        await pace.end()
    assert loop.time() - began >= 4 * 0.015 * 5


async def test_work_is_done_in_turns_with_rests() -> None:
    turns, loop = Turns(), asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(turns.run(lambda: time.sleep(0.02)) for _ in range(3)))
    assert loop.time() - began >= 6 * 0.02
    with pytest.raises(ValueError, match="no number"):
        await turns.run(lambda: int("no number"))
    turns.close()
