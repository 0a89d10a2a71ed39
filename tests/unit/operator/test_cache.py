"""The cache forgets in time and never grows."""

import pytest
from epochal_operator.cache import Cache
from hypothesis import given
from hypothesis import strategies as st


def test_a_value_is_kept_for_its_time() -> None:
    now = [0.0]
    cache: Cache[str, int | None] = Cache(2, lambda: now[0])
    assert cache.put("a", 1, seconds=10) == 1
    cache.put("nothing", None, seconds=5)
    now[0] = 4.9
    assert (cache["a"], cache["nothing"]) == (1, None)
    now[0] = 5.0
    assert "a" in cache
    assert "nothing" not in cache
    with pytest.raises(KeyError):
        cache["nothing"]


def test_the_first_goes_when_it_is_full() -> None:
    cache: Cache[str, int] = Cache(2, lambda: 0.0)
    for number, key in enumerate(["a", "b", "a", "c"]):
        cache.put(key, number, seconds=1)
    assert "b" not in cache
    assert (cache["a"], cache["c"]) == (2, 3)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 10))))
def test_it_never_grows_beyond_its_size(entries: list[tuple[int, float]]) -> None:
    cache: Cache[int, int] = Cache(7, lambda: 0.0)
    for key, seconds in entries:
        cache.put(key, key, seconds)
        assert len(cache) <= 7
        assert (key in cache) == (seconds > 0)
