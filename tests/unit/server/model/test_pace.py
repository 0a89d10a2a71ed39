"""The seconds that a model takes."""

import pytest
from epochal_server.model.pace import Pace


def test_begins_with_the_pace_of_the_warm_up() -> None:
    pace = Pace(0.5, 8)
    assert [pace.seconds(samples) for samples in (0, 1, 7, 8, 20)] == [0, 0.5, 3.5, 4, 10]


def test_learns_the_pace_of_each_size_of_a_batch() -> None:
    pace = Pace(0.01, 8)
    for _ in range(100):
        pace.measured(1, 1.0)
    assert pace.seconds(1) == pytest.approx(1.0, rel=0.01)
    assert pace.seconds(800) == pytest.approx(8.0)
    pace.measured(8, 1.68)
    assert pace.seconds(80) == pytest.approx(80 * 0.03)


def test_a_call_that_took_long_once_is_forgotten() -> None:
    pace = Pace(0.01, 8)
    pace.measured(8, 80.0)
    for _ in range(100):
        pace.measured(8, 0.08)
    assert pace.seconds(8) == pytest.approx(0.08, rel=0.01)
