"""Finds the owner of a token: the user name that limits for each user apply to, for any number of tokens."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from epochal.client.cluster import Cluster
from epochal.client.failures import UNAUTHORIZED
from epochal.client.kinds import SELF_REVIEWS
from epochal.errors import EpochalError

from epochal_studio.access import Access, Connections, user_key
from epochal_studio.problems import Refusal, expired, refusal_of
from epochal_studio.threads import DEADLINE_SECONDS, SIGN_IN, Threads

MAX_KNOWN = 2000
"""Maximum tokens whose owners (user names) are cached."""
MAX_AGE_SECONDS = 60.0
"""Seconds for which a token counts as valid after a review by the API server."""
CONFIRM_SECONDS = 5.0
"""Maximum seconds to review a token that was valid before. A request of the modeler waits for this review."""
MAX_OWNER = 256
_ANONYMOUS = "system:anonymous"
_SERVICE_ACCOUNT = "system:serviceaccount:"


class _Known(NamedTuple):
    """The owner of a token, and the time in seconds of the token's last review."""

    owner: str
    reviewed: float


class Owners:
    """A cache of the owners of tokens, from reviews by the API server (SelfSubjectReview).

    The user of a token never changes, so a second review only confirms that the token is still valid.

    Args:
        connections: Connections to the API server.
        threads: Threads for blocking calls.
        most: Maximum tokens in the cache.
        clock: Returns a monotonic time in seconds.
    """

    def __init__(
        self,
        connections: Connections,
        threads: Threads,
        most: int = MAX_KNOWN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self._threads = threads
        self._most = most
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._reviews: dict[str, asyncio.Task[str]] = {}

    async def of(self, token: str) -> str:
        """Return the owner of a token from the cache, or by a review of the API server.

        Raises:
            Refusal: 503, if too many reviews run; 504, if the review needs too long; 401, for an anonymous token.
            EpochalError: If the API server refuses the token, or does not answer.
        """
        key = user_key(token)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key].owner
        return await self._review(key, token, SIGN_IN, DEADLINE_SECONDS)

    async def confirm(self, access: Access, *, at_once: bool) -> None:
        """Let the API server review a token, unless its last review is less than a minute old.

        Without `at_once`, the token also counts as valid if the API server does not answer, so that pages still work.

        Args:
            access: The user of the token.
            at_once: Whether the API server has refused the token before. Then the token is always reviewed, and it is
                valid only if the review succeeds.

        Raises:
            ApiError: If the API server refuses the token.
            EpochalError: If the API server does not answer, and `at_once` is True.
            Refusal: 401, if the API server treats the token as anonymous; 503 or 504, if the review exceeds a limit,
                and `at_once` is True.
        """
        key = access.user_key
        known = self._known.get(key)
        if known is not None and not at_once and self._clock() - known.reviewed < MAX_AGE_SECONDS:
            return
        try:
            await self._review(key, access.token, access.owner, CONFIRM_SECONDS)
        except (EpochalError, Refusal) as error:
            if at_once or ((refused := refusal_of(error)) is not None and refused.status == UNAUTHORIZED):
                raise
            self._remember(key, access.owner)

    async def _review(self, key: str, token: str, user: str, seconds: float) -> str:
        """Return the owner of a token by a review of the API server. Concurrent calls for a token share one review.

        Args:
            key: Key of the token in the cache.
            token: The token.
            user: Key of the limit for the number of calls in threads.
            seconds: Maximum seconds of the review.
        """

        async def review() -> str:
            try:
                cluster = self._connections.cluster(token, "default")
                owner = owner_of(await self._threads.run(user, seconds, user_name, cluster))
            finally:
                del self._reviews[key]
            self._remember(key, owner)
            return owner

        # A page sends its first requests at the same time: one review for all.
        running = self._reviews.get(key)
        if running is None:
            running = self._reviews[key] = asyncio.create_task(review())
        return await asyncio.shield(running)

    def _remember(self, key: str, owner: str) -> None:
        self._known[key] = _Known(owner, self._clock())
        self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)


def user_name(cluster: Cluster) -> str:
    """Return the user name for the token of a cluster client, by a SelfSubjectReview of the API server.

    Raises:
        Refusal: 401, if the API server treats the token as anonymous.
        ApiError: If the API server refuses the token.
    """
    review: dict[str, Any] = {"apiVersion": SELF_REVIEWS.api_version, "kind": SELF_REVIEWS.name}
    found = cluster.create(SELF_REVIEWS, review)
    user = str(((found.get("status") or {}).get("userInfo") or {}).get("username") or "")
    if user in {"", _ANONYMOUS}:
        raise expired()
    return user


def owner_of(user: str) -> str:
    """Return the owner for a user name: the name itself, or `system:serviceaccount:NAMESPACE` for a ServiceAccount.

    All ServiceAccounts of a namespace share an owner, because a user who can create a token there can often create
    any number of ServiceAccounts.
    """
    if user.startswith(_SERVICE_ACCOUNT):
        return user.rpartition(":")[0][:MAX_OWNER]
    return user[:MAX_OWNER]
