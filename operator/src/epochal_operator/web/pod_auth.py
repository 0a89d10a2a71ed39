"""Which pod a request comes from: its bearer token is bound to that pod, which the API server knows."""

import hashlib
from collections.abc import Callable
from time import monotonic

from epochal_operator.runtime.kube import Kube
from epochal_operator.runtime.lookup import Lookup
from epochal_operator.runtime.token_review import Identity

ENTRIES = 50_000
"""Answers that are remembered: far more than pods that send requests at a time. Only the leader knows how many do, and
no other has to: as each is remembered for a minute, they are as many as have sent one within it."""
REVIEWS = 8
"""Questions to the API server under way at a time."""
KNOWN_SECONDS = 60.0
UNKNOWN_SECONDS = 5.0
"""A refusal is remembered for less time: it may come of an API server in trouble."""

_SCHEME = "bearer"
_MAX_TOKEN = 8192


def bearer(header: str | None) -> str | None:
    """Returns the token in an Authorization header, or None if there is none that could be one."""
    scheme, _, token = (header or "").partition(" ")
    token = token.strip()
    if scheme.lower() != _SCHEME or not token.isascii() or not 0 < len(token) <= _MAX_TOKEN:
        return None
    return token


class PodAuth:
    """Finds out whom a token speaks for, asking the API server as seldom as is safe.

    Args:
        kube: The API server.
        audience: The audience that a token must be for.
        clock: Returns the time in seconds.
    """

    def __init__(self, kube: Kube, audience: str, clock: Callable[[], float] = monotonic) -> None:
        self._kube = kube
        self._audience = audience
        self._identities = Lookup[bytes, Identity](
            most=ENTRIES, yes_seconds=KNOWN_SECONDS, no_seconds=UNKNOWN_SECONDS, at_once=REVIEWS, clock=clock
        )

    def known(self, token: str) -> Identity | None:
        """Returns whom a token speaks for, if that is known without asking."""
        return self._identities.known(_digest(token))

    async def identity(self, token: str) -> Identity | None:
        """Returns whom a token speaks for, or None if it is not valid for the audience.

        Raises:
            ApiError: If the API server cannot tell.
        """
        return await self._identities.get(_digest(token), lambda: self._kube.review_token(token, self._audience))


def _digest(token: str) -> bytes:
    # A dump of this process' memory should hold as few tokens as can be.
    return hashlib.sha256(token.encode()).digest()
