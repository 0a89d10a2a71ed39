"""Curves of any length in bounded memory."""

import tracemalloc
from collections.abc import Iterator

import pytest
from epochal.runs.history import Point
from epochal.runs.thinning import StopReading, Thinner, thinned_history


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 99, 1000, 12_345])
@pytest.mark.parametrize("limit", [3, 10, 11, 500])
def test_the_extremes_and_the_last_point_are_kept(count: int, limit: int) -> None:
    values = [(number * 7919) % 10_007 for number in range(count)]
    thinner = Thinner(limit)
    for start in range(0, count, 7):
        thinner.extend(range(start + 1, min(start + 7, count) + 1), values[start : start + 7])
    kept = thinner.points()
    assert len(kept) <= limit
    assert kept == sorted(kept)
    if count:
        assert {min(values), max(values), values[-1]} <= {point.value for point in kept}
    if count <= (limit - 1) // 2 * 2:
        assert len(kept) == count


def test_a_long_table_is_read_in_bounded_memory() -> None:
    def lines() -> Iterator[str]:
        yield "epoch,loss"
        for epoch in range(1, 30_001):
            yield f"{epoch},{epoch % 977}"

    tracemalloc.start()
    try:
        found = thinned_history(lines(), points=100, metrics=10)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()
    assert (found.epochs, found.is_thinned, found.is_complete) == (30_000, True, True)
    assert len(found.curves["loss"]) <= 100


def test_a_line_that_is_cut_off_and_values_that_are_not_finite_are_left_out() -> None:
    found = thinned_history(["epoch,loss,acc", "1,nan,0.5", "2,0.25,inf", "3,0.2"], points=10, metrics=10)
    assert found.curves == {"loss": [Point(2, 0.25)], "acc": [Point(1, 0.5)]}
    assert found.epochs == 2


def test_metrics_above_the_limit_are_counted() -> None:
    found = thinned_history(["epoch,a,b,b,c", "1,1,2,3,4"], points=10, metrics=2)
    assert (list(found.curves), found.omitted_metrics) == (["a", "b"], 1)
    assert found.curves["b"] == [Point(1, 2.0)]


def test_lines_that_stop_are_an_incomplete_history() -> None:
    def lines() -> Iterator[str]:
        yield from ("epoch,loss", "1,2")
        raise StopReading

    found = thinned_history(lines(), points=10, metrics=2)
    assert (found.epochs, found.is_complete) == (1, False)


@pytest.mark.parametrize(
    "lines", [[], [""], ["\0"], ['"epoch', "1"], ["loss", "1"], ["epoch", "x", "1e400", "-1"], ["epoch,a", "1,x"]]
)
def test_a_damaged_table_is_no_error(lines: list[str]) -> None:
    assert not any(thinned_history(lines, points=10, metrics=2).curves.values())
