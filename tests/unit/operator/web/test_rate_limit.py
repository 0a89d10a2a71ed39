"""Each client has a token bucket, whatever other clients do."""

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
def test_take_returns_the_wait_for_a_token(bucket: Bucket, now: float, after: float, wait: float) -> None:
    taken, seconds = bucket.take(now, burst=10, per_second=4)
    assert taken == Bucket(after, now)
    assert seconds == wait


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_pattern_of_requests_exceeds_the_rate(pauses: list[float]) -> None:
    now = [0.0]
    limit = RateLimit(burst=10, per_second=4, clients=2, clock=lambda: now[0])
    granted = 0
    for pause in pauses:
        now[0] += pause
        granted += limit.take("a") == 0
        assert granted <= 10 + 4 * now[0] + 1e-6


@given(st.integers(10, 100))
def test_a_request_after_the_returned_wait_is_allowed(before: int) -> None:
    now = [0.0]
    limit = RateLimit(burst=10, per_second=4, clients=2, clock=lambda: now[0])
    for _ in range(before):
        limit.take("a")
    now[0] += limit.take("a") + 1e-9
    assert limit.take("a") == 0


def test_each_client_has_its_own_bucket() -> None:
    limit = RateLimit(burst=1, per_second=1, clients=2, clock=lambda: 0.0)
    assert [limit.take(client) for client in ["a", "a", "b", "b"]] == [0, 1, 0, 1]


def test_the_number_of_tracked_clients_is_limited() -> None:
    limit = RateLimit(burst=1, per_second=1, clients=2, clock=lambda: 0.0)
    assert [limit.take(client) for client in ["a", "b", "c", "a", "c"]] == [0, 0, 0, 0, 1]
