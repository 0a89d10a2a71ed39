"""Reconcile, while others write: what was read is not what is there any more when it is written."""

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
from epochal_operator.runtime.reconciler import MOMENT
from epochal_operator.trainingjob.reconcile import Reconciler
from epochal_operator.trainingjob.resources import OWNED_PODS, TRAINING_JOBS

from tests.kit.fake.faults import Fault
from tests.kit.fake.objects import Objects
from tests.kit.fake.server import FakeApiServer
from tests.unit.operator.fakes import term
from tests.unit.operator.objects import (
    INSTALLATION,
    KIND,
    NOW,
    OWNED_JOBS,
    at,
    document,
    failed,
    last_words,
    pod,
    report,
    succeeded,
    true,
)

KEY = Key("vision", "digits")
SOON = 5.0
LABELS = {"epochal.dev/trainingjob": "digits"}
CRON_JOB = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "digits", "uid": "uid-of-another", "controller": True}


class World:
    """A TrainingJob, its API server, and what an operator knows of both."""

    def __init__(self, server: FakeApiServer) -> None:
        self.server = server
        self.store = store_for([KIND])
        self.kube = Kube(Transport(server.client()))
        self.now = NOW
        self._reconciler = Reconciler(
            term(self.kube, self.store), lambda: INSTALLATION, instance="test", clock=lambda: self.now
        )

    @property
    def objects(self) -> Objects:
        return self.server.objects

    def tell(self) -> None:
        """Tells the operator of all objects, as a watch does."""
        for resource in (TRAINING_JOBS, JOBS, PODS):
            for thing in self.objects.list(resource.plural):
                self.store.put(resource, thing)

    def job(self) -> Any:
        return self.store.find(OWNED_JOBS, KEY).get(KEY)

    def change(self, **patch: Any) -> None:
        """Somebody changes the TrainingJob, and nobody tells."""
        self.objects.patch("trainingjobs", *KEY, patch)

    async def reconcile(self) -> float | None:
        return await self._reconciler.reconcile(KEY)

    async def live(self) -> None:
        """Reconciles as the queue does, until there is nothing to be done soon."""
        for _ in range(9):
            self.tell()
            after = await self.reconcile()
            if after is None or after > SOON:
                return
            self.now += timedelta(seconds=after)
        raise AssertionError("it does not settle")

    def gone(self, resource: Resource) -> None:
        """An object of the TrainingJob's name is gone, which is told."""
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
    """Returns the objects of a cluster whose CRD knows less of the status than this operator."""
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
    """Brings the TrainingJob to its end."""
    world.tell()
    await world.reconcile()
    ended = {"conditions": [true("Complete")], "completionTime": "2026-11-25T12:00:00Z"}
    world.objects.patch("jobs", *KEY, {"status": ended}, subresource="status")
    world.tell()
    await world.reconcile()
    assert world.status()["state"] == "Complete"


async def stuck(world: World) -> str:
    """Brings the TrainingJob to where its pod cannot start; returns the uid of its Job."""
    await world.live()
    uid: str = world.job()["metadata"]["uid"]
    one = pod(waiting={"reason": "ImagePullBackOff", "message": "no such image"})
    one["metadata"]["ownerReferences"][0]["uid"] = uid
    made = world.objects.create("pods", KEY.namespace, one)
    world.objects.patch("pods", *key_of(made), {"status": one["status"]}, subresource="status")
    await world.live()
    assert world.condition("Ready")["reason"] == "ImagePullBackOff"
    return uid


async def test_a_spec_is_corrected_in_place_as_long_as_no_container_has_run(world: World) -> None:
    first = await stuck(world)
    world.change(spec={"image": "registry.example.com/right:1"})
    await world.live()
    assert (world.job()["metadata"]["uid"], world.job()["spec"]["suspend"]) == (first, True)
    assert "once the pod digits-1 has ended" in world.condition("Ready")["message"]
    world.gone(PODS)
    await world.live()
    made = world.objects.get("jobs", *KEY)
    assert made["metadata"]["uid"] != first
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.com/right:1"
    assert not made["spec"]["suspend"]
    assert "startTime" not in world.status()
    assert (world.condition("Ready")["status"], world.events().count("SpecChanged")) == ("True", 1)


async def test_a_correction_that_stands_delays_no_other_correction(world: World) -> None:
    await world.live()
    for seconds in (9, 9, 9, 9):
        world.objects.patch("jobs", *KEY, {"spec": {"suspend": True}})
        world.now += timedelta(seconds=seconds)
        await world.live()
        assert world.job()["spec"]["suspend"] is False
    world.objects.patch("jobs", *KEY, {"spec": {"parallelism": 3}})
    world.tell()
    await world.reconcile()
    assert world.job()["spec"]["parallelism"] == 1


async def test_the_grace_of_a_quota_outlives_a_failed_read_after_the_deletion(world: World) -> None:
    await stuck(world)
    world.change(spec={"image": "registry.example.com/right:1"})
    await world.live()
    world.gone(PODS)
    world.tell()
    world.server.faults.append(Fault("get", "jobs", status=500, message="etcd"))
    with pytest.raises(ApiError):
        await world.reconcile()
    world.store.remove(JOBS, world.job())
    world.server.faults.append(Fault("create", "jobs", status=403, message="exceeded quota: jobs"))
    world.tell()
    await world.reconcile()
    assert world.condition("Ready")["reason"] == "Cleanup"


async def test_a_job_that_may_not_be_deleted_is_not_said_to_be(world: World) -> None:
    await stuck(world)
    world.change(spec={"image": "registry.example.com/right:1"})
    await world.live()
    world.gone(PODS)
    world.server.faults.append(Fault("delete", "jobs", status=403, message="denied by policy"))
    world.tell()
    await world.reconcile()
    assert "denied by policy" in world.condition("Ready")["message"]
    assert "SpecChanged" not in world.events()


async def test_a_container_that_starts_at_that_moment_goes_on_as_it_began(world: World) -> None:
    first = await stuck(world)
    world.change(spec={"image": "registry.example.com/right:1"})
    await world.live()
    ran = failed(code=143)["status"]
    world.objects.patch("pods", KEY.namespace, "digits-1", {"status": ran}, subresource="status")
    await world.live()
    assert (world.job()["metadata"]["uid"], world.job()["spec"]["suspend"]) == (first, False)
    told = world.condition("SpecApplied")
    assert (told["status"], told["reason"]) == ("False", "SpecIgnored")
    assert world.status()["startTime"]
    assert (world.events().count("SpecIgnored"), world.events().count("SpecChanged")) == (1, 0)


async def test_a_quota_that_counts_the_job_of_before_still_is_waited_for(world: World) -> None:
    await stuck(world)
    world.change(spec={"image": "registry.example.com/right:1"})
    await world.live()
    world.gone(PODS)
    world.server.faults.append(Fault("create", "jobs", status=403, message="exceeded quota: jobs", times=2))
    world.tell()
    assert await world.reconcile() == MOMENT
    assert (world.condition("Ready")["reason"], world.condition("Stalled")["status"]) == ("Cleanup", "False")
    await world.live()
    assert world.condition("Ready")["status"] == "True"
    world.server.faults.append(Fault("create", "jobs", status=403, message="exceeded quota: jobs"))
    world.now += timedelta(seconds=60)
    world.gone(JOBS)
    world.tell()
    await world.reconcile()
    assert world.condition("Ready")["reason"] == "JobRejected"


async def test_what_has_changed_meanwhile_is_read_anew(world: World) -> None:
    world.tell()
    world.change(metadata={"annotations": {"somebody": "was here"}})
    assert await world.reconcile() != MOMENT
    assert world.status()["state"] == "Queued"
    conflicts = [one for one in world.server.asked if one[:2] == ("patch", "trainingjobs/status")]
    assert len(conflicts) == 2, "one that was refused, and one that was not"


async def test_a_status_of_an_older_version_is_refused(world: World) -> None:
    old = world.objects.get("trainingjobs", *KEY)["metadata"]
    world.change(metadata={"annotations": {"somebody": "was here"}})
    stale = {"uid": old["uid"], "resource_version": old["resourceVersion"]}
    with pytest.raises(Conflict):
        await world.kube.apply_status(TRAINING_JOBS, *KEY, manager="epochal", status={"state": "Queued"}, **stale)
    assert world.status() == {}


async def test_a_longer_life_given_at_the_last_moment_counts(world: World) -> None:
    await complete(world)
    world.now += timedelta(seconds=61)
    longer: dict[str, Any] = {"spec": {"ttlSecondsAfterFinished": 3600}}
    world.server.faults.append(Fault("delete", "trainingjobs", times=1, meanwhile=lambda: world.change(**longer)))
    after = await world.reconcile()
    assert after == pytest.approx(3600 - 61)
    assert world.status()["state"] == "Complete"


async def test_a_late_watch_leaves_no_job_of_an_older_spec(world: World) -> None:
    world.tell()
    world.change(spec={"training": {"epochs": 7}})
    await world.reconcile()
    await world.live()
    (job,) = world.objects.list("jobs")
    assert '"epochs":7' in job["spec"]["template"]["metadata"]["annotations"][JOB_ANNOTATION]
    assert world.status()["observedGeneration"] == 2


async def test_a_late_watch_leaves_no_job_of_a_training_job_that_is_gone(world: World) -> None:
    world.tell()
    world.objects.delete("trainingjobs", *KEY)
    await world.reconcile()
    world.objects.collect()
    assert world.objects.list("jobs") == []


async def test_its_life_ends_with_its_job(world: World) -> None:
    await complete(world)
    world.now += timedelta(seconds=61)
    await world.reconcile()
    assert world.objects.list("trainingjobs") == []
    world.objects.collect()
    assert world.objects.list("jobs") == []


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("metadata", [{}, {"labels": LABELS}, {"labels": LABELS, "ownerReferences": [CRON_JOB]}])
async def test_a_job_of_somebody_else_is_left_alone(world: World, metadata: dict[str, Any], *, told: bool) -> None:
    world.server.collects = False  # there is no such CronJob
    foreign = {"metadata": {"name": "digits"} | metadata, "spec": {"suspend": True, "parallelism": 0}}
    before = world.objects.create("jobs", "vision", foreign)
    world.tell()
    if not told and (known := world.job()) is not None:
        world.store.remove(JOBS, known)
    await world.reconcile()
    assert world.objects.get("jobs", *KEY) == before
    assert world.condition("Ready")["reason"] == "NameConflict"
    assert world.condition("Stalled")["status"] == "True"
    world.objects.delete("jobs", *KEY)
    if (known := world.job()) is not None:
        world.store.remove(JOBS, known)
    await world.reconcile()
    assert world.status()["state"] == "Queued"
    assert world.condition("Ready")["status"] == "True"


async def test_a_job_that_lost_its_labels_is_taken_again(world: World) -> None:
    world.tell()
    await world.reconcile()
    job = world.objects.patch("jobs", *KEY, {"metadata": {"labels": None}})
    world.store.remove(JOBS, job | {"metadata": job["metadata"] | {"labels": LABELS}})
    await world.reconcile()
    after = world.objects.get("jobs", *KEY)
    assert after["metadata"]["uid"] == job["metadata"]["uid"]
    assert after["metadata"]["labels"].items() >= LABELS.items()


async def test_an_earlier_crd_holds_what_it_knows(caplog: pytest.LogCaptureFixture) -> None:
    async with FakeApiServer("vision", objects=earlier_crd()) as server:
        world = World(server)
        world.objects.create("trainingjobs", "vision", document(resources={"limits": {"nvidia.com/gpu": 1}}))
        world.tell()
        await world.reconcile()
        made = world.objects.get("jobs", *KEY)
        ended = {"conditions": [true("Complete")], "completionTime": at(0), "startTime": at(-60)}
        world.objects.patch("jobs", *KEY, {"status": ended}, subresource="status")
        words = last_words("Completed", "", report(stage="Done", network={"parameters": 1, "layers": 2}))
        pod = succeeded(message=words)
        pod["metadata"]["ownerReferences"][0]["uid"] = made["metadata"]["uid"]
        pod["metadata"]["labels"] = made["spec"]["template"]["metadata"]["labels"]
        world.objects.create("pods", "vision", pod)
        world.objects.patch("pods", "vision", "digits-1", {"status": pod["status"]}, subresource="status")
        world.tell()
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


async def test_a_job_that_is_refused_is_told_in_the_fields_of_its_training_job(world: World) -> None:
    said = 'Job.batch "digits" is invalid: spec.template.spec.containers[0].resources.limits[gpu]: Invalid value: "gpu"'
    world.server.faults.append(Fault("create", "jobs", status=422, message=said))
    world.tell()
    await world.reconcile()
    assert (
        'is invalid: spec.resources.limits[gpu]: Invalid value: "gpu". Did you mean nvidia.com/gpu'
        in (world.condition("Ready")["message"])
    )


@pytest.mark.parametrize("status", [404, 409])
async def test_a_job_that_is_refused_whatever_the_code_is_told_and_not_asked_for_again(
    world: World, status: int
) -> None:
    world.server.faults.append(Fault("create", "jobs", status=status, message="denied by policy"))
    world.tell()
    assert await world.reconcile() == 60
    ready = world.condition("Ready")
    assert (ready["reason"], ready["message"]) == ("JobRejected", "The API server refuses its Job: denied by policy")
    assert world.condition("Stalled")["status"] == "True"
    assert len(world.server.asked) < 25


async def test_a_quota_that_others_change_meanwhile_does_not_reject_a_job(world: World) -> None:
    world.server.faults.append(Fault("create", "jobs", status=409, times=3))
    world.tell()
    await world.reconcile()
    assert (world.condition("Ready")["reason"], world.condition("Ready")["status"]) == ("Queued", "True")


async def test_what_conflicts_again_and_again_is_raised_for_the_queue_to_wait(world: World) -> None:
    world.tell()
    await world.reconcile()
    world.change(spec={"suspend": True})
    world.tell()
    await world.reconcile()
    world.server.faults.append(Fault("patch", "trainingjobs/status", status=409, message="denied by policy"))
    world.change(spec={"ttlSecondsAfterFinished": 9})
    world.tell()
    with pytest.raises(Conflict, match="denied by policy"):
        await world.reconcile()
