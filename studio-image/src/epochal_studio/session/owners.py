"""The owner of a token: the user whose requests are bounded together, however many tokens he has."""

import asyncio
from collections import OrderedDict
from typing import Any

from epochal.client.cluster import Cluster
from epochal.client.kinds import SELF_REVIEWS

from epochal_studio.access import Connections, user_key
from epochal_studio.problems import expired
from epochal_studio.threads import DEADLINE_SECONDS, SIGN_IN, Threads

MAX_KNOWN = 2000
"""Maximum tokens of proxies whose owners stay in memory."""
MAX_OWNER = 256
_ANONYMOUS = "system:anonymous"
_SERVICE_ACCOUNT = "system:serviceaccount:"


class Owners:
    """The owners of the tokens that proxies send. A token is reviewed once: its user never changes.

    Args:
        connections: Connections to the API server.
        threads: Threads for calls that block.
        most: Maximum owners in memory.
    """

    def __init__(self, connections: Connections, threads: Threads, most: int = MAX_KNOWN) -> None:
        self._connections = connections
        self._threads = threads
        self._most = most
        self._known: OrderedDict[str, str] = OrderedDict()
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
            return self._known[key]
        # A page sends its first requests at the same time: one review for all.
        review = self._reviews.get(key)
        if review is None:
            review = self._reviews[key] = asyncio.create_task(self._review(key, token))
        return await asyncio.shield(review)

    async def _review(self, key: str, token: str) -> str:
        try:
            cluster = self._connections.cluster(token, "default")
            owner = owner_of(await self._threads.run(SIGN_IN, DEADLINE_SECONDS, user_name, cluster))
        finally:
            del self._reviews[key]
        self._known[key] = owner
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return owner


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
