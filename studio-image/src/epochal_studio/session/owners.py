"""The owner of a token: the user whose requests are bounded together, however many tokens he has."""

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
"""Maximum tokens whose owners stay in memory."""
MAX_AGE_SECONDS = 60.0
"""Time for which a review confirms a token."""
CONFIRM_SECONDS = 5.0
"""Time limit for the review of a token that was valid before. A page of the modeler waits for it."""
MAX_OWNER = 256
_ANONYMOUS = "system:anonymous"
_SERVICE_ACCOUNT = "system:serviceaccount:"


class _Known(NamedTuple):
    """The owner of a token, and the time of its last review."""

    owner: str
    reviewed: float


class Owners:
    """The owners of tokens. The user of a token never changes, so a second review only confirms the token.

    Args:
        connections: Connections to the API server.
        threads: Threads for calls that block.
        most: Maximum owners in memory.
        clock: Returns the time in seconds.
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
        """Return the owner of a token.

        Raises:
            Refusal: If too many reviews wait.
            EpochalError: If the API server refuses the token, or does not answer.
        """
        key = user_key(token)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key].owner
        return await self._review(key, token, SIGN_IN, DEADLINE_SECONDS)

    async def confirm(self, access: Access, *, at_once: bool) -> None:
        """Review a token whose last review is more than a minute old.

        Only a refusal counts, so that a page goes on while the API server does not answer.

        Args:
            access: The user of the token.
            at_once: Whether the API server has refused the token. Then only a new review confirms it.

        Raises:
            ApiError: If the API server refuses the token.
            EpochalError: If the API server does not answer about a token that it has refused.
            Refusal: If too many reviews of such a token wait.
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
        """Return the owner of a token by a review.

        Args:
            key: Key of the token.
            token: The token.
            user: Key that bounds the calls that run at the same time.
            seconds: Deadline.
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
    """Return the name of the user of a cluster, by the API server's review.

    Raises:
        Refusal: 401, if the API server knows no user of this token.
    """
    review: dict[str, Any] = {"apiVersion": SELF_REVIEWS.api_version, "kind": SELF_REVIEWS.name}
    found = cluster.create(SELF_REVIEWS, review)
    user = str(((found.get("status") or {}).get("userInfo") or {}).get("username") or "")
    if user in {"", _ANONYMOUS}:
        raise expired()
    return user


def owner_of(user: str) -> str:
    """Return the owner for the name of a user: all ServiceAccounts of a namespace have one.

    Whoever may create a token there may create ServiceAccounts and tokens in any number.
    """
    if user.startswith(_SERVICE_ACCOUNT):
        return user.rpartition(":")[0][:MAX_OWNER]
    return user[:MAX_OWNER]
