"""What is done to a TrainingJob and its children while others do things to them, too."""

import copy
import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from epochal_operator.runtime.api.errors import (
    AdmissionFailed,
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    Unavailable,
    error_of,
)
from epochal_operator.runtime.api.resource import JOBS, PODS, Resource
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.store import Store
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.reconcile import Reconciler
from epochal_operator.trainingjob.resources import TRAINING_JOBS

from tests.unit.operator.api_server import FIRST, ApiServer, mine, reconciled, reconciler
from tests.unit.operator.fakes import reconcile_context
from tests.unit.operator.objects import INSTALLATION, KIND, NOW, at, report, running


class Recreating(ApiServer):
    """A user deletes and recreates the TrainingJob while the operator creates its last Event."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    async def create_event(self, event: Any) -> None:
        if event["reason"] == "Completed":
            self.jobs.clear()
            self.put("first")
            self.documents["first"]["metadata"]["uid"] = "uid-of-the-next"
            self._store.put(TRAINING_JOBS, self._written(self.documents["first"]))

    async def get_job(self, *_: str) -> Any:
        raise NotFound(404, "NotFound", "gone")

    async def apply_status(self, _: Resource, namespace: str, name: str, **what: Any) -> Any:
        assert what["uid"] == self.documents[name]["metadata"]["uid"]
        what["uid"] = f"uid-of-{name}"
        return await super().apply_status(_, namespace, name, **what)


async def test_status_is_not_written_to_a_recreated_training_job() -> None:
    store = store_for([KIND])
    server = Recreating(store)
    await reconciled(server, store)
    store.put(JOBS, server.end("first"))
    await reconciler(server, store).reconcile(FIRST)
    assert server.documents["first"]["status"]["state"] == "Queued"
    assert "startTime" not in server.documents["first"]["status"]


class Suspending(ApiServer):
    """Another writer suspends the Job again after each patch, or the API server refuses patches."""

    refused = False

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self.patches: list[float] = []
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def suspend(self, managers: Any = ("kueue",)) -> Any:
        job = self.jobs["first"]
        job["spec"]["suspend"] = True
        job["metadata"]["managedFields"] = [
            {"manager": manager, "fieldsV1": {"f:spec": {"f:suspend": {}}}} for manager in managers
        ]
        return self._written(job)

    async def get_job(self, *_: str) -> Any:
        return copy.deepcopy(self.jobs["first"])

    async def patch_job(self, *_: str, uid: str, spec: Any) -> Any:
        assert uid == "job-of-first"
        self.patches.append(self.seconds)
        if self.refused:
            raise Forbidden(403, "Forbidden", "jobs.batch is forbidden")
        self.jobs["first"]["spec"] |= spec
        written = self._written(self.jobs["first"])
        self._store.put(JOBS, self.suspend())
        return written

    async def live(self, seconds: float) -> None:
        """Reconciles as the queue does."""
        reconciler = Reconciler(
            reconcile_context(self, self._store), lambda: INSTALLATION, instance="test", clock=self.now
        )
        while self.seconds < seconds:
            after = await reconciler.reconcile(FIRST)
            self.seconds += after or 300


class Reverting(Suspending):
    """An admission webhook suspends the Job in each patch."""

    async def patch_job(self, *_: str, **_sent: Any) -> Any:
        self.patches.append(self.seconds)
        return self.suspend()


@pytest.fixture
def store() -> Store:
    return store_for([KIND])


@pytest.fixture
async def suspending(store: Store) -> Suspending:
    server = Suspending(store)
    await reconciled(server, store)
    return server


@pytest.mark.parametrize(
    ("server_type", "refused", "reason", "message"),
    [
        (Suspending, False, "FieldConflict", "kueue and Epochal overwrite each other's spec.suspend"),
        (Suspending, True, "JobRejected", "jobs.batch is forbidden"),
        (Reverting, False, "FieldConflict", "overwrite each other's spec.suspend of the Job"),
    ],
)
async def test_conflicting_writers_back_off(
    store: Store,
    server_type: type[Suspending],
    refused: bool,  # noqa: FBT001
    reason: str,
    message: str,
) -> None:
    server = server_type(store)
    await reconciled(server, store)
    store.put(JOBS, server.suspend())
    server.refused = refused
    await server.live(3600)
    assert 15 < len(server.patches) < 25
    gaps = [after - before for before, after in itertools.pairwise(server.patches)]
    assert gaps == sorted(gaps)
    assert (server.documents["first"]["status"]["state"], server.ready()["reason"]) == ("Queued", reason)
    assert message in server.ready()["message"]


async def test_forbidden_patch_does_not_block_the_status(store: Store, suspending: Suspending) -> None:
    server = suspending
    server.refused = True
    document = server.put("first")
    document["spec"]["suspend"], document["metadata"]["generation"] = True, 2
    server.documents["first"]["spec"]["suspend"] = True
    store.put(TRAINING_JOBS, document)
    store.put(PODS, mine(running()))
    assert await reconciler(server, store).reconcile(FIRST) == 1
    assert server.documents["first"]["status"]["state"] == "Starting"
    assert server.ready()["reason"] == "JobRejected"
    assert "spec.suspend" in server.ready()["message"]
    assert "jobs.batch is forbidden" in server.ready()["message"]


class FailingWebhook(ApiServer):
    """A failing admission webhook for Jobs."""

    uncalled = True

    async def create_job(self, job: Any) -> Any:
        if self.uncalled:
            message = 'Internal error occurred: failed calling webhook "v.kyverno.svc": connection refused'
            raise error_of(500, {"reason": "InternalError", "message": message}, {})
        return await super().create_job(job)


async def test_failing_webhook_is_quoted_and_retried() -> None:
    server, store = FailingWebhook(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    for _ in range(2):
        with pytest.raises(AdmissionFailed):  # which the queue tries again later and later
            await reconciler(server, store).reconcile(FIRST)
        assert (server.ready()["status"], server.ready()["reason"]) == ("False", "WebhookFailed")
        assert 'failed calling webhook "v.kyverno.svc"' in server.ready()["message"]
    server.uncalled = False
    await reconciler(server, store).reconcile(FIRST)
    assert "first" in server.jobs


async def test_single_change_of_a_job_is_reverted_at_once(store: Store, suspending: Suspending) -> None:
    store.put(JOBS, suspending.suspend())
    await reconciler(suspending, store).reconcile(FIRST)
    assert suspending.patches == [0]
    assert suspending.ready()["reason"] == "Queued"


class RefusingEvents(ApiServer):
    """An API server that refuses Events."""

    def __init__(self, error: ApiError) -> None:
        super().__init__()
        self._error = error
        self.order: list[str] = []

    async def create_event(self, event: Any) -> None:
        self.order.append(event["reason"])
        raise self._error

    async def apply_status(self, _: Resource, namespace: str, name: str, **what: Any) -> Any:
        self.order.append(what["status"].get("state", "figures"))
        return await super().apply_status(_, namespace, name, **what)


@pytest.mark.parametrize(
    "error",
    [
        Unavailable(429, "TooManyRequests", "busy"),
        Unavailable(500, "InternalError", "failed calling webhook"),
        Unavailable(0, "TimeoutError", "no answer"),
        Forbidden(403, "Forbidden", "unable to create new content in namespace vision because it is being terminated"),
        NotFound(404, "NotFound", 'namespaces "vision" not found'),
    ],
)
async def test_refused_event_does_not_block_the_status(error: ApiError) -> None:
    server = RefusingEvents(error)
    store = await reconciled(server)
    store.put(JOBS, server.end("first"))
    assert await reconciler(server, store).reconcile(FIRST) is None
    assert server.documents["first"]["status"]["state"] == "Complete"
    # The Event precedes the status, so that an operator that is killed in between emits it again.
    assert server.order == ["Queued", "Completed", "Complete"]


class Versioned(ApiServer):
    """Refuses a status with an old resourceVersion."""

    conflicts = 0

    async def get_job(self, _: str, name: str) -> Any:
        return copy.deepcopy(self.jobs[name])

    async def apply_status(self, _: Resource, namespace: str, name: str, **what: Any) -> Any:
        if what["resource_version"] != self.documents[name]["metadata"]["resourceVersion"]:
            self.conflicts += 1
            raise Conflict(409, "Conflict", "the object has been modified")
        return await super().apply_status(_, namespace, name, **what)


async def test_stale_cache_is_read_again_at_once() -> None:
    server = Versioned()
    store = await reconciled(server)
    reported = reported_status(report(sequence=9), NOW).dump()
    version = server.documents["first"]["metadata"]["resourceVersion"]
    await server.apply_status(
        TRAINING_JOBS, *FIRST, uid="uid-of-first", manager="p", status=reported, resource_version=version
    )
    store.put(JOBS, server.end("first"))
    assert await reconciler(server, store).reconcile(FIRST) is None
    status = server.documents["first"]["status"]
    assert (status["state"], status["progress"]["sequence"], server.conflicts) == ("Complete", 9, 1)


async def test_started_job_is_not_deleted_with_a_stale_cache() -> None:
    server, store = Versioned(), store_for([KIND])

    async def patch_job(_: str, name: str, *, uid: str, spec: Any) -> Any:
        assert uid == "job-of-first"
        server.jobs[name]["spec"] |= spec
        return server._written(server.jobs[name])

    server.patch_job = patch_job  # type: ignore[attr-defined]
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    server.jobs["first"]["status"] = {"startTime": at(-9), "failed": 1}
    server._written(server.jobs["first"])
    changed = server.put("first", epochs=20)
    changed["metadata"]["generation"] = server.documents["first"]["metadata"]["generation"] = 2
    store.put(TRAINING_JOBS, changed)
    await reconciler(server, store).reconcile(FIRST)
    assert server.documents["first"]["status"]["startTime"] == at(-9)
    assert list(server.jobs) == ["first"]


class RemovedLabels(ApiServer):
    """An admission webhook removes the labels of each Job."""

    def __init__(self) -> None:
        super().__init__()
        self.patches: list[Any] = []

    async def create_job(self, job: Any) -> Any:
        if "first" in self.jobs:
            raise Conflict(409, "AlreadyExists", "jobs.batch first already exists")
        made = await super().create_job(job)
        return self._strip(made)

    async def get_job(self, *_: str) -> Any:
        return self._strip(copy.deepcopy(self.jobs["first"]))

    async def patch_job(self, *_: str, uid: str, labels: Any) -> Any:
        self.patches.append(labels)
        assert uid == self.jobs["first"]["metadata"]["uid"]
        self.jobs["first"]["metadata"]["labels"] = labels
        return self._strip(self._written(self.jobs["first"]))

    def _strip(self, job: Any) -> Any:
        return job | {"metadata": job["metadata"] | {"labels": {}}}


async def test_repeatedly_removed_label_is_reported() -> None:
    server, store = RemovedLabels(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    assert await reconciler(server, store).reconcile(FIRST) == 60
    assert await reconciler(server, store).reconcile(FIRST) == 60
    assert len(server.patches) == 1
    assert server.ready()["reason"] == "JobRejected"
    assert "epochal.dev/trainingjob" in server.ready()["message"]
