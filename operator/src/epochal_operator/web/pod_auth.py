"""Authentication of pods by the bearer tokens of their requests. The API server reviews a token, and names its pod."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import TOKEN_REVIEWS
from epochal_operator.runtime.lookup_cache import LookupCache

ENTRIES = 50_000
"""Maximum number of cached identities: more than the pods that send requests within ACCEPTED_TOKEN_SECONDS."""
REVIEWS = 8
"""Maximum number of concurrent token reviews."""
ACCEPTED_TOKEN_SECONDS = 60.0
REFUSED_TOKEN_SECONDS = 5.0
"""Seconds for which a refused token is cached: few, because a failing API server may refuse a valid token."""

_SCHEME = "bearer"
_MAX_TOKEN = 8192


@dataclass(frozen=True)
class Identity:
    """The service account and the pod of a bearer token, as the API server reports them.

    Args:
        username: User name, such as system:serviceaccount:NAMESPACE:NAME.
        namespace: Namespace of the service account, or an empty string.
        pod_name: Name of the pod to which the token is bound; empty if it is not bound.
        pod_uid: UID of this pod; empty if the token is not bound.
    """

    username: str
    namespace: str
    pod_name: str
    pod_uid: str


def bearer(header: str | None) -> str | None:
    """Return the token in an Authorization header, or None if the header has no valid bearer token."""
    scheme, _, token = (header or "").partition(" ")
    token = token.strip()
    if scheme.lower() != _SCHEME or not token.isascii() or not 0 < len(token) <= _MAX_TOKEN:
        return None
    return token


class PodAuth:
    """Returns the identities of tokens that are valid for an audience, and caches the results of token reviews."""

    def __init__(self, kube: Kube, audience: str, clock: Callable[[], float] = monotonic) -> None:
        self._kube = kube
        self._audience = audience
        self._identities = LookupCache[bytes, Identity](
            max_found=ENTRIES,
            found_seconds=ACCEPTED_TOKEN_SECONDS,
            missing_seconds=REFUSED_TOKEN_SECONDS,
            concurrency=REVIEWS,
            clock=clock,
        )

    def cached(self, token: str) -> Identity | None:
        """Return the cached identity of a token, or None if the token was refused or is not cached."""
        return self._identities.cached(_digest(token))

    async def identity(self, token: str) -> Identity | None:
        """Return the identity of a token, or None if the token is not valid for the audience.

        Raises:
            ApiError: If the token review fails.
        """
        return await self._identities.get(_digest(token), lambda: self._review(token))

    async def _review(self, token: str) -> Identity | None:
        review = await self._kube.create(TOKEN_REVIEWS, token_review(token, self._audience))
        return _identity(review.get("status", {}), self._audience)


def token_review(token: str, audience: str) -> dict[str, Any]:
    """Return the TokenReview that asks the API server whether a token is valid for an audience."""
    return TOKEN_REVIEWS.header | {"spec": {"token": token, "audiences": [audience]}}


def _identity(status: Mapping[str, Any], audience: str) -> Identity | None:
    if not status.get("authenticated") or audience not in status.get("audiences", []):
        return None
    user = status.get("user", {})
    username, extra = user.get("username", ""), user.get("extra", {})
    parts = username.split(":")
    return Identity(
        username=username,
        namespace=parts[2] if parts[:2] == ["system", "serviceaccount"] and len(parts) == 4 else "",  # noqa: PLR2004
        pod_name=next(iter(extra.get("authentication.kubernetes.io/pod-name", [])), ""),
        pod_uid=next(iter(extra.get("authentication.kubernetes.io/pod-uid", [])), ""),
    )


def _digest(token: str) -> bytes:
    # A core dump of this process must contain as few tokens as possible.
    return hashlib.sha256(token.encode()).digest()
