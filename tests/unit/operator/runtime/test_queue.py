"""The work queue: unique keys in order, never processed twice at a time, and retried after errors."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from epochal_operator.runtime import queue as module
from epochal_operator.runtime.api.errors import ApiError
from epochal_operator.runtime.queue import Queue

Work = Callable[[str], Awaitable[float | None]]


@asynccontextmanager
async def running(queue: Queue[str], workers: int = 4, share: int | None = None) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run(workers, share))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.001)


def recording(seen: list[str], **options: Any) -> Queue[str]:
    """Return a queue that appends the processed keys to a list."""

    async def work(key: str) -> None:
        seen.append(key)

    return Queue(work, **options)


async def test_a_waiting_key_is_queued_once() -> None:
    seen: list[str] = []
    queue = recording(seen)
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    assert queue.depth == 2
    async with running(queue):
        await until(lambda: len(seen) == 2)
        await asyncio.sleep(0.01)
    assert seen == ["a", "b"]
    assert queue.depth == 0


async def test_a_key_added_while_it_is_processed_is_processed_again_afterwards() -> None:
    active, most, times = 0, 0, 0

    async def work(_: str) -> None:
        nonlocal active, most, times
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.002)
        active -= 1
        times += 1

    queue: Queue[str] = Queue(work)
    async with running(queue):
        queue.add("a")
        await until(lambda: active == 1)
        queue.add("a")
        queue.add("a")
        await until(lambda: times == 2)
        await asyncio.sleep(0.01)
    assert (most, times) == (1, 2)


@pytest.mark.parametrize("workers", [1, 3])
async def test_the_number_of_workers_is_the_number_of_concurrent_keys(workers: int) -> None:
    active, most = 0, 0
    done: list[str] = []

    async def work(key: str) -> None:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.005)
        active -= 1
        done.append(key)

    queue: Queue[str] = Queue(work)
    for number in range(9):
        queue.add(str(number))
    async with running(queue, workers):
        await until(lambda: len(done) == 9)
    assert most == workers


async def test_a_failed_key_is_retried_and_blocks_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_SECONDS", 0.01)
    times = {"bad": 0, "good": 0}

    async def work(key: str) -> None:
        times[key] += 1
        if key == "bad" and times["bad"] < 4:
            raise ConnectionError("no")

    queue: Queue[str] = Queue(work)
    queue.add("bad")
    queue.add("good")
    async with running(queue, 1):
        await until(lambda: times == {"bad": 4, "good": 1})
        await asyncio.sleep(0.02)
    assert times == {"bad": 4, "good": 1}


async def test_a_retry_waits_for_the_retry_after_seconds_of_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_SECONDS", 0.001)
    waits: list[float] = []

    async def work(key: str) -> None:
        raise ApiError(429, "TooManyRequests", "later", retry_after=float(key))

    queue: Queue[str] = Queue(work)
    monkeypatch.setattr(queue, "add_after", lambda _, seconds: waits.append(seconds))
    for seconds in ("7", "1e9"):
        queue.add(seconds)
    async with running(queue):
        await until(lambda: len(waits) == 2)
    assert waits == [7, module.MAX_BACKOFF_SECONDS]


async def test_a_group_that_hangs_uses_only_its_share_of_workers() -> None:
    hang = asyncio.Event()
    begun: list[str] = []

    async def work(key: str) -> None:
        begun.append(key)
        if key.startswith("slow"):
            await hang.wait()

    queue: Queue[str] = Queue(work, group=lambda key: key.split("/")[0])
    for number in range(9):
        queue.add(f"slow/{number}")
    for number in range(9):
        queue.add(f"quick/{number}")
    assert queue.depth == 18
    async with running(queue, workers=4, share=2):
        await until(lambda: len(begun) == 11)
        assert begun[:2] == ["slow/0", "slow/1"]
        assert begun[2:] == [f"quick/{number}" for number in range(9)]
        assert queue.depth == 7
        queue.add("slow/2")
        assert queue.depth == 7, "the key is queued already"
        hang.set()
        await until(lambda: len(begun) == 18)
        assert begun[11:] == [f"slow/{number}" for number in range(2, 9)]
        assert queue.depth == 0
        queue.add("slow/0")
        await until(lambda: len(begun) == 19)


async def test_keys_of_low_priority_are_processed_last() -> None:
    seen: list[str] = []
    queue = recording(seen)
    for key in ("first", "listed", "changed"):
        queue.add(key, low_priority=True)
    queue.add("new")
    queue.add("changed")
    queue.add("new", low_priority=True)
    assert queue.depth == 4
    async with running(queue, 1):
        await until(lambda: len(seen) == 4)
        queue.add("listed")
        await until(lambda: len(seen) == 5)
    assert seen == ["new", "changed", "first", "listed", "listed"]


async def test_keys_of_low_priority_that_wait_for_their_share_do_not_delay_others() -> None:
    go, begun = asyncio.Semaphore(0), list[str]()

    async def work(key: str) -> None:
        begun.append(key)
        await go.acquire()

    queue: Queue[str] = Queue(work, group=lambda key: key.split("/")[0])
    for number in range(3):
        for group in ("a", "b"):
            queue.add(f"{group}/{number}", low_priority=True)
    async with running(queue, workers=2, share=1):
        await until(lambda: len(begun) == 2)
        assert begun == ["a/0", "b/0"]
        queue.add("c/new")
        queue.add("a/2")
        for count in range(3, 8):
            go.release()
            await until(lambda count=count: len(begun) == count)  # type: ignore[misc]
    assert begun == ["a/0", "b/0", "c/new", "a/2", "b/1", "a/1", "b/2"]


async def test_a_key_that_waits_for_its_share_can_get_the_normal_priority() -> None:
    go, begun = asyncio.Semaphore(0), list[str]()

    async def work(key: str) -> None:
        begun.append(key)
        await go.acquire()

    queue: Queue[str] = Queue(work, group=lambda _: "namespace")
    for key in ("a", "b", "c", "d"):
        queue.add(key, low_priority=True)
    async with running(queue, workers=2, share=1):
        await until(lambda: begun == ["a"])
        await asyncio.sleep(0)  # The others wait for their share.
        queue.add("d")
        queue.add("c")
        for count in range(2, 5):
            go.release()
            await until(lambda count=count: len(begun) == count)  # type: ignore[misc]
    assert begun == ["a", "d", "c", "b"]


async def test_keys_that_get_the_normal_priority_take_no_memory_afterwards() -> None:
    go, begun = asyncio.Semaphore(0), list[str]()

    async def work(key: str) -> None:
        begun.append(key)
        await go.acquire()

    queue: Queue[str] = Queue(work, group=lambda _: "namespace")
    queue.add("first")
    queue.add("second")
    async with running(queue, workers=2, share=1):
        for number in range(300):
            queue.add(f"{number}", low_priority=True)
            await until(lambda number=number: len(begun) == number + 1)  # type: ignore[misc]
            queue.add(f"{number}")
            go.release()
        assert queue.depth == 2
        assert len(queue._ready) + sum(map(len, queue._blocked.values())) <= 10


class Impatient(Queue[str]):
    """Records the delay of a key, and processes the key at once."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.waits: list[float] = []

    def add_after(self, key: str, seconds: float) -> None:
        self.waits.append(seconds)
        self.add(key)


async def test_the_backoff_grows_to_its_maximum_and_is_reset_by_a_success() -> None:
    fails = True

    async def work(_: str) -> None:
        if fails:
            raise ConnectionError("no")

    queue = Impatient(work)
    async with running(queue):
        queue.add("a")
        await until(lambda: len(queue.waits) >= 15)
        fails = False
        await until(lambda: queue.depth == 0 and queue.seconds_without_progress() == 0)
        fails = True
        del queue.waits[:]
        queue.add("a")
        await until(lambda: len(queue.waits) >= 12)
    for times, seconds in enumerate(queue.waits[:12]):
        whole = min(module.BACKOFF_SECONDS * 2**times, module.MAX_BACKOFF_SECONDS)
        assert whole / 2 <= seconds <= whole


async def test_work_can_request_a_requeue() -> None:
    times = 0

    async def work(_: str) -> float | None:
        nonlocal times
        times += 1
        return 0.005 if times < 3 else None

    queue: Queue[str] = Queue(work)
    queue.add("a")
    async with running(queue):
        await until(lambda: times == 3)
        await asyncio.sleep(0.02)
    assert times == 3


async def test_the_earliest_of_several_delays_applies() -> None:
    seen: list[str] = []
    queue = recording(seen)
    queue.add_after("a", 3600)
    queue.add_after("a", 0.01)
    queue.add_after("a", 1800)
    async with running(queue):
        await until(lambda: seen == ["a"])


async def test_the_observed_wait_is_from_enqueueing_to_processing() -> None:
    now = 100.0
    waits: list[float] = []
    queue = recording([], observe_wait=waits.append, clock=lambda: now)
    queue.add("a")
    now = 102.5
    async with running(queue):
        await until(lambda: waits == [2.5])


async def test_the_queue_is_stalled_only_while_pending_keys_make_no_progress() -> None:
    now = 0.0
    release = asyncio.Event()

    async def work(_: str) -> None:
        await release.wait()

    queue: Queue[str] = Queue(work, clock=lambda: now)
    now = 400.0
    assert queue.seconds_without_progress() == 0
    queue.add("a")
    now = 500.0
    assert queue.seconds_without_progress() == 0, "no worker has started"
    async with running(queue):
        await asyncio.sleep(0.01)
        now = 530.0
        assert queue.seconds_without_progress() == 30
        queue.add("b")
        now = 540.0
        assert queue.seconds_without_progress() == 40
        queue.record_progress()
        assert queue.seconds_without_progress() == 0
        now = 550.0
        assert queue.seconds_without_progress() == 10
        release.set()
        await until(lambda: queue.seconds_without_progress() == 0)
    now = 700.0
    queue.record_progress()
    queue.add("c")
    now = 730.0
    assert queue.seconds_without_progress() == 30, "only requests of processed keys are progress"


async def test_a_key_that_always_fails_is_always_retried() -> None:
    async def work(_: str) -> None:
        raise ConnectionError("no")

    queue = Impatient(work)
    queue._failures["a"] = 1_100  # A float overflows after 1,024 doublings.
    async with running(queue):
        queue.add("a")
        await until(lambda: len(queue.waits) > 2)
    assert max(queue.waits) <= module.MAX_BACKOFF_SECONDS


async def test_a_later_delay_of_the_same_key_is_dropped() -> None:
    now = 0.0
    seen: list[str] = []
    queue = recording(seen, clock=lambda: now)
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    async with running(queue, 1):
        now = 6.0
        queue.add("b")
        await until(lambda: sorted(seen) == ["a", "b"])
        now = 11.0
        queue.add("c")
        queue.add("last")
        await until(lambda: seen[-1] == "last")
    assert seen.count("a") == 1
