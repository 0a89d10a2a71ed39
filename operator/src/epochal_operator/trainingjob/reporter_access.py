"""Who may report on a TrainingJob: a pod of the very Job that the TrainingJob owns, with a token bound to that pod."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from epochal_api.pod import TOKEN_AUDIENCE
from epochal_api.trainingjob import GROUP, KIND

from epochal_operator.runtime.errors import NotFound
from epochal_operator.runtime.kube import Kube, Object
from epochal_operator.runtime.lookup import Lookup
from epochal_operator.runtime.resource import JOBS, PODS
from epochal_operator.runtime.token_review import Identity

ENTRIES = 50_000
"""Tokens, and pods, that are remembered: far more than pods that train at a time. Only the leader knows how many do,
and no other has to: as each is remembered for a minute, they are as many as have reported within it."""
REVIEWS = 8
"""Questions to the API server under way at a time, of tokens and of pods each."""
KNOWN_SECONDS = 60.0
UNKNOWN_SECONDS = 5.0
"""A refusal is remembered for less time: it may come of an API server in trouble."""

_SCHEME = "bearer"
_MAX_TOKEN = 8192
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Owner:
    """An object that another one belongs to.

    Args:
        name: Its name.
        uid: Its uid.
    """

    name: str
    uid: str


def bearer(header: str | None) -> str | None:
    """Returns the token in an Authorization header, or None if there is none that could be one."""
    scheme, _, token = (header or "").partition(" ")
    token = token.strip()
    if scheme.lower() != _SCHEME or not token.isascii() or not 0 < len(token) <= _MAX_TOKEN:
        return None
    return token


def controller(child: Object, *, group: str, kind: str) -> Owner | None:
    """Returns the object that controls another one, or None if none of that kind does."""
    for reference in child["metadata"].get("ownerReferences") or []:
        of_kind = reference.get("kind") == kind and reference.get("apiVersion", "").partition("/")[0] == group
        if of_kind and reference.get("controller"):
            return Owner(name=reference["name"], uid=reference["uid"])
    return None


class Access:
    """Finds out who reports, and on which TrainingJob it may, asking the API server as seldom as is safe.

    Args:
        kube: The API server.
        clock: Returns the time in seconds.
    """

    def __init__(self, kube: Kube, clock: Callable[[], float] = monotonic) -> None:
        self._kube = kube
        self._identities: Lookup[bytes, Identity] = _lookup(clock)
        self._jobs: Lookup[str, Owner] = _lookup(clock)

    def known(self, token: str) -> Identity | None:
        """Returns whom a token speaks for, if that is known without asking."""
        return self._identities.known(_digest(token))

    async def identity(self, token: str) -> Identity | None:
        """Returns whom a token speaks for, or None if it is not valid for progress reports.

        Raises:
            ApiError: If the API server cannot tell.
        """
        return await self._identities.get(_digest(token), lambda: self._kube.review_token(token, TOKEN_AUDIENCE))

    async def job(self, identity: Identity) -> Owner | None:
        """Returns the TrainingJob that a pod trains, or None if it is no trainer's pod.

        Raises:
            ApiError: If the API server cannot tell.
        """
        if not identity.pod_uid:
            return None
        return await self._jobs.get(identity.pod_uid, lambda: self._ask_for_job(identity))

    async def _ask_for_job(self, identity: Identity) -> Owner | None:
        try:
            job = await self._find_job(identity)
        except NotFound:
            job = None
        if job is None:
            _log.warning("pod %s in namespace %s may not report", identity.pod_name, identity.namespace)
        return job

    async def _find_job(self, identity: Identity) -> Owner | None:
        pod = await self._kube.get(PODS, identity.namespace, identity.pod_name)
        if pod["metadata"]["uid"] != identity.pod_uid:
            return None
        owner = controller(pod, group="batch", kind="Job")
        if owner is None:
            return None
        job = await self._kube.get(JOBS, identity.namespace, owner.name)
        if job["metadata"]["uid"] != owner.uid:
            return None
        return controller(job, group=GROUP, kind=KIND)


def _lookup(clock: Callable[[], float]) -> Lookup[Any, Any]:
    return Lookup(most=ENTRIES, yes_seconds=KNOWN_SECONDS, no_seconds=UNKNOWN_SECONDS, at_once=REVIEWS, clock=clock)


def _digest(token: str) -> bytes:
    # A dump of this process' memory should hold as few tokens as can be.
    return hashlib.sha256(token.encode()).digest()
