"""The queue: each key once, in order, never twice at a time, and again after an error."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

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


async def test_a_key_that_waits_is_there_once() -> None:
    seen: list[str] = []

    async def work(key: str) -> None:
        seen.append(key)

    queue: Queue[str] = Queue(work)
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    assert queue.depth == 2
    async with running(queue):
        await until(lambda: len(seen) == 2)
        await asyncio.sleep(0.01)
    assert seen == ["a", "b"]
    assert queue.depth == 0


async def test_a_key_is_never_worked_on_twice_at_a_time_and_no_wish_is_lost() -> None:
    at_work, most, times = 0, 0, 0

    async def work(_: str) -> None:
        nonlocal at_work, most, times
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.002)
        at_work -= 1
        times += 1

    queue: Queue[str] = Queue(work)
    async with running(queue):
        queue.add("a")
        await until(lambda: at_work == 1)
        queue.add("a")
        queue.add("a")
        await until(lambda: times == 2)
        await asyncio.sleep(0.01)
    assert (most, times) == (1, 2)


@pytest.mark.parametrize("workers", [1, 3])
async def test_so_many_keys_are_worked_on_at_once(workers: int) -> None:
    at_work, most = 0, 0
    done: list[str] = []

    async def work(key: str) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.005)
        at_work -= 1
        done.append(key)

    queue: Queue[str] = Queue(work)
    for number in range(9):
        queue.add(str(number))
    async with running(queue, workers):
        await until(lambda: len(done) == 9)
    assert most == workers


async def test_a_key_that_fails_is_tried_again_and_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
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


async def test_who_wants_to_be_left_alone_is(monkeypatch: pytest.MonkeyPatch) -> None:
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


async def test_a_group_whose_work_hangs_does_not_take_all_workers() -> None:
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
        assert queue.depth == 7, "it waits already"
        hang.set()
        await until(lambda: len(begun) == 18)
        assert begun[11:] == [f"slow/{number}" for number in range(2, 9)]
        assert queue.depth == 0
        queue.add("slow/0")
        await until(lambda: len(begun) == 19)


class Impatient(Queue[str]):
    """Notes how long a key should wait, and takes it at once."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.waits: list[float] = []

    def add_after(self, key: str, seconds: float) -> None:
        self.waits.append(seconds)
        self.add(key)


async def test_the_back_off_grows_up_to_its_cap_and_starts_anew_after_a_success() -> None:
    fails = True

    async def work(_: str) -> None:
        if fails:
            raise ConnectionError("no")

    queue = Impatient(work)
    async with running(queue):
        queue.add("a")
        await until(lambda: len(queue.waits) >= 15)
        fails = False
        await until(lambda: queue.depth == 0 and queue.stalled() == 0)
        fails = True
        del queue.waits[:]
        queue.add("a")
        await until(lambda: len(queue.waits) >= 12)
    for times, seconds in enumerate(queue.waits[:12]):
        whole = min(module.BACKOFF_SECONDS * 2**times, module.MAX_BACKOFF_SECONDS)
        assert whole / 2 <= seconds <= whole


async def test_work_may_ask_to_be_called_again() -> None:
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


async def test_the_earliest_of_several_wishes_counts() -> None:
    seen: list[str] = []

    async def work(key: str) -> None:
        seen.append(key)

    queue: Queue[str] = Queue(work)
    queue.add_after("a", 3600)
    queue.add_after("a", 0.01)
    queue.add_after("a", 1800)
    async with running(queue):
        await until(lambda: seen == ["a"])


async def test_a_wait_is_measured_from_the_wish_to_the_work() -> None:
    now = 100.0
    waits: list[float] = []

    async def work(_: str) -> None:
        return None

    queue: Queue[str] = Queue(work, waited=waits.append, clock=lambda: now)
    queue.add("a")
    now = 102.5
    async with running(queue):
        await until(lambda: waits == [2.5])


async def test_it_is_stalled_only_while_there_is_work_that_nobody_finishes() -> None:
    now = 0.0
    release = asyncio.Event()

    async def work(_: str) -> None:
        await release.wait()

    queue: Queue[str] = Queue(work, clock=lambda: now)
    now = 400.0
    assert queue.stalled() == 0
    queue.add("a")
    now = 500.0
    assert queue.stalled() == 0, "nobody works yet"
    async with running(queue):
        await asyncio.sleep(0.01)
        now = 530.0
        assert queue.stalled() == 30
        queue.add("b")
        now = 540.0
        assert queue.stalled() == 40
        queue.progressed()
        assert queue.stalled() == 0, "a request of the work on a key has ended"
        now = 550.0
        assert queue.stalled() == 10
        release.set()
        await until(lambda: queue.stalled() == 0)
    now = 700.0
    queue.progressed()
    queue.add("c")
    now = 730.0
    assert queue.stalled() == 30, "a request that no work made does not count"


async def test_a_key_that_never_succeeds_is_tried_for_ever() -> None:
    async def work(_: str) -> None:
        raise ConnectionError("no")

    queue = Impatient(work)
    async with running(queue):
        queue.add("a")
        await until(lambda: len(queue.waits) > 1100)  # doubled so often, a number is too large for a float
    assert max(queue.waits) <= module.MAX_BACKOFF_SECONDS


async def test_a_wish_that_an_earlier_one_has_replaced_is_none() -> None:
    now = 0.0
    seen: list[str] = []

    async def work(key: str) -> None:
        seen.append(key)

    queue: Queue[str] = Queue(work, clock=lambda: now)
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    async with running(queue, 1):
        now = 6.0
        queue.add("look")
        await until(lambda: sorted(seen) == ["a", "look"])
        now = 11.0
        queue.add("again")
        queue.add("last")
        await until(lambda: seen[-1] == "last")
    assert seen.count("a") == 1
