"""Authentication of pods: the API server reviews a request's bearer token, which is bound to the pod."""

import hashlib
from collections.abc import Callable
from time import monotonic

from epochal_operator.runtime.kube import Kube
from epochal_operator.runtime.lookup import Lookup
from epochal_operator.runtime.token_review import Identity

ENTRIES = 50_000
"""Limit of cached identities, far more than pods that send requests at a time.

Only the leader knows the number of these pods. The cache does not need it: an identity is cached for a minute, so the
cache holds the senders of one minute."""
REVIEWS = 8
"""Maximum number of concurrent token reviews."""
KNOWN_SECONDS = 60.0
UNKNOWN_SECONDS = 5.0
"""Shorter than for an accepted token, because an API server in trouble may also refuse a token."""

_SCHEME = "bearer"
_MAX_TOKEN = 8192


def bearer(header: str | None) -> str | None:
    """Return the token in an Authorization header, or None if the header has no valid bearer token."""
    scheme, _, token = (header or "").partition(" ")
    token = token.strip()
    if scheme.lower() != _SCHEME or not token.isascii() or not 0 < len(token) <= _MAX_TOKEN:
        return None
    return token


class PodAuth:
    """Returns the identities of tokens, with a cache to avoid token reviews.

    Args:
        kube: The API server.
        audience: The audience for which a token must be valid.
        clock: Returns the time in seconds.
    """

    def __init__(self, kube: Kube, audience: str, clock: Callable[[], float] = monotonic) -> None:
        self._kube = kube
        self._audience = audience
        self._identities = Lookup[bytes, Identity](
            most=ENTRIES, yes_seconds=KNOWN_SECONDS, no_seconds=UNKNOWN_SECONDS, at_once=REVIEWS, clock=clock
        )

    def known(self, token: str) -> Identity | None:
        """Return the cached identity of a token, or None if it is not cached."""
        return self._identities.known(_digest(token))

    async def identity(self, token: str) -> Identity | None:
        """Return the identity of a token, or None if the token is not valid for the audience.

        Raises:
            ApiError: If the token review fails.
        """
        return await self._identities.get(_digest(token), lambda: self._kube.review_token(token, self._audience))


def _digest(token: str) -> bytes:
    # Keep as few tokens as possible in this process's memory, for example for a core dump.
    return hashlib.sha256(token.encode()).digest()
