import math
from statistics import mean, median

import pytest

from tests.bench.ratio import Ratio, interval

STEADY = [[4.0, 4.1, 4.0, 4.2]] * 6


def scaled(rounds: list[list[float]], factor: float) -> list[list[float]]:
    return [[value * factor for value in run] for run in rounds]


def test_the_same_twice() -> None:
    ratio = Ratio.of(STEADY, STEADY)
    assert (ratio.middle, ratio.low, ratio.high, ratio.minima) == (1, 1, 1, 1)
    assert ratio.within(1.01)
    assert ratio.describe(1.01) == "ratio 1.000 (1.000-1.000)"


def test_slower_by_a_tenth() -> None:
    ratio = Ratio.of(scaled(STEADY, 1.1), STEADY)
    assert ratio.middle == pytest.approx(1.1)
    assert ratio.minima == pytest.approx(1.1)
    assert not ratio.within(1.01)
    assert "hides" not in ratio.describe(1.01)


def test_medians_and_minima_differ() -> None:
    slow_at_times = [[4.0, 4.0, 6.0, 6.0]] * 6
    ratio = Ratio.of(STEADY, slow_at_times)
    assert ratio.middle == pytest.approx(4.05 / 5)
    assert ratio.minima == 1


def test_a_spread_across_the_goal_misses_it() -> None:
    two_modes = [[4.0] * 4, [6.0] * 4] * 3
    ratio = Ratio.of(two_modes, list(reversed(two_modes)))
    assert ratio.middle == 1
    assert ratio.low < 1.01 < ratio.high
    assert not ratio.within(1.01)
    assert ratio.describe(1.01).endswith("the spread hides the goal")


def test_the_interval_draws_rounds_so_that_shared_noise_cancels() -> None:
    drifting = scaled(STEADY[:3], 1.0) + scaled(STEADY[3:], 1.5)
    ratio = Ratio.of(scaled(drifting, 1.1), drifting)
    assert [ratio.low, ratio.high] == pytest.approx([1.1, 1.1])


def test_both_sides_need_equally_many_runs() -> None:
    with pytest.raises(ValueError, match="zip"):
        Ratio.of(STEADY, STEADY[:5])


def test_by_means() -> None:
    assert Ratio.of([[3.0], [6.0], [6.0]], [[4.0], [4.0], [4.0]], middle=mean).middle == pytest.approx(1.25)


def test_the_interval_of_a_median() -> None:
    assert interval([4.0] * 20, median) == (4, 4)
    low, high = interval([float(value) for value in range(1, 21)], median)
    assert low < 10.5 < high
    assert interval([1.0, 2.0, math.inf], median)[1] == math.inf


def test_at_least() -> None:
    rates = Ratio.of(scaled(STEADY, 0.5), STEADY)
    assert rates.reaches(0.45)
    assert rates.describe_minimum(0.45) == "ratio 0.500 (0.500-0.500)"
    assert not rates.reaches(0.6)
    assert "hides" not in rates.describe_minimum(0.6)


def test_a_spread_across_the_minimum_misses_it() -> None:
    two_modes = [[4.0] * 4, [6.0] * 4] * 3
    ratio = Ratio.of(two_modes, list(reversed(two_modes)))
    assert not ratio.reaches(0.9)
    assert ratio.describe_minimum(0.9).endswith("the spread hides the goal")
