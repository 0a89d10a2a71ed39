"""The operator reconciles mutated and very large ledgers in bounded time and memory."""

import asyncio
import os
import time
from contextlib import suppress

import pytest
from epochal_operator.experiment.ledger.events import WarmStartTrial

from tests.integration.ledger_fuzz import fuzz, warm_from_the_largest
from tests.kit import proc
from tests.unit.operator.experiment.cluster import suggest_by_number

SEEDS, COUNT = range(1, 6), 2_000
"""10,000 mutated ledgers in all: 17 CPU seconds for each seed."""
SECONDS = 5.0
"""CPU seconds of one reconcile."""
MEGABYTES = 120.0
"""By how much the memory may grow: a ledger as large as can be takes 20, and the fake API server remembers objects."""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", SEEDS)
async def test_mutated_ledgers_take_bounded_time_and_memory(seed: int) -> None:
    await fuzz(100, seed=0)
    proc.forget_peak(os.getpid())
    before = proc.peak(os.getpid())
    assert await fuzz(COUNT, seed=seed) < SECONDS
    assert proc.peak(os.getpid()) - before < MEGABYTES


async def test_the_largest_ledgers_are_unpacked_outside_the_event_loop() -> None:
    """CPU seconds of the loop's own thread count: real time depends on the machine's other work."""
    cluster, longest = warm_from_the_largest(), 0.0
    cluster.search = suggest_by_number

    async def tick() -> None:
        nonlocal longest
        while True:
            began = time.thread_time()
            await asyncio.sleep(0.01)
            longest = max(longest, time.thread_time() - began)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    proc.forget_peak(os.getpid())
    before = proc.peak(os.getpid())
    await cluster.settle()
    ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
    assert any(isinstance(event, WarmStartTrial) for event in cluster.events())
    assert longest < 0.5
    assert proc.peak(os.getpid()) - before < MEGABYTES
