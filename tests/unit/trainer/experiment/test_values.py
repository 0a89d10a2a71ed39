import math

import pytest
from epochal_trainer.experiment.values import clip, number, visible_range


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.5", 0.5), ("1e-4", 1e-4), ("-3", -3), (None, None), ("", None), ("nan", None), ("inf", None), ("Adam", None)],
)
def test_numbers_are_finite(text: str | None, expected: float | None) -> None:
    assert number(text) == expected


def test_large_numbers_are_limited() -> None:
    assert number("1e308") == -number("-1e308") == 1e30  # type: ignore[operator]


@pytest.mark.parametrize(
    ("values", "maximize", "sees", "sees_not"),
    [
        ([0.9, 0.95, 0.92], True, [0.9, 0.95], []),
        ([0.9, 0.91, 0.92, 0.93, 0.1], True, [0.9, 0.93], [0.1]),
        ([0.3, 0.31, 0.35, 0.33, 1e30], False, [0.3, 0.35], [1e30]),
        ([0.5], True, [0.5], []),
        ([0.0, 0.0], False, [0.0], []),
        ([0.5, 0.5, 0.5, 0.5, 0.1], True, [0.5, 0.1], []),
        ([-1e30, 1e30], True, [-1e30, 1e30], []),
    ],
)
def test_the_visible_range_excludes_outliers(
    values: list[float], *, maximize: bool, sees: list[float], sees_not: list[float]
) -> None:
    low, high = visible_range(values, maximize=maximize)
    assert math.isfinite(low)
    assert low < high
    assert all(low <= value <= high for value in sees)
    assert not any(low <= value <= high for value in sees_not)
    assert all(clip(value, (low, high)) in (low, high) for value in sees_not)
