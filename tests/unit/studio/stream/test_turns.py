"""The parts of the event loop and of the processor that watches use."""

import asyncio
import time

import pytest
from epochal_studio.stream.turns import Credit, Pace, Turns


async def test_a_busy_watch_pauses() -> None:
    pace, loop = Pace(4), asyncio.get_running_loop()
    began = loop.time()
    for _ in range(4):
        pace.begin()
        time.sleep(0.015)  # noqa: ASYNC251 - work
        await pace.end()
    assert loop.time() - began >= 4 * 0.015 * 5


async def test_work_is_done_in_turns_with_rests() -> None:
    turns, loop = Turns(Credit(0)), asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(turns.run(lambda: time.sleep(0.02)) for _ in range(3)))
    assert loop.time() - began >= 6 * 0.02
    with pytest.raises(ValueError, match="no number"):
        await turns.run(lambda: int("no number"))
    turns.close()


def test_a_burst_needs_no_pause_and_the_credit_comes_back_slowly() -> None:
    now = 100.0
    credit = Credit(0.25, lambda: now)
    assert credit.pay(0.2) == 0
    assert credit.pay(0.2) == pytest.approx(0.15)
    assert credit.pay(0.2) == pytest.approx(0.2)
    now += 2
    assert credit.pay(0.2) == pytest.approx(0.1)
    now += 3600
    assert credit.pay(0.3) == pytest.approx(0.05)


async def test_a_watch_with_credit_does_not_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    pace = Pace(1, Credit(3600))
    for _ in range(3):
        pace.begin()
        time.sleep(0.025)  # noqa: ASYNC251 - work
        await pace.end()
    assert pauses == [0, 0, 0]
