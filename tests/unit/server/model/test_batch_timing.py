"""The time of a sample, by the size of the batch."""

import pytest
from epochal_server.model.batch_timing import BatchTiming


def test_begins_with_the_time_of_the_warm_up() -> None:
    timing = BatchTiming(0.5, 8)
    assert [timing.seconds(samples) for samples in (0, 1, 7, 8, 20)] == [0, 0.5, 3.5, 4, 10]


def test_learns_the_time_of_each_batch_size() -> None:
    timing = BatchTiming(0.01, 8)
    for _ in range(100):
        timing.record(1, 1.0)
    assert timing.seconds(1) == pytest.approx(1.0, rel=0.01)
    assert timing.seconds(800) == pytest.approx(8.0)
    timing.record(8, 1.68)
    assert timing.seconds(80) == pytest.approx(80 * 0.03)


def test_forgets_a_single_slow_call() -> None:
    timing = BatchTiming(0.01, 8)
    timing.record(8, 80.0)
    for _ in range(100):
        timing.record(8, 0.08)
    assert timing.seconds(8) == pytest.approx(0.08, rel=0.01)
