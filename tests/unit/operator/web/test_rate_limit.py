"""A client may go on as often as its bucket says, whatever others do."""

import pytest
from epochal_operator.web.rate_limit import Bucket, RateLimit
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("bucket", "now", "after", "wait"),
    [
        (Bucket(10, 0), 0, 9, 0),
        (Bucket(1, 0), 0, 0, 0),
        (Bucket(0, 0), 0, 0, 0.25),
        (Bucket(0, 0), 0.125, 0.5, 0.125),
        (Bucket(0, 0), 0.25, 0, 0),
        (Bucket(0, 0), 1000, 9, 0),
        (Bucket(0.5, 10), 9, 0.5, 0.125),
    ],
)
def test_a_token_is_taken_or_waited_for(bucket: Bucket, now: float, after: float, wait: float) -> None:
    taken, seconds = bucket.take(now, burst=10, per_second=4)
    assert taken == Bucket(after, now)
    assert seconds == wait


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_pattern_of_requests_gets_more_than_its_share(pauses: list[float]) -> None:
    now = [0.0]
    limit = RateLimit(burst=10, per_second=4, clients=2, clock=lambda: now[0])
    granted = 0
    for pause in pauses:
        now[0] += pause
        granted += limit.wait("a") == 0
        assert granted <= 10 + 4 * now[0] + 1e-6


@given(st.integers(10, 100))
def test_who_waits_as_told_may_go_on(before: int) -> None:
    now = [0.0]
    limit = RateLimit(burst=10, per_second=4, clients=2, clock=lambda: now[0])
    for _ in range(before):
        limit.wait("a")
    now[0] += limit.wait("a") + 1e-9
    assert limit.wait("a") == 0


def test_clients_do_not_share() -> None:
    limit = RateLimit(burst=1, per_second=1, clients=2, clock=lambda: 0.0)
    assert [limit.wait(client) for client in ["a", "a", "b", "b"]] == [0, 1, 0, 1]


def test_more_clients_than_it_knows_do_not_grow_it() -> None:
    limit = RateLimit(burst=1, per_second=1, clients=2, clock=lambda: 0.0)
    assert [limit.wait(client) for client in ["a", "b", "c", "a", "c"]] == [0, 0, 0, 0, 1]
