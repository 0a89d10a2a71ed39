"""How many trials are suggested at once."""

import pytest
from epochal_operator.experiment.search.request import BATCH
from epochal_operator.experiment.search.searcher_pool import FAST_SECONDS, BatchSizes
from epochal_operator.runtime.api.resource import Key

KEY, OTHER = Key("vision", "search"), Key("vision", "other")


def test_what_takes_too_long_is_asked_for_half_as_many() -> None:
    batches = BatchSizes()
    assert batches.too_slow(KEY, 40)
    assert (batches.of(KEY), batches.of(OTHER)) == (20, BATCH)
    batches.forget(KEY)
    assert batches.of(KEY) == BATCH


def test_of_one_there_is_no_half() -> None:
    batches = BatchSizes()
    assert not batches.too_slow(KEY, 1)
    assert batches.of(KEY) == 1


def test_another_question_that_takes_too_long_says_nothing_of_trials() -> None:
    batches = BatchSizes()
    assert not batches.too_slow(KEY, 0)
    assert batches.of(KEY) == BATCH


@pytest.mark.parametrize(
    ("asked", "seconds", "most"),
    [
        (20, FAST_SECONDS, 40),
        (20, FAST_SECONDS + 1, 20),  # twice as many may take too long
        (19, 0, 20),  # of fewer than there may be, that says nothing
    ],
)
def test_what_is_answered_soon_is_asked_for_twice_as_many(asked: int, seconds: float, most: int) -> None:
    batches = BatchSizes()
    batches.too_slow(KEY, 40)
    batches.answered(KEY, asked, seconds)
    assert batches.of(KEY) == most


def test_no_more_are_asked_for_than_at_first() -> None:
    batches = BatchSizes()
    batches.too_slow(KEY, BATCH)
    for _ in range(3):
        batches.answered(KEY, BATCH, 0)
    assert batches.of(KEY) == BATCH
