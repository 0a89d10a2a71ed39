"""A result is computed once for all waiting callers, in a thread."""

import asyncio
import threading
import time
from itertools import pairwise

import pytest
from epochal_server.routes import metrics as module
from epochal_server.routes.metrics import SharedResult


async def test_a_result_is_never_older_than_its_request() -> None:
    proceed, began = threading.Event(), threading.Event()
    value = 1

    def function() -> int:
        found = value
        began.set()
        proceed.wait(10)
        return found

    shared = SharedResult(function)
    first = asyncio.create_task(shared())
    await asyncio.to_thread(began.wait, 10)
    value = 2
    second = asyncio.create_task(shared())
    proceed.set()
    assert (await first, await second) == (1, 2)


async def test_cancelling_one_caller_affects_no_other_and_an_error_reaches_all() -> None:
    def function() -> int:
        raise ValueError("no such series")

    shared = SharedResult(function)
    tasks = [asyncio.create_task(shared()) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    for found in (await asyncio.gather(*tasks, return_exceptions=True))[1:]:
        assert isinstance(found, ValueError)
    with pytest.raises(ValueError, match="no such series"):
        await shared()


async def test_calls_take_a_limited_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CPU_SHARE", 0.1)
    calls: list[float] = []

    def function() -> None:
        calls.append(time.perf_counter())
        time.sleep(0.01)

    shared = SharedResult(function)
    for _ in range(3):
        await shared()
    gaps = [later - earlier for earlier, later in pairwise(calls)]
    assert min(gaps) >= 0.1
