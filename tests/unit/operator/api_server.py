"""A small API server for a reconciler of TrainingJobs."""

import copy
from collections.abc import AsyncIterator
from typing import Any

from epochal_operator.checker.verdict import Checker
from epochal_operator.runtime.api.pages import Page
from epochal_operator.runtime.api.resource import Key, Resource
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.store import Store
from epochal_operator.trainingjob.reconcile import Reconciler
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.fakes import ByKind, reconcile_context
from tests.unit.operator.objects import INSTALLATION, KIND, NOW, SPEC, at, document, true

FIRST, SECOND = Key("vision", "first"), Key("vision", "second")
URI = "s3://results/vision/first/uid-of-first/"


class ApiServer(ByKind):
    """Stores the written objects."""

    def __init__(self) -> None:
        self.version = 100
        self.jobs: dict[str, Any] = {}
        self.statuses: dict[str, Any] = {}
        self.documents: dict[str, Any] = {}

    def put(self, name: str, **training: Any) -> Any:
        made = document(training=SPEC["training"] | training)
        made["metadata"] |= {"name": name, "uid": f"uid-of-{name}"}
        self.documents[name] = made
        return self._written(made)

    def _written(self, thing: Any) -> Any:
        self.version += 1
        thing["metadata"]["resourceVersion"] = str(self.version)
        return copy.deepcopy(thing)

    async def get_training_job(self, namespace: str, name: str) -> Any:
        assert namespace == "vision"
        return copy.deepcopy(self.documents[name])

    async def create_job(self, job: Any) -> Any:
        self.jobs[job["metadata"]["name"]] = job
        job["metadata"] |= {"uid": f"job-of-{job['metadata']['name']}"}
        job["status"] = {}
        return self._written(job)

    async def apply_status(self, _: Resource, namespace: str, name: str, **what: Any) -> Any:
        assert (namespace, what["uid"]) == ("vision", f"uid-of-{name}")
        parts = self.statuses.setdefault(name, {})
        parts[what["manager"]] = what["status"]
        self.documents[name]["status"] = {key: value for part in parts.values() for key, value in part.items()}
        return self._written(self.documents[name])

    async def create_event(self, _: Any) -> None:
        pass

    async def list_pods(self, selector: str, namespace: str) -> AsyncIterator[Page]:  # noqa: ARG002
        yield Page([], "9")

    def ready(self, name: str = "first") -> dict[str, Any]:
        """Returns the condition Ready of a TrainingJob."""
        conditions = self.documents[name]["status"]["conditions"]
        return next(condition for condition in conditions if condition["type"] == "Ready")

    def end(self, name: str) -> Any:
        """The Job of a TrainingJob completes."""
        self.jobs[name]["status"] = {"conditions": [true("Complete")], "completionTime": at(0)}
        return self._written(self.jobs[name])


def reconciler(server: object, store: Store, checker: Checker | None = None) -> Reconciler:
    """Returns a reconciler that stands before it."""
    context = reconcile_context(server, store)
    return Reconciler(context, lambda: INSTALLATION, checker=checker, instance="test", clock=lambda: NOW)


async def reconciled(server: ApiServer, store: Store | None = None) -> Store:
    """Returns the cache of an operator that has created the Job of the TrainingJob first."""
    store = store if store is not None else store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    return store


def mine(pod: Any) -> Any:
    """Returns a pod as one of the Job of the TrainingJob first."""
    pod["metadata"]["labels"] = {"epochal.dev/trainingjob": "first", "epochal.dev/trainingjob-uid": "uid-of-first"}
    pod["metadata"]["ownerReferences"][0]["uid"] = "job-of-first"
    return pod
