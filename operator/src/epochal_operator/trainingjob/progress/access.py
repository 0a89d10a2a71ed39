"""Access for reports: only a pod of the Job that a TrainingJob owns may report on it."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from epochal_api.kind import GROUP
from epochal_api.trainingjob.spec import KIND

from epochal_operator.runtime.api.errors import NotFound
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import JOBS, PODS
from epochal_operator.runtime.lookup_cache import LookupCache
from epochal_operator.runtime.owners import Owner, controller_owner
from epochal_operator.web.pod_auth import ACCEPTED_TOKEN_SECONDS, ENTRIES, REFUSED_TOKEN_SECONDS, REVIEWS, Identity

MAX_LOGGED_NAMESPACES = 1_000

_log = logging.getLogger(__name__)


class Trainer(NamedTuple):
    """The pod of a trainer, and the TrainingJob that it trains.

    Args:
        pod_uid: UID of the pod.
        pod_created: Creation time of the pod, RFC 3339.
        owner: The TrainingJob on which it may report.
    """

    pod_uid: str
    pod_created: str
    owner: Owner


class ReporterAccess:
    """Finds the TrainingJob of a pod that sends a report, and caches the results.

    Args:
        kube: The API server.
        namespaces: Namespaces that the operator serves; empty for all namespaces.
        clock: Returns the time in seconds.
    """

    def __init__(self, kube: Kube, namespaces: tuple[str, ...] = (), clock: Callable[[], float] = monotonic) -> None:
        self._kube = kube
        self._namespaces = namespaces
        self._unserved = set[str]()
        self._trainers = LookupCache[str, Trainer](
            max_found=ENTRIES,
            found_seconds=ACCEPTED_TOKEN_SECONDS,
            missing_seconds=REFUSED_TOKEN_SECONDS,
            concurrency=REVIEWS,
            clock=clock,
        )

    def serves(self, namespace: str) -> bool:
        """Return whether the operator serves a namespace. In other namespaces it has no permission to read pods."""
        if not self._namespaces or namespace in self._namespaces:
            return True
        if namespace not in self._unserved and len(self._unserved) < MAX_LOGGED_NAMESPACES:
            self._unserved.add(namespace)
            _log.warning(
                "refusing reports from the namespace %s, which is not in watchNamespaces of the chart: its trainings "
                "continue, but their statuses do not change",
                namespace,
            )
        return False

    async def trainer(self, identity: Identity) -> Trainer | None:
        """Return the pod of an identity with its TrainingJob, or None if the pod has no TrainingJob."""
        if not identity.pod_uid:
            return None
        return await self._trainers.get(identity.pod_uid, lambda: self._find_and_log(identity))

    async def _find_and_log(self, identity: Identity) -> Trainer | None:
        try:
            trainer = await self._find(identity)
        except NotFound:
            trainer = None
        if trainer is None:
            _log.warning(
                "refusing a report: pod %s in namespace %s does not exist or does not belong to a TrainingJob",
                identity.pod_name,
                identity.namespace,
            )
        return trainer

    async def _find(self, identity: Identity) -> Trainer | None:
        pod = await self._kube.get(PODS, identity.namespace, identity.pod_name)
        if pod["metadata"]["uid"] != identity.pod_uid:
            return None
        owner = controller_owner(pod, group="batch", kind="Job")
        if owner is None:
            return None
        job = await self._kube.get(JOBS, identity.namespace, owner.name)
        if job["metadata"]["uid"] != owner.uid:
            return None
        training_job = controller_owner(job, group=GROUP, kind=KIND)
        return training_job and Trainer(identity.pod_uid, pod["metadata"]["creationTimestamp"], training_job)
