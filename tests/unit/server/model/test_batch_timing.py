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
    timing.record(8, 0.88)
    assert timing.seconds(80) == pytest.approx(80 * 0.02)


def test_forgets_a_single_slow_call() -> None:
    timing = BatchTiming(0.01, 8)
    timing.record(8, 80.0)
    for _ in range(100):
        timing.record(8, 0.08)
    assert timing.seconds(8) == pytest.approx(0.08, rel=0.01)


def test_a_queue_of_requests_that_never_fill_a_batch_is_measured_by_their_batches() -> None:
    timing = BatchTiming(0.01, 32)
    for _ in range(100):
        timing.record(30, 60.0)  # ten requests of 3 samples
    assert timing.seconds(320) == pytest.approx(640, rel=0.01)


@pytest.mark.parametrize("samples", [1, 3, 16])
def test_small_batches_correct_a_full_batch_during_which_the_node_stood_still(samples: int) -> None:
    timing = BatchTiming(0.01, 32)
    timing.record(32, 300.0)
    for _ in range(100):
        timing.record(samples, samples * 0.02)
    assert timing.seconds(320) == pytest.approx(4 * 6.4, rel=0.01)


def test_small_batches_do_not_hide_that_full_batches_are_slower() -> None:
    timing = BatchTiming(0.002, 32)
    for _ in range(100):
        timing.record(1, 0.001)
    assert timing.seconds(320) == pytest.approx(0.64)


def test_small_batches_never_raise_the_time_of_full_batches() -> None:
    timing = BatchTiming(0.01, 32)
    timing.record(1, 300.0)
    assert timing.seconds(320) == pytest.approx(3.2)
