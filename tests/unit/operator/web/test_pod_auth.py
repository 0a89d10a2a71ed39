"""The identity of a token: reviewed seldom, cached for a limited time, and never stored as text."""

from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime.api.errors import Unavailable
from epochal_operator.runtime.api.resource import TOKEN_REVIEWS, Resource
from epochal_operator.web import pod_auth
from epochal_operator.web.pod_auth import Identity, PodAuth, bearer
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operator.fakes import reviewed

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube

TRAINER = Identity("system:serviceaccount:vision:default", "vision", "mnist-x7k2p", "pod-uid")


class Reviews:
    """An API server that reviews tokens and counts the reviews."""

    def __init__(self) -> None:
        self.tokens: dict[str, Identity] = {"good": TRAINER}
        self.count = 0
        self.is_down = False
        self.now = 0.0

    async def create(self, resource: Resource, review: dict[str, Any]) -> dict[str, Any]:
        self.count += 1
        assert resource == TOKEN_REVIEWS
        if self.is_down:
            raise Unavailable(0, "TimeoutError", "no answer")
        return reviewed(review, self.tokens)


@pytest.fixture
def reviews() -> Reviews:
    return Reviews()


@pytest.fixture
def auth(reviews: Reviews) -> PodAuth:
    return PodAuth(cast("Kube", reviews), "epochal.dev", lambda: reviews.now)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("abc", None),
        ("Bearer äöü", None),
        ("Bearer " + "a" * 8193, None),
    ],
)
def test_the_bearer_token_of_a_header(header: str | None, token: str | None) -> None:
    assert bearer(header) == token


@given(st.text())
def test_any_header_gives_a_valid_token_or_none(header: str) -> None:
    token = bearer(header)
    assert token is None or (token and token.isascii() and header.lower().startswith("bearer "))


async def test_a_token_is_reviewed_once(reviews: Reviews, auth: PodAuth) -> None:
    for _ in range(3):
        assert await auth.identity("good") == TRAINER
        assert await auth.identity("forged") is None
    assert reviews.count == 2


@pytest.mark.parametrize(("seconds", "asked"), [(59, 0), (61, 1)])
async def test_a_valid_token_is_cached_for_a_minute(
    reviews: Reviews, auth: PodAuth, seconds: float, asked: int
) -> None:
    assert await auth.identity("good") == TRAINER
    reviews.count = 0
    reviews.tokens.clear()
    reviews.now = seconds
    assert (auth.cached("good"), await auth.identity("good")) == ((None, None) if asked else (TRAINER, TRAINER))
    assert reviews.count == asked


@pytest.mark.parametrize(("seconds", "later"), [(4.9, None), (5.1, TRAINER)])
async def test_an_invalid_token_is_cached_for_seconds(
    reviews: Reviews, auth: PodAuth, seconds: float, later: Identity | None
) -> None:
    assert await auth.identity("late") is None
    reviews.tokens["late"] = TRAINER
    reviews.now = seconds
    assert await auth.identity("late") == later


async def test_each_pod_costs_one_review_a_minute(reviews: Reviews, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pod_auth.ENTRIES >= 20_000
    monkeypatch.setattr(pod_auth, "ENTRIES", 1_500)
    auth = PodAuth(cast("Kube", reviews), "epochal.dev", lambda: reviews.now)
    reviews.tokens = {f"token-{number}": TRAINER for number in range(1_500)}
    for token in reviews.tokens:
        await auth.identity(token)
        await auth.identity(f"junk-{token}")
    reviews.count = 0
    for token in reviews.tokens:
        assert await auth.identity(token) is not None
    assert reviews.count == 0


async def test_an_unavailable_api_server_refuses_no_token(reviews: Reviews, auth: PodAuth) -> None:
    reviews.is_down = True
    with pytest.raises(Unavailable):
        await auth.identity("good")
    reviews.is_down = False
    assert await auth.identity("good") == TRAINER


async def test_no_token_is_kept_in_memory(auth: PodAuth) -> None:
    await auth.identity("good")
    assert "good" not in repr(vars(auth._identities))
