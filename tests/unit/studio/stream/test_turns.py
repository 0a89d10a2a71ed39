"""The parts of the event loop and of the processor that watches use."""

import asyncio
import time

import pytest
from epochal_studio.stream.turns import Credit, Pace, Turns


async def pauses(pace: Pace, work: float, times: int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses of a watch that works several times for some seconds."""
    now, found = 0.0, []

    async def note(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(time, "perf_counter", lambda: now)
    monkeypatch.setattr(asyncio, "sleep", note)
    for _ in range(times):
        pace.begin()
        now += work
        await pace.end()
    return found


async def test_a_busy_watch_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await pauses(Pace(4), 0.015, 4, monkeypatch) == pytest.approx([0.12, 0.12])


async def test_a_watch_with_credit_pauses_later(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(4, Credit(0.05, lambda: 0))
    assert await pauses(pace, 0.03, 3, monkeypatch) == pytest.approx([0, 0.04, 0.12])


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
