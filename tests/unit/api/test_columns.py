from typing import Any

import pytest
from epochal_api.columns import from_columns, to_columns
from hypothesis import given
from hypothesis import strategies as some

TRIALS = [
    {"number": 0, "parameters": {"rate": "0.1"}, "rungs": [{"epoch": 1}, {"epoch": 3}]},
    {"number": 1, "parameters": {"rate": "0.2", "units": "32"}, "failed": {"rung": 0}},
]
COLUMNS = {
    "fields": {
        "number": [0, 1],
        "parameters": {"fields": {"rate": ["0.1", "0.2"], "units": [None, "32"]}},
        "rungs": {"counts": [2, 0], "items": {"fields": {"epoch": [1, 3]}}},
        "failed": {"fields": {"rung": [None, 0]}},
    }
}


def test_to_columns() -> None:
    assert to_columns(TRIALS) == COLUMNS


def test_from_columns() -> None:
    assert from_columns(COLUMNS) == TRIALS


LEAVES = some.none() | some.integers() | some.text(max_size=3)
ROWS = some.recursive(
    some.dictionaries(some.text(max_size=2), LEAVES, max_size=3),
    lambda inner: some.dictionaries(some.text(max_size=2), LEAVES | inner | some.lists(inner, max_size=3), max_size=3),
    max_leaves=12,
)


def without_empty(value: Any) -> Any:
    """Return a value without empty fields."""
    if isinstance(value, dict):
        found = {name: without_empty(one) for name, one in value.items()}
        return {name: one for name, one in found.items() if one not in (None, {}, [])}
    return [without_empty(one) for one in value] if isinstance(value, list) else value


@given(some.lists(ROWS, max_size=4))
def test_round_trip_of_any_rows(given_rows: list[Any]) -> None:
    assert without_empty(from_columns(to_columns(given_rows))) == without_empty(given_rows)


@pytest.mark.parametrize(
    "damaged",
    [
        None,
        "text",
        7,
        {},
        {"fields": [1]},
        {"fields": {"number": 1}},
        {"fields": {"number": [0, 1], "state": ["Paused"]}},
        {"counts": [1]},
        {"counts": [1], "items": []},
        {"counts": [1], "items": [1, 2]},
        {"counts": [-1], "items": []},
        {"counts": ["1"], "items": [1]},
        {"counts": [None], "items": [1]},
        {"counts": [10**30], "items": [1]},
    ],
)
def test_damaged_columns_are_refused(damaged: Any) -> None:
    with pytest.raises(ValueError, match=r"column|zip|islice"):
        from_columns(damaged)
