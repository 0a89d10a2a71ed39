"""The number of trials in one request to the searcher."""

import pytest
from epochal_operator.experiment.search.request import BATCH
from epochal_operator.experiment.search.searcher_pool import FAST_SECONDS, BatchSizes
from epochal_operator.runtime.api.resource import Key

KEY, OTHER = Key("vision", "search"), Key("vision", "other")


@pytest.mark.parametrize(
    ("count", "can_retry", "size"),
    [(40, True, 20), (1, False, 1), (0, False, BATCH)],  # a request for importances has no trials
)
def test_a_timeout_halves_the_batch_size(count: int, size: int, *, can_retry: bool) -> None:
    sizes = BatchSizes()
    assert sizes.record_timeout(KEY, count) is can_retry
    assert (sizes.of(KEY), sizes.of(OTHER)) == (size, BATCH)
    sizes.forget(KEY)
    assert sizes.of(KEY) == BATCH


@pytest.mark.parametrize(
    ("count", "seconds", "size"),
    [
        (20, FAST_SECONDS, 40),
        (20, FAST_SECONDS + 1, 20),  # twice as many trials may exceed the timeout
        (19, 0, 20),  # a smaller request proves nothing
    ],
)
def test_a_fast_response_doubles_the_batch_size(count: int, seconds: float, size: int) -> None:
    sizes = BatchSizes()
    sizes.record_timeout(KEY, 40)
    sizes.record_response(KEY, count, seconds)
    assert sizes.of(KEY) == size


def test_the_batch_size_is_bounded() -> None:
    sizes = BatchSizes()
    sizes.record_timeout(KEY, BATCH)
    for _ in range(3):
        sizes.record_response(KEY, BATCH, 0)
    assert sizes.of(KEY) == BATCH
