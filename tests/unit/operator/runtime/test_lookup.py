"""A question is asked once, a yes and a no are remembered apart, and a full memory keeps what it has."""

import asyncio

import pytest
from epochal_operator.runtime import lookup
from epochal_operator.runtime.lookup import Lookup


class Oracle:
    """Answers after a moment, and counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self.error: Exception | None = None

    async def answer(self, key: str) -> str | None:
        self.asked.append(key)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.error:
            raise self.error
        return None if key.startswith("no") else f"answer to {key}"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make(clock: Clock, *, most: int = 100, at_once: int = 8) -> Lookup[str, str]:
    return Lookup(max_found=most, found_seconds=60, missing_seconds=5, concurrency=at_once, clock=clock)


async def ask(memory: Lookup[str, str], oracle: Oracle, key: str) -> str | None:
    return await memory.get(key, lambda: oracle.answer(key))


async def test_concurrent_callers_of_a_key_share_a_lookup() -> None:
    memory, oracle = make(Clock()), Oracle()
    answers = await asyncio.gather(*(ask(memory, oracle, key) for key in ["a", "no", "a", "no", "a"]))
    assert answers == ["answer to a", None, "answer to a", None, "answer to a"]
    assert sorted(oracle.asked) == ["a", "no"]


async def test_concurrent_lookups_are_limited() -> None:
    memory, oracle = make(Clock(), at_once=3), Oracle()
    await asyncio.gather(*(ask(memory, oracle, f"no{number}") for number in range(50)))
    assert oracle.most_at_once == 3


@pytest.mark.parametrize(("key", "seconds"), [("a", 60), ("no", 5)])
async def test_an_expired_key_is_looked_up_again(key: str, seconds: float) -> None:
    clock, oracle = Clock(), Oracle()
    memory = make(clock)
    await ask(memory, oracle, key)
    clock.now = seconds - 0.1
    await ask(memory, oracle, key)
    assert oracle.asked == [key]
    clock.now = seconds
    assert memory.cached(key) is None
    await ask(memory, oracle, key)
    assert oracle.asked == [key, key]


async def test_missing_keys_evict_no_found_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "MAX_MISSING", 10)
    memory, oracle = make(Clock()), Oracle()
    await ask(memory, oracle, "a")
    for number in range(200):
        await ask(memory, oracle, f"no{number}")
    assert memory.cached("a") == "answer to a"
    assert len(memory._missing) == 10


async def test_a_full_cache_keeps_its_keys_until_they_expire() -> None:
    clock, oracle = Clock(), Oracle()
    memory = make(clock, most=4)
    for _ in range(3):
        for number in range(6):
            assert await ask(memory, oracle, str(number)) == f"answer to {number}"
    assert len(oracle.asked) == 6 + 2 + 2
    clock.now = 61
    await ask(memory, oracle, "5")
    assert memory.cached("5") == "answer to 5"


async def test_an_error_is_raised_and_not_cached() -> None:
    memory, oracle = make(Clock()), Oracle()
    oracle.error = OSError("no answer")
    with pytest.raises(OSError, match="no answer"):
        await ask(memory, oracle, "a")
    oracle.error = None
    assert await ask(memory, oracle, "a") == "answer to a"


async def test_a_cancelled_lookup_is_repeated_for_the_next_caller() -> None:
    memory, oracle = make(Clock()), Oracle()
    never = asyncio.Event()

    async def hang() -> str:
        await never.wait()
        return "late"

    first = asyncio.create_task(memory.get("a", hang))
    await asyncio.sleep(0)
    second = asyncio.create_task(ask(memory, oracle, "a"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "answer to a"
