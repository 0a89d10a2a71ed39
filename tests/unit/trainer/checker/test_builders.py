"""The processes that build networks: what one process does, no other notices."""

import asyncio
import os
import signal

import pytest
from epochal_trainer.checker import builders as module
from epochal_trainer.checker import forks
from epochal_trainer.checker.builders import Builders, NoAnswer

from tests.unit.trainer.checker.conftest import until_ready


async def ask(builders: Builders, order: str, *chain: str) -> str:
    return (await builders.answer(order.encode(), [digest.encode() for digest in chain])).decode()


async def reason_of(builders: Builders, order: str) -> str:
    with pytest.raises(NoAnswer) as found:
        await ask(builders, order, order)
    return found.value.reason


async def test_a_question_is_forked_from_the_process_with_the_most_common_layers(builders: Builders) -> None:
    assert builders.greeting == b"ready"
    assert await ask(builders, "first", "a", "ab") == "first"
    assert await ask(builders, "second", "a", "ab", "abc") == "first second"
    assert await ask(builders, "third", "a", "ab", "abc", "abcd") == "first second third"
    assert await ask(builders, "fork", "a", "ab", "abx") in {"first fork", "first second fork"}
    assert await ask(builders, "other", "x") == "other"


async def test_the_least_recently_used_process_ends(builders: Builders) -> None:
    await ask(builders, "first", "a")
    for index in range(module.MAX_KEPT):
        await ask(builders, "other", str(index))
    assert await ask(builders, "again", "a") == "again"


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (f"map {2 * forks.LIMIT_BYTES}", "MemoryLimit"),
        ("exit", "MemoryLimit"),
        ("invalid", "Invalid"),
        ("bug", "Failed"),
    ],
)
async def test_a_question_without_an_answer_harms_no_other(builders: Builders, order: str, reason: str) -> None:
    await ask(builders, "first", "a")
    assert await reason_of(builders, order) == reason
    assert await ask(builders, "second", "a", "ab") == "first second"


async def test_a_process_with_much_memory_is_not_kept(builders: Builders) -> None:
    await ask(builders, f"map {forks.KEPT_BYTES // 2}", "a")
    assert (await ask(builders, "again", "a")).startswith("map")


@pytest.mark.parametrize("order", ["sleep 60", "spin"])
async def test_the_kernel_ends_a_process_without_an_answer(builders: Builders, order: str) -> None:
    async with asyncio.timeout(30):  # the process alone takes 60 s, or never ends
        assert await reason_of(builders, order) == "TimeLimit"
    assert await ask(builders, "next", "a") == "next"


async def test_questions_wait_and_too_many_are_refused(builders: Builders) -> None:
    slow = [asyncio.create_task(ask(builders, "sleep 0.3", str(index))) for index in range(module.CONCURRENCY)]
    await asyncio.sleep(0.05)
    waiting = [asyncio.create_task(ask(builders, "next", "a")) for _ in range(module.MAX_WAITING)]
    await asyncio.sleep(0.05)
    assert await reason_of(builders, "one more") == "Busy"
    assert len(await asyncio.gather(*slow, *waiting)) == module.CONCURRENCY + module.MAX_WAITING


async def test_a_network_is_built_although_its_caller_has_left(builders: Builders) -> None:
    task = asyncio.create_task(ask(builders, "sleep 0.3", "a"))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    async with asyncio.timeout(10):
        while builders._running:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
    assert await ask(builders, "again", "a") == "sleep 0.3 again"


async def test_the_zygote_is_started_again(builders: Builders) -> None:
    os.kill(int(await ask(builders, "pid", "a")), signal.SIGKILL)
    await asyncio.sleep(0.05)
    await until_ready(builders)
    assert await ask(builders, "next", "b") == "next"
