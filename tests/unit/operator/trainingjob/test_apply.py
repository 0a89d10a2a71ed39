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

from tests.unit.operator.api_server import FIRST, ApiServer, mine, reconciler
from tests.unit.operator.fakes import reconcile_context
from tests.unit.operator.objects import (
    INSTALLATION,
    KIND,
    NOW,
    OWNED_JOBS,
    at,
    report,
    running,
)


class Replaced(ApiServer):
    """Somebody deletes the TrainingJob and makes it anew at the moment that an Event of its end is told."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    async def create_event(self, told: Any) -> None:
        if told["reason"] == "Completed":
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


async def test_a_status_never_lands_on_another_one_of_that_name() -> None:
    store = store_for([KIND])
    server = Replaced(store)
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(JOBS, server.end("first"))
    await reconciler(server, store).reconcile(FIRST)
    assert server.documents["first"]["status"]["state"] == "Queued"
    assert "startTime" not in server.documents["first"]["status"]


class Contested(ApiServer):
    """Somebody suspends the Job whenever it is not suspended; or nobody may change it."""

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

    def ready(self) -> tuple[str, str, str]:
        status = self.documents["first"]["status"]
        ready = next(one for one in status["conditions"] if one["type"] == "Ready")
        return status["state"], ready["reason"], ready["message"]

    async def live(self, seconds: float) -> None:
        """Reconciles as the queue does."""
        reconciler = Reconciler(
            reconcile_context(self, self._store), lambda: INSTALLATION, instance="test", clock=self.now
        )
        while self.seconds < seconds:
            after = await reconciler.reconcile(FIRST)
            self.seconds += after or 300


@pytest.mark.parametrize("refused", [False, True])
async def test_two_writers_of_a_job_overwrite_each_other_ever_more_seldom(refused: bool) -> None:  # noqa: FBT001
    store = store_for([KIND])
    server = Contested(store)
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(JOBS, server.suspend())
    server.refused = refused
    await server.live(3600)
    assert 15 < len(server.patches) < 25
    gaps = [after - before for before, after in itertools.pairwise(server.patches)]
    assert gaps == sorted(gaps)
    state, reason, message = server.ready()
    assert (state, reason) == ("Queued", "JobRejected" if refused else "FieldConflict")
    assert (
        "jobs.batch is forbidden" if refused else "kueue and Epochal overwrite each other's spec.suspend"
    ) in message


async def test_admission_that_keeps_a_job_suspended_is_asked_ever_more_seldom() -> None:
    class Admission(Contested):
        async def patch_job(self, *_: str, **_sent: Any) -> Any:
            self.patches.append(self.seconds)
            return self.suspend()

    store = store_for([KIND])
    server = Admission(store)
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(JOBS, server.suspend())
    await server.live(3600)
    assert 15 < len(server.patches) < 25
    state, reason, message = server.ready()
    assert (state, reason) == ("Queued", "FieldConflict")
    assert "overwrite each other's spec.suspend of its Job" in message


async def test_a_job_that_may_not_be_changed_does_not_hold_back_the_status() -> None:
    store = store_for([KIND])
    server = Contested(store)
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    server.refused = True
    document = server.put("first")
    document["spec"]["suspend"], document["metadata"]["generation"] = True, 2
    server.documents["first"]["spec"]["suspend"] = True
    store.put(TRAINING_JOBS, document)
    store.put(PODS, mine(running()))
    assert await reconciler(server, store).reconcile(FIRST) == 1
    assert server.ready() == (
        "Running",
        "JobRejected",
        "The API server refuses to change its Job (spec.suspend): jobs.batch is forbidden",
    )


class Troubled(ApiServer):
    """A webhook that is asked about Jobs cannot be called."""

    uncalled = True

    async def create_job(self, job: Any) -> Any:
        if self.uncalled:
            message = 'Internal error occurred: failed calling webhook "v.kyverno.svc": connection refused'
            raise error_of(500, {"reason": "InternalError", "message": message}, {})
        return await super().create_job(job)


async def test_a_webhook_that_fails_is_told_in_its_words_and_asked_again_ever_later() -> None:
    server, store = Troubled(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    for _ in range(2):
        with pytest.raises(AdmissionFailed):  # which the queue tries again later and later
            await reconciler(server, store).reconcile(FIRST)
        ready = next(one for one in server.documents["first"]["status"]["conditions"] if one["type"] == "Ready")
        assert (ready["status"], ready["reason"]) == ("False", "WebhookFailed")
        assert 'failed calling webhook "v.kyverno.svc"' in ready["message"]
    server.uncalled = False
    await reconciler(server, store).reconcile(FIRST)
    assert "first" in server.jobs


async def test_what_somebody_changes_once_is_put_right_at_once() -> None:
    store = store_for([KIND])
    server = Contested(store)
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(JOBS, server.suspend())
    await reconciler(server, store).reconcile(FIRST)
    assert server.patches == [0]
    assert server.ready()[1] == "Queued"


class Mute(ApiServer):
    """No Event can be created."""

    def __init__(self, error: ApiError) -> None:
        super().__init__()
        self._error = error
        self.order: list[str] = []

    async def create_event(self, told: Any) -> None:
        self.order.append(told["reason"])
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
async def test_an_event_that_is_refused_does_not_hold_back_the_status(error: ApiError) -> None:
    server, store = Mute(error), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    store.put(JOBS, server.end("first"))
    assert await reconciler(server, store).reconcile(FIRST) is None
    assert server.documents["first"]["status"]["state"] == "Complete"
    # Before it: whoever is killed in between tells it again.
    assert server.order == ["Queued", "Completed", "Complete"]


class Strict(ApiServer):
    """Refuses a status of an older version, as the API server does."""

    conflicts = 0

    async def get_job(self, _: str, name: str) -> Any:
        return copy.deepcopy(self.jobs[name])

    async def apply_status(self, _: Resource, namespace: str, name: str, **what: Any) -> Any:
        if what["resource_version"] != self.documents[name]["metadata"]["resourceVersion"]:
            self.conflicts += 1
            raise Conflict(409, "Conflict", "the object has been modified")
        return await super().apply_status(_, namespace, name, **what)


async def test_what_has_changed_unheard_of_is_read_anew_at_once() -> None:
    server, store = Strict(), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    told = reported_status(report(sequence=9), NOW).dump()
    version = server.documents["first"]["metadata"]["resourceVersion"]
    await server.apply_status(
        TRAINING_JOBS, *FIRST, uid="uid-of-first", manager="p", status=told, resource_version=version
    )
    store.put(JOBS, server.end("first"))
    assert await reconciler(server, store).reconcile(FIRST) is None
    status = server.documents["first"]["status"]
    assert (status["state"], status["progress"]["sequence"], server.conflicts) == ("Complete", 9, 1)


async def test_a_job_that_has_begun_unheard_of_is_not_deleted() -> None:
    server, store = Strict(), store_for([KIND])

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


class Taken(ApiServer):
    """A Job of the TrainingJob's name is there that no watch has told of.

    Args:
        strips: Whether an admission webhook takes off the labels of each Job.
    """

    def __init__(self, existing: Any = None, *, strips: bool = False) -> None:
        super().__init__()
        self._strips = strips
        if existing is not None:
            self.jobs["first"] = existing
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
        return job | {"metadata": job["metadata"] | ({"labels": {}} if self._strips else {})}

    def reason(self) -> tuple[str, str]:
        conditions = self.documents["first"]["status"]["conditions"]
        return next((one["reason"], one["message"]) for one in conditions if one["type"] == "Ready")


def owned(uid: str | None, kind: str = "TrainingJob") -> Any:
    owner = {"apiVersion": "epochal.dev/v1alpha1", "kind": kind, "name": "first", "uid": uid, "controller": True}
    metadata = {"name": "first", "namespace": "vision", "uid": "foreign-job", "resourceVersion": "50"}
    return {"metadata": metadata | {"ownerReferences": [owner] if uid else []}, "spec": {}, "status": {}}


@pytest.mark.parametrize(
    ("existing", "reason"),
    [
        (owned(None), "NameConflict"),
        (owned("somebody", "CronJob"), "NameConflict"),
        (owned("uid-of-an-earlier-one"), "Cleanup"),
    ],
)
async def test_a_job_of_others_is_never_taken_for_ones_own(existing: Any, reason: str) -> None:
    server, store = Taken(existing), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    assert server.reason()[0] == reason
    assert server.patches == []
    assert store.find(OWNED_JOBS, FIRST).get(FIRST) is None


async def test_a_job_of_ones_own_that_lost_its_label_gets_it_back() -> None:
    server, store = Taken(owned("uid-of-first") | {"spec": {"parallelism": 1, "suspend": False}}), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    await reconciler(server, store).reconcile(FIRST)
    assert len(server.patches) == 1
    assert server.reason()[0] == "Queued"
    assert store.find(OWNED_JOBS, FIRST).get(FIRST) is not None


async def test_a_label_that_something_takes_off_again_and_again_is_told() -> None:
    server, store = Taken(strips=True), store_for([KIND])
    store.put(TRAINING_JOBS, server.put("first"))
    assert await reconciler(server, store).reconcile(FIRST) == 60
    assert await reconciler(server, store).reconcile(FIRST) == 60
    assert len(server.patches) == 1
    reason, message = server.reason()
    assert reason == "JobRejected"
    assert "stores its Job without the label epochal.dev/trainingjob" in message
