"""Which pod a token speaks for: asked seldom, remembered for a while, and never kept."""

import dataclasses
from typing import TYPE_CHECKING, Any, cast

import pytest
from epochal_operator.runtime.api.errors import Unavailable
from epochal_operator.runtime.api.resource import TOKEN_REVIEWS, Resource
from epochal_operator.web.pod_auth import Identity, PodAuth, bearer
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operator.fakes import reviewed

if TYPE_CHECKING:
    from epochal_operator.runtime.api.kube import Kube

TRAINER = Identity("system:serviceaccount:vision:default", "vision", "mnist-x7k2p", "pod-uid")


class Reviews:
    """What an API server says of tokens, and of how many it was asked."""

    def __init__(self) -> None:
        self.tokens: dict[str, Identity] = {"good": TRAINER}
        self.asked = 0
        self.down = False

    async def create(self, resource: Resource, review: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        assert resource == TOKEN_REVIEWS
        if self.down:
            raise Unavailable(0, "TimeoutError", "no answer")
        return reviewed(review, self.tokens)


def auth_by(reviews: Reviews, now: list[float] | None = None) -> PodAuth:
    seconds = now or [0.0]
    return PodAuth(cast("Kube", reviews), "epochal.dev", lambda: seconds[0])


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


async def test_a_token_is_reviewed_once() -> None:
    reviews = Reviews()
    auth = auth_by(reviews)
    for _ in range(3):
        assert await auth.identity("good") == TRAINER
        assert await auth.identity("forged") is None
    assert reviews.asked == 2


@pytest.mark.parametrize(("seconds", "asked"), [(59, 0), (61, 1)])
async def test_a_valid_token_is_cached_for_a_minute(seconds: float, asked: int) -> None:
    now, reviews = [0.0], Reviews()
    auth = auth_by(reviews, now)
    assert await auth.identity("good") == TRAINER
    reviews.asked = 0
    reviews.tokens.clear()
    now[0] = seconds
    assert (auth.cached("good"), await auth.identity("good")) == ((None, None) if asked else (TRAINER, TRAINER))
    assert reviews.asked == asked


@pytest.mark.parametrize(("seconds", "later"), [(4.9, None), (5.1, TRAINER)])
async def test_an_invalid_token_is_cached_for_seconds(seconds: float, later: Identity | None) -> None:
    now, reviews = [0.0], Reviews()
    auth = auth_by(reviews, now)
    assert await auth.identity("late") is None
    reviews.tokens["late"] = TRAINER
    now[0] = seconds
    assert await auth.identity("late") == later


@pytest.mark.parametrize("pods", [4_500, 20_000])
async def test_each_pod_costs_one_review_a_minute(pods: int) -> None:
    reviews = Reviews()
    reviews.tokens = {f"token-{number}": dataclasses.replace(TRAINER, pod_uid="pod-uid") for number in range(pods)}
    auth = auth_by(reviews)
    for _ in range(3):
        for token in reviews.tokens:
            await auth.identity(token)
            await auth.identity(f"junk-{token}")
    reviews.asked = 0
    for token in reviews.tokens:
        assert await auth.identity(token) is not None
    assert reviews.asked == 0


async def test_an_unavailable_api_server_refuses_no_token() -> None:
    reviews = Reviews()
    auth = auth_by(reviews)
    reviews.down = True
    with pytest.raises(Unavailable):
        await auth.identity("good")
    reviews.down = False
    assert await auth.identity("good") == TRAINER


async def test_no_token_is_kept_in_memory() -> None:
    auth = auth_by(Reviews())
    await auth.identity("good")
    assert "good" not in repr(vars(auth._identities))
