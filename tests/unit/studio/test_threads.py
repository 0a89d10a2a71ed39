"""Calls in threads: bounds for all users and for each of them, and a deadline."""

import asyncio
from threading import Event

import pytest
from epochal_studio.problems import Refusal
from epochal_studio.threads import Threads


@pytest.fixture
def hold() -> Event:
    """Set it to end the calls."""
    return Event()


def _start(threads: Threads, user: str, hold: Event, seconds: float = 10) -> "asyncio.Task[bool]":
    return asyncio.create_task(threads.run(user, seconds, hold.wait, 10))


async def test_a_result_and_an_error() -> None:
    threads = Threads()
    assert await threads.run("ada", 10, divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await threads.run("ada", 10, divmod, 7, 0)
    await asyncio.sleep(0)
    assert threads.calls == 0
    threads.close()
    with pytest.raises(Refusal, match="shutting down"):
        await threads.run("ada", 10, divmod, 7, 2)


async def test_the_calls_of_a_user_are_bounded(hold: Event) -> None:
    threads = Threads(max_threads=1, max_calls=4, max_user_calls=2)
    running = [_start(threads, "ada", hold) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Refusal, match="2 of your requests wait") as caught:
        await threads.run("ada", 10, hold.wait, 10)
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "2"})
    running += [_start(threads, "bob", hold) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Refusal, match="busy with the requests of other users"):
        await threads.run("eve", 10, hold.wait, 10)
    hold.set()
    assert all(await asyncio.gather(*running))
    assert await threads.run("ada", 10, hold.wait, 10)
    threads.close()


async def test_a_call_beyond_its_deadline_keeps_its_place(hold: Event) -> None:
    threads = Threads(max_threads=1, max_calls=4, max_user_calls=1)
    with pytest.raises(Refusal, match="has not answered within") as caught:
        await threads.run("ada", 0.02, hold.wait, 10)
    assert (caught.value.status, threads.calls) == (504, 1)
    with pytest.raises(Refusal, match="1 of your requests"):
        await threads.run("ada", 10, hold.wait, 10)
    hold.set()
    async with asyncio.timeout(60):
        while True:
            if not threads.calls:
                break
            await asyncio.sleep(0.01)
    threads.close()


async def test_a_call_that_waits_beyond_its_deadline_never_starts(hold: Event) -> None:
    threads = Threads(max_threads=1)
    running = _start(threads, "ada", hold)
    await asyncio.sleep(0.01)
    started = Event()
    with pytest.raises(Refusal, match="has not answered within"):
        await threads.run("bob", 0.02, started.set)
    hold.set()
    await running
    threads.close()
    assert not started.is_set()
