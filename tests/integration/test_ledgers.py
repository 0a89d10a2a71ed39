"""The operator reconciles mutated and very large ledgers in bounded time and memory."""

import asyncio
import os
import time
from contextlib import suppress

import pytest

from tests.kit import proc
from tests.unit.operator.experiment.ledger_fuzz import fuzz, warm_from_the_largest

COUNT = 10_000
SECONDS = 5.0
"""CPU seconds of one reconcile."""
MEGABYTES = 150.0
"""By how much the memory may grow: a ledger as large as can be takes 20, and the fake API server remembers objects."""


@pytest.mark.timeout(1800)
async def test_mutated_ledgers_take_bounded_time_and_memory() -> None:
    await fuzz(100, seed=0)
    proc.forget_peak(os.getpid())
    before = proc.peak(os.getpid())
    assert await fuzz(COUNT, seed=2) < SECONDS
    assert proc.peak(os.getpid()) - before < MEGABYTES


async def test_the_largest_ledgers_of_others_hold_the_event_loop_up_for_no_second() -> None:
    cluster, longest = warm_from_the_largest(), 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    proc.forget_peak(os.getpid())
    before = proc.peak(os.getpid())
    await cluster.settle()
    ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
    assert longest < 1
    assert proc.peak(os.getpid()) - before < MEGABYTES
