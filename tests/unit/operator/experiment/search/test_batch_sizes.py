"""How many trials are suggested at once."""

import pytest
from epochal_operator.experiment.search.request import BATCH
from epochal_operator.experiment.search.searcher_pool import FAST_SECONDS, BatchSizes
from epochal_operator.runtime.api.resource import Key

KEY, OTHER = Key("vision", "search"), Key("vision", "other")


def test_a_timeout_halves_the_batch_size() -> None:
    batches = BatchSizes()
    assert batches.record_timeout(KEY, 40)
    assert (batches.of(KEY), batches.of(OTHER)) == (20, BATCH)
    batches.forget(KEY)
    assert batches.of(KEY) == BATCH


def test_the_smallest_batch_size_is_1() -> None:
    batches = BatchSizes()
    assert not batches.record_timeout(KEY, 1)
    assert batches.of(KEY) == 1


def test_a_timeout_without_trials_keeps_the_batch_size() -> None:
    batches = BatchSizes()
    assert not batches.record_timeout(KEY, 0)
    assert batches.of(KEY) == BATCH


@pytest.mark.parametrize(
    ("asked", "seconds", "most"),
    [
        (20, FAST_SECONDS, 40),
        (20, FAST_SECONDS + 1, 20),  # twice as many may take too long
        (19, 0, 20),  # of fewer than there may be, that says nothing
    ],
)
def test_a_fast_response_doubles_the_batch_size(asked: int, seconds: float, most: int) -> None:
    batches = BatchSizes()
    batches.record_timeout(KEY, 40)
    batches.record_response(KEY, asked, seconds)
    assert batches.of(KEY) == most


def test_the_batch_size_is_bounded() -> None:
    batches = BatchSizes()
    batches.record_timeout(KEY, BATCH)
    for _ in range(3):
        batches.record_response(KEY, BATCH, 0)
    assert batches.of(KEY) == BATCH
