"""Whether answers are the same, but for rounding."""

from typing import Any

import numpy as np
import pytest
from epochal_trainer.export.answers import TOLERANCE, Differs, difference, tolerance_of

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        ([0.5, 1.0], [0.5, 1.0], 0.0),
        ([0.5, 1.0], [0.5, 1.00005], 5e-5),
        ([5e3, 1.0], [5e3 + 0.4, 1.0], 0.4),
        ([NAN, INF, -INF], [NAN, INF, -INF], 0.0),
        ([NAN, 0.5], [NAN, 0.50005], 5e-5),
        ([], [], 0.0),
        ([3, 4], [3, 4], 0.0),
        ([True, False], [True, False], 0.0),
        (["a", "b"], ["a", "b"], 0.0),
    ],
)
def test_rounding_makes_no_difference(wanted: list[Any], found: list[Any], expected: float) -> None:
    got = difference({"out": np.array(wanted)}, {"out": np.array(found), "more": np.array(9)}, TOLERANCE)
    assert got == pytest.approx(expected, rel=1e-3, abs=1e-12)


@pytest.mark.parametrize(
    ("wanted", "found", "said"),
    [
        ([0.5, 1.0], [0.5, 1.0003], "the output 'out' differs by 0.0003, and may by 0.0001"),
        ([5e3, 1.0], [5e3, 1.6], "differs by 0.6, and may by 0.5"),
        ([0.5], [NAN], "differs by inf"),
        ([INF], [-INF], "differs by inf"),
        ([1e300, 0.0], [INF, 0.0], "differs by inf"),
        ([0.5], [0.5, 0.5], "has the shape (2,) of float64, and Keras gives (1,) of float64"),
        ([0.5], [1], "has the shape (1,) of int64, and Keras gives (1,) of float64"),
        ([3], [4], "differs by 1, and may by 0.0003"),
        (["a"], ["b"], "gives other words than Keras"),
    ],
)
def test_more_than_rounding_is_told(wanted: list[Any], found: list[Any], said: str) -> None:
    with pytest.raises(Differs) as told:
        difference({"out": np.array(wanted)}, {"out": np.array(found)}, TOLERANCE)
    assert said in str(told.value)


def test_the_largest_difference_of_all_outputs_counts() -> None:
    wanted = {"a": np.zeros(3), "b": np.zeros((2, 2))}
    found = {"a": np.array([0, 2e-5, 0]), "b": np.array([[0, 0], [-3e-5, 0]])}
    assert difference(wanted, found, TOLERANCE) == pytest.approx(3e-5)


def test_what_was_trained_in_coarse_types_may_differ_by_as_much() -> None:
    assert tolerance_of("float32") == tolerance_of("float64") == TOLERANCE
    assert TOLERANCE < tolerance_of("float16") < tolerance_of("bfloat16") < 0.1
