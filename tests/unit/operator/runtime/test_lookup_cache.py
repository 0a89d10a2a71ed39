"""Lookups are shared and cached; found and missing keys have separate limits."""

import asyncio

import pytest
from epochal_operator.runtime import lookup_cache
from epochal_operator.runtime.lookup_cache import LookupCache


class Source:
    """Counts its lookups and records their keys."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.running = self.max_running = 0
        self.error: Exception | None = None

    async def look_up(self, key: str) -> str | None:
        self.keys.append(key)
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        if self.error:
            raise self.error
        return None if key.startswith("no") else f"value of {key}"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make(clock: Clock, *, max_found: int = 100, concurrency: int = 8) -> LookupCache[str, str]:
    return LookupCache(max_found=max_found, found_seconds=60, missing_seconds=5, concurrency=concurrency, clock=clock)


async def get(cache: LookupCache[str, str], source: Source, key: str) -> str | None:
    return await cache.get(key, lambda: source.look_up(key))


async def test_concurrent_callers_of_a_key_share_a_lookup() -> None:
    cache, source = make(Clock()), Source()
    answers = await asyncio.gather(*(get(cache, source, key) for key in ["a", "no", "a", "no", "a"]))
    assert answers == ["value of a", None, "value of a", None, "value of a"]
    assert sorted(source.keys) == ["a", "no"]


async def test_concurrent_lookups_are_limited() -> None:
    cache, source = make(Clock(), concurrency=3), Source()
    await asyncio.gather(*(get(cache, source, f"no{number}") for number in range(50)))
    assert source.max_running == 3


@pytest.mark.parametrize(("key", "seconds"), [("a", 60), ("no", 5)])
async def test_an_expired_key_is_looked_up_again(key: str, seconds: float) -> None:
    clock, source = Clock(), Source()
    cache = make(clock)
    await get(cache, source, key)
    clock.now = seconds - 0.1
    await get(cache, source, key)
    assert source.keys == [key]
    clock.now = seconds
    assert cache.cached(key) is None
    await get(cache, source, key)
    assert source.keys == [key, key]


async def test_missing_keys_evict_no_found_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_cache, "MAX_MISSING", 10)
    cache, source = make(Clock()), Source()
    await get(cache, source, "a")
    for number in range(200):
        await get(cache, source, f"no{number}")
    assert cache.cached("a") == "value of a"
    assert len(cache._missing) == 10


async def test_a_full_cache_keeps_its_keys_until_they_expire() -> None:
    clock, source = Clock(), Source()
    cache = make(clock, max_found=4)
    for _ in range(3):
        for number in range(6):
            assert await get(cache, source, str(number)) == f"value of {number}"
    assert len(source.keys) == 6 + 2 + 2
    clock.now = 61
    await get(cache, source, "5")
    assert cache.cached("5") == "value of 5"


async def test_an_error_is_raised_and_not_cached() -> None:
    cache, source = make(Clock()), Source()
    source.error = OSError("no answer")
    with pytest.raises(OSError, match="no answer"):
        await get(cache, source, "a")
    source.error = None
    assert await get(cache, source, "a") == "value of a"


async def test_a_cancelled_lookup_is_repeated_for_the_next_caller() -> None:
    cache, source = make(Clock()), Source()
    never = asyncio.Event()

    async def hang() -> str:
        await never.wait()
        return "late"

    first = asyncio.create_task(cache.get("a", hang))
    await asyncio.sleep(0)
    second = asyncio.create_task(get(cache, source, "a"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "value of a"
