"""Reconciles while others write: an object has changed between its read and the write."""

import copy
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from epochal_api.crd import schema
from epochal_api.pod import JOB_ANNOTATION
from epochal_api.trainingjob.spec import TrainingJob
from epochal_operator.runtime.api.errors import ApiError, Conflict
from epochal_operator.runtime.api.kube import Kube
from epochal_operator.runtime.api.resource import JOBS, PODS, Key, Resource, key_of
from epochal_operator.runtime.api.transport import Transport
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.reconciler import REQUEUE_SECONDS
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.reconcile import Reconciler
from epochal_operator.trainingjob.resources import OWNED_PODS, TRAINING_JOBS

from tests.kit.fake.faults import Fault
from tests.kit.fake.objects import Objects
from tests.kit.fake.server import FakeApiServer
from tests.unit.operator.fakes import reconcile_context
from tests.unit.operator.objects import (
    INSTALLATION,
    KIND,
    NOW,
    OWNED_JOBS,
    at,
    document,
    failed,
    pod,
    report,
    running,
    succeeded,
    termination,
    true,
)

KEY = Key("vision", "digits")
SOON = 5.0
LABELS = {"epochal.dev/trainingjob": "digits"}
CRON_JOB = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "digits", "uid": "uid-of-another", "controller": True}
EARLIER = CRON_JOB | {"apiVersion": "epochal.dev/v1alpha1", "kind": "TrainingJob"}
"""Owner reference to a deleted TrainingJob of the same name."""


class World:
    """A TrainingJob, its API server, and the cache of an operator."""

    def __init__(self, server: FakeApiServer) -> None:
        self.server = server
        self.store = store_for([KIND])
        self.kube = Kube(Transport(server.client()))
        self.now = NOW
        self._reconciler = Reconciler(
            reconcile_context(self.kube, self.store), lambda: INSTALLATION, instance="test", clock=lambda: self.now
        )

    @property
    def objects(self) -> Objects:
        return self.server.objects

    def sync(self) -> None:
        """Stores all objects in the cache, as the watches do."""
        for resource in (TRAINING_JOBS, JOBS, PODS):
            for thing in self.objects.list(resource.plural):
                self.store.put(resource, thing)

    def job(self) -> Any:
        return self.store.find(OWNED_JOBS, KEY).get(KEY)

    def change(self, **patch: Any) -> None:
        """Changes the TrainingJob, but not the cache."""
        self.objects.patch("trainingjobs", *KEY, patch)

    async def reconcile(self) -> float | None:
        return await self._reconciler.reconcile(KEY)

    async def live(self) -> None:
        """Reconciles as the queue does, until no reconcile is due soon."""
        for _ in range(9):
            self.sync()
            after = await self.reconcile()
            if after is None or after > SOON:
                return
            self.now += timedelta(seconds=after)
        raise AssertionError("the reconciles do not end")

    def delete(self, resource: Resource) -> None:
        """Deletes the Job or the pods of the TrainingJob, also from the cache."""
        for thing in list(self.store.find(OWNED_JOBS if resource is JOBS else OWNED_PODS, KEY).values()):
            self.objects.delete(resource.plural, KEY.namespace, thing["metadata"]["name"], grace=0)
            self.store.remove(resource, thing)

    def events(self) -> list[str]:
        return [event["reason"] for event in self.objects.list("events")]

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.objects.get("trainingjobs", *KEY).get("status") or {}
        return status

    def condition(self, kind: str) -> dict[str, Any]:
        return next(one for one in self.status()["conditions"] if one["type"] == kind)


def earlier_crd() -> Objects:
    """Returns the objects of a cluster whose CRD lacks some status fields."""
    known = copy.deepcopy(schema(TrainingJob)["properties"]["status"])
    for part, field in ((known["properties"]["progress"], "metricNames"), (known, "network"), (known, "gpus")):
        del part["properties"][field]
    del known["properties"]["conditions"]["items"]["properties"]["observedGeneration"]
    return Objects("vision", statuses={"trainingjobs": known})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with FakeApiServer("vision") as server:
        world = World(server)
        world.objects.create("trainingjobs", "vision", document(ttlSecondsAfterFinished=60))
        yield world


async def complete(world: World) -> None:
    """Completes the TrainingJob."""
    world.sync()
    await world.reconcile()
    ended = {"conditions": [true("Complete")], "completionTime": "2026-11-25T12:00:00Z"}
    world.objects.patch("jobs", *KEY, {"status": ended}, subresource="status")
    world.sync()
    await world.reconcile()
    assert world.status()["state"] == "Complete"


async def stuck(world: World) -> str:
    """Reconciles until the pod cannot start; returns the UID of the Job."""
    await world.live()
    uid: str = world.job()["metadata"]["uid"]
    one = pod(waiting={"reason": "ImagePullBackOff", "message": "no such image"})
    one["metadata"]["ownerReferences"][0]["uid"] = uid
    made = world.objects.create("pods", KEY.namespace, one)
    world.objects.patch("pods", *key_of(made), {"status": one["status"]}, subresource="status")
    await world.live()
    assert world.condition("Ready")["reason"] == "ImagePullBackOff"
    return uid


async def corrected(world: World) -> str:
    """Changes the image of a TrainingJob whose pod cannot start; returns the UID of the earlier Job."""
    uid = await stuck(world)
    world.change(spec={"image": "registry.example.com/right:1"})
    await world.live()
    return uid


async def test_spec_is_corrected_until_a_container_has_run(world: World) -> None:
    first = await corrected(world)
    assert (world.job()["metadata"]["uid"], world.job()["spec"]["suspend"]) == (first, True)
    assert "once the pod digits-1 has ended" in world.condition("Ready")["message"]
    world.delete(PODS)
    await world.live()
    made = world.objects.get("jobs", *KEY)
    assert made["metadata"]["uid"] != first
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.com/right:1"
    assert not made["spec"]["suspend"]
    assert "startTime" not in world.status()
    assert (world.condition("Ready")["status"], world.events().count("SpecChanged")) == ("True", 1)


async def test_lasting_correction_causes_no_backoff(world: World) -> None:
    await world.live()
    for seconds in (9, 9, 9, 9):
        world.objects.patch("jobs", *KEY, {"spec": {"suspend": True}})
        world.now += timedelta(seconds=seconds)
        await world.live()
        assert world.job()["spec"]["suspend"] is False
    world.objects.patch("jobs", *KEY, {"spec": {"parallelism": 3}})
    world.sync()
    await world.reconcile()
    assert world.job()["spec"]["parallelism"] == 1


async def test_failed_read_after_the_deletion_keeps_the_quota_grace(world: World) -> None:
    await corrected(world)
    world.delete(PODS)
    world.sync()
    world.server.faults.append(Fault("get", "jobs", status=500, message="etcd"))
    with pytest.raises(ApiError):
        await world.reconcile()
    world.store.remove(JOBS, world.job())
    world.server.faults.append(Fault("create", "jobs", status=403, message="exceeded quota: jobs"))
    world.sync()
    await world.reconcile()
    assert world.condition("Ready")["reason"] == "Cleanup"


async def test_forbidden_deletion_has_no_event(world: World) -> None:
    await corrected(world)
    world.delete(PODS)
    world.server.faults.append(Fault("delete", "jobs", status=403, message="denied by policy"))
    world.sync()
    await world.reconcile()
    assert "denied by policy" in world.condition("Ready")["message"]
    assert "SpecChanged" not in world.events()


async def test_container_that_starts_during_a_spec_change_continues(world: World) -> None:
    first = await corrected(world)
    ran = failed(code=143)["status"]
    world.objects.patch("pods", KEY.namespace, "digits-1", {"status": ran}, subresource="status")
    await world.live()
    assert (world.job()["metadata"]["uid"], world.job()["spec"]["suspend"]) == (first, False)
    applied = world.condition("SpecApplied")
    assert (applied["status"], applied["reason"]) == ("False", "SpecIgnored")
    assert world.status()["startTime"]
    assert (world.events().count("SpecIgnored"), world.events().count("SpecChanged")) == (1, 0)


async def test_quota_that_still_counts_the_deleted_job_is_retried(world: World) -> None:
    await corrected(world)
    world.delete(PODS)
    world.server.faults.append(Fault("create", "jobs", status=403, message="exceeded quota: jobs", times=2))
    world.sync()
    assert await world.reconcile() == REQUEUE_SECONDS
    assert (world.condition("Ready")["reason"], world.condition("Stalled")["status"]) == ("Cleanup", "False")
    await world.live()
    assert world.condition("Ready")["status"] == "True"
    world.server.faults.append(Fault("create", "jobs", status=403, message="exceeded quota: jobs"))
    world.now += timedelta(seconds=60)
    world.delete(JOBS)
    world.sync()
    await world.reconcile()
    assert world.condition("Ready")["reason"] == "JobRejected"


async def test_changed_object_is_read_again(world: World) -> None:
    world.sync()
    world.change(metadata={"annotations": {"somebody": "was here"}})
    assert await world.reconcile() != REQUEUE_SECONDS
    assert world.status()["state"] == "Queued"
    conflicts = [one for one in world.server.asked if one[:2] == ("patch", "trainingjobs/status")]
    assert len(conflicts) == 2, "a refused write, and an accepted write"


async def test_status_with_a_stale_resource_version_is_refused(world: World) -> None:
    old = world.objects.get("trainingjobs", *KEY)["metadata"]
    world.change(metadata={"annotations": {"somebody": "was here"}})
    stale = {"uid": old["uid"], "resource_version": old["resourceVersion"]}
    with pytest.raises(Conflict):
        await world.kube.apply_status(TRAINING_JOBS, *KEY, manager="epochal", status={"state": "Queued"}, **stale)
    assert world.status() == {}


async def test_ttl_that_grows_during_the_deletion_counts(world: World) -> None:
    await complete(world)
    world.now += timedelta(seconds=61)
    longer: dict[str, Any] = {"spec": {"ttlSecondsAfterFinished": 3600}}
    world.server.faults.append(Fault("delete", "trainingjobs", times=1, meanwhile=lambda: world.change(**longer)))
    after = await world.reconcile()
    assert after == pytest.approx(3600 - 61)
    assert world.status()["state"] == "Complete"


async def test_late_watch_creates_no_job_of_an_older_spec(world: World) -> None:
    world.sync()
    world.change(spec={"training": {"epochs": 7}})
    await world.reconcile()
    await world.live()
    (job,) = world.objects.list("jobs")
    assert '"epochs":7' in job["spec"]["template"]["metadata"]["annotations"][JOB_ANNOTATION]
    assert world.status()["observedGeneration"] == 2


async def test_late_watch_leaves_no_job_of_a_deleted_training_job(world: World) -> None:
    world.sync()
    world.objects.delete("trainingjobs", *KEY)
    await world.reconcile()
    world.objects.collect()
    assert world.objects.list("jobs") == []


async def test_ttl_deletes_the_training_job_and_its_job(world: World) -> None:
    await complete(world)
    world.now += timedelta(seconds=61)
    await world.reconcile()
    assert world.objects.list("trainingjobs") == []
    world.objects.collect()
    assert world.objects.list("jobs") == []


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({}, "NameConflict"),
        ({"labels": LABELS}, "NameConflict"),
        ({"labels": LABELS, "ownerReferences": [CRON_JOB]}, "NameConflict"),
        ({"labels": LABELS, "ownerReferences": [EARLIER]}, "Cleanup"),
    ],
)
async def test_foreign_job_is_unchanged(world: World, metadata: dict[str, Any], reason: str, *, cached: bool) -> None:
    world.server.collects = False  # the owner does not exist
    foreign = {"metadata": {"name": "digits"} | metadata, "spec": {"suspend": True, "parallelism": 0}}
    before = world.objects.create("jobs", "vision", foreign)
    world.sync()
    if not cached and (known := world.job()) is not None:
        world.store.remove(JOBS, known)
    await world.reconcile()
    assert world.objects.get("jobs", *KEY) == before
    assert world.condition("Ready")["reason"] == reason
    assert world.condition("Stalled")["status"] == ("True" if reason == "NameConflict" else "False")
    world.objects.delete("jobs", *KEY)
    if (known := world.job()) is not None:
        world.store.remove(JOBS, known)
    await world.reconcile()
    assert world.status()["state"] == "Queued"
    assert world.condition("Ready")["status"] == "True"


async def test_job_without_labels_is_adopted_again(world: World) -> None:
    world.sync()
    await world.reconcile()
    job = world.objects.patch("jobs", *KEY, {"metadata": {"labels": None}})
    world.store.remove(JOBS, job | {"metadata": job["metadata"] | {"labels": LABELS}})
    await world.reconcile()
    after = world.objects.get("jobs", *KEY)
    assert after["metadata"]["uid"] == job["metadata"]["uid"]
    assert after["metadata"]["labels"].items() >= LABELS.items()


async def test_earlier_crd_stores_its_known_fields(caplog: pytest.LogCaptureFixture) -> None:
    async with FakeApiServer("vision", objects=earlier_crd()) as server:
        world = World(server)
        world.objects.create("trainingjobs", "vision", document(resources={"limits": {"nvidia.com/gpu": 1}}))
        world.sync()
        await world.reconcile()
        made = world.objects.get("jobs", *KEY)
        ended = {"conditions": [true("Complete")], "completionTime": at(0), "startTime": at(-60)}
        world.objects.patch("jobs", *KEY, {"status": ended}, subresource="status")
        words = termination("Completed", "", report(stage="Done", network={"parameters": 1, "layers": 2}))
        pod = succeeded(message=words)
        pod["metadata"]["ownerReferences"][0]["uid"] = made["metadata"]["uid"]
        pod["metadata"]["labels"] = made["spec"]["template"]["metadata"]["labels"]
        world.objects.create("pods", "vision", pod)
        world.objects.patch("pods", "vision", "digits-1", {"status": pod["status"]}, subresource="status")
        world.sync()
        assert await world.reconcile() is None
    status = world.status()
    assert (status["state"], status["metrics"]["loss"], status["progress"]["stage"]) == (
        "Complete",
        "0.0368123",
        "Done",
    )
    assert "gpus" not in status
    assert "metricNames" not in status["progress"]
    warned = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    for field in (".status.progress.metricNames", ".status.network", ".status.gpus", "conditions[].observedGeneration"):
        assert len([one for one in warned if field in one and "upgrade the CRD" in one]) == 1, warned


async def test_rejected_job_names_fields_of_the_training_job(world: World) -> None:
    message = (
        'Job.batch "digits" is invalid: spec.template.spec.containers[0].resources.limits[gpu]: Invalid value: "gpu"'
    )
    world.server.faults.append(Fault("create", "jobs", status=422, message=message))
    world.sync()
    await world.reconcile()
    assert (
        'is invalid: spec.resources.limits[gpu]: Invalid value: "gpu". Did you mean nvidia.com/gpu'
        in (world.condition("Ready")["message"])
    )


@pytest.mark.parametrize("status", [404, 409])
async def test_rejected_job_is_reported_for_any_http_status(world: World, status: int) -> None:
    world.server.faults.append(Fault("create", "jobs", status=status, message="denied by policy"))
    world.sync()
    assert await world.reconcile() == 60
    ready = world.condition("Ready")
    assert (ready["reason"], ready["message"]) == ("JobRejected", "The API server refuses the Job: denied by policy")
    assert world.condition("Stalled")["status"] == "True"
    assert len(world.server.asked) < 25


async def test_conflict_of_a_quota_is_retried(world: World) -> None:
    world.server.faults.append(Fault("create", "jobs", status=409, times=3))
    world.sync()
    await world.reconcile()
    assert (world.condition("Ready")["reason"], world.condition("Ready")["status"]) == ("Queued", "True")


async def test_repeated_conflict_is_raised(world: World) -> None:
    world.sync()
    await world.reconcile()
    world.change(spec={"suspend": True})
    world.sync()
    await world.reconcile()
    world.server.faults.append(Fault("patch", "trainingjobs/status", status=409, message="denied by policy"))
    world.change(spec={"ttlSecondsAfterFinished": 9})
    world.sync()
    with pytest.raises(Conflict, match="denied by policy"):
        await world.reconcile()


async def suspended(world: World) -> None:
    """Suspends the TrainingJob before its Job has a pod."""
    await world.live()
    world.change(spec={"suspend": True})
    await world.live()
    assert world.condition("Suspended")["status"] == "True"


async def late_pod(world: World) -> None:
    """Lets a pod appear that the Job controller created before it saw the suspension."""
    one = running()
    one["metadata"]["ownerReferences"][0]["uid"] = world.job()["metadata"]["uid"]
    made = world.objects.create("pods", KEY.namespace, one)
    world.objects.patch("pods", *key_of(made), {"status": one["status"]}, subresource="status")
    await world.live()
    assert (world.condition("Suspended")["status"], world.condition("Ready")["reason"]) == ("True", "Suspending")


async def test_late_pod_of_a_suspended_job_is_no_resume(world: World) -> None:
    await suspended(world)
    await late_pod(world)
    world.delete(PODS)
    await world.live()
    assert world.condition("Suspended")["status"] == "True"
    assert "Resumed" not in world.events()
    world.change(spec={"suspend": False})
    await world.live()
    assert (world.events().count("Suspended"), world.events().count("Resumed")) == (1, 1)


async def test_resume_before_the_end_of_a_late_pod_has_one_event(world: World) -> None:
    await suspended(world)
    await late_pod(world)
    world.change(spec={"suspend": False})
    await world.live()
    world.delete(PODS)
    await world.live()
    assert world.condition("Suspended")["status"] == "False"
    assert (world.events().count("Suspended"), world.events().count("Resumed")) == (1, 1)


async def spec_changed_before_the_status_is_written(world: World) -> None:
    """Reconciles, while another client changes the spec before the first write of the status."""
    further: dict[str, Any] = {"spec": {"ttlSecondsAfterFinished": 9}}
    status_write = Fault("patch", "trainingjobs/status", times=1, meanwhile=lambda: world.change(**further))
    world.server.faults.append(status_write)
    await world.live()
    assert status_write.times == 0


async def test_resume_has_one_event_if_the_spec_changes_before_the_status_is_written(world: World) -> None:
    await suspended(world)
    world.change(spec={"suspend": False})
    await spec_changed_before_the_status_is_written(world)
    assert (world.condition("Suspended")["status"], world.status()["observedGeneration"]) == ("False", 4)
    assert world.events().count("Resumed") == 1


async def test_suspension_has_one_event_if_the_spec_changes_before_the_status_is_written(world: World) -> None:
    await world.live()
    world.change(spec={"suspend": True})
    await spec_changed_before_the_status_is_written(world)
    assert (world.condition("Suspended")["status"], world.status()["observedGeneration"]) == ("True", 3)
    assert world.events().count("Suspended") == 1


@pytest.mark.parametrize("seconds", [0, 60], ids=["in one second", "a minute later"])
async def test_each_suspension_and_resume_has_an_event(world: World, seconds: int) -> None:
    await suspended(world)
    for count in (1, 2):
        world.now += timedelta(seconds=seconds)
        world.change(spec={"suspend": False})
        await world.live()
        assert world.events().count("Resumed") == count
        world.now += timedelta(seconds=seconds)
        world.change(spec={"suspend": True})
        await world.live()
        assert world.events().count("Suspended") == count + 1


async def trained(world: World, one: Any, **changes: Any) -> None:
    """Lets a pod run whose trainer has reported, and then end."""
    world.now = NOW - timedelta(seconds=30)
    await world.live()
    run = running()
    run["metadata"]["ownerReferences"][0]["uid"] = world.job()["metadata"]["uid"]
    world.objects.create("pods", KEY.namespace, run)
    world.objects.patch("pods", *key_of(run), {"status": run["status"]}, subresource="status")
    await world.live()
    known = world.objects.get("trainingjobs", *KEY)["metadata"]
    reported = reported_status(report(**changes), world.now).dump()
    await world.kube.apply_status(TRAINING_JOBS, *KEY, uid=known["uid"], manager="epochal-progress", status=reported)
    world.now = NOW - timedelta(seconds=9)
    await world.live()
    world.objects.patch("pods", *key_of(run), {"status": one["status"]}, subresource="status")
    world.server.asked.clear()
    world.sync()


def status_writes(world: World) -> int:
    return [request[:2] for request in world.server.asked].count(("patch", "trainingjobs/status"))


@pytest.mark.parametrize(
    ("one", "job_condition", "changes"),
    [
        (succeeded(), true("Complete"), {"stage": "Done"}),
        (succeeded(), true("Complete"), {}),
        (failed(code=65, message=termination("NonFiniteLoss", "nan")), true("Failed", "PodFailurePolicy"), {}),
    ],
    ids=["after its last report", "without its last report", "after a failure"],
)
async def test_end_of_a_training_is_one_status_write(
    world: World, one: Any, job_condition: dict[str, Any], changes: dict[str, Any]
) -> None:
    await trained(world, one, **changes)
    after = await world.reconcile()
    assert (after, status_writes(world)) == (4, 0)
    ended = {"conditions": [job_condition], "completionTime": at(-8)}
    world.objects.patch("jobs", *KEY, {"status": ended}, subresource="status")
    await world.live()
    assert status_writes(world) == 1
    assert world.status()["state"] == job_condition["type"]
    assert "eta" not in world.status()["display"]
    await world.live()
    assert status_writes(world) == 1


async def test_late_end_of_a_job_is_reported(world: World) -> None:
    await trained(world, failed(code=65, message=termination("NonFiniteLoss", "nan")))
    world.now += timedelta(seconds=await world.reconcile() or 0)
    assert (await world.reconcile(), world.condition("Ready")["reason"]) == (None, "Failing")
