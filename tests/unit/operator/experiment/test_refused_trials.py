"""Trials whose TrainingJobs one version of Epochal refuses and another accepts."""

from datetime import timedelta
from typing import Any

import pytest
from epochal_operator.experiment.ledger.events import Failed

from tests.unit.operator.experiment.cluster import KEY, Cluster

FOUR: dict[str, Any] = {"maxTrials": 4, "parallelism": 4, "epochs": 3, "schedule": {"method": "None"}}
REFUSED = {"type": "Failed", "status": "True", "reason": "InvalidSpec", "message": "spec.later: unknown field"}


def refuse_all(cluster: Cluster, **status: Any) -> None:
    """Gives each TrainingJob the status of a version that refuses it."""
    for job in cluster.jobs():
        cluster.patch_status(
            job, {"state": "Failed", "conditions": [REFUSED], "completionTime": cluster.time()} | status
        )


def accept_all(cluster: Cluster) -> None:
    """Gives each TrainingJob the status of a version that accepts it."""
    for job in cluster.jobs():
        cluster.patch_status(job, {"state": "Queued", "conditions": [], "completionTime": None})


async def test_trials_refused_by_a_rollback_train_after_the_upgrade() -> None:
    cluster = Cluster(**FOUR)
    await cluster.settle()
    refuse_all(cluster)
    cluster.restart_operator()
    await cluster.settle()
    ready = cluster.condition("Ready")
    assert (cluster.status()["state"], ready["status"], ready["reason"]) == ("Queued", "False", "TrialsNotReady")
    assert "search-0-r0" in ready["message"]
    assert "kubectl delete trainingjob search-0-r0" in ready["message"]
    assert "spec.later: unknown field" in ready["message"]
    accept_all(cluster)
    cluster.restart_operator()
    await cluster.run()
    counts = cluster.status()["trials"]
    assert (cluster.condition("Complete")["reason"], counts["complete"], counts["failed"]) == ("Completed", 4, 0)


async def test_failed_trials_that_train_again_are_suspended() -> None:
    cluster = Cluster(**FOUR, maxFailedTrials=1)
    await cluster.settle()
    refuse_all(cluster, startTime=cluster.time())  # An earlier version counted each refusal as a failure.
    await cluster.settle()
    assert cluster.condition("Failed")["reason"] == "TooManyFailedTrials"
    for job in cluster.jobs():
        cluster.patch_status(job, {"state": "Running", "conditions": [], "completionTime": None})
    await cluster.settle()
    assert [job["spec"]["suspend"] for job in cluster.jobs()] == [True] * 4
    cluster.run_trainers()
    cluster.change(maxFailedTrials=9, maxTrials=8)
    await cluster.settle()
    assert sorted(cluster.job_names("Queued")) == [f"search-{number}-r0" for number in (4, 5, 6, 7)]
    assert sorted(cluster.job_names("Suspended")) == [f"search-{number}-r0" for number in range(4)]


@pytest.mark.parametrize("changes", [{"finish": True}, {"objective": {"target": "0.5"}}])
async def test_a_stopped_search_ends_without_unscheduled_trials(changes: dict[str, Any]) -> None:
    cluster = Cluster(**FOUR | {"parallelism": 3})
    await cluster.settle()
    cluster.patch_status(cluster.jobs()[0], {"state": "Running", "startTime": cluster.time()})
    await cluster.settle()
    cluster.change(**changes)
    await cluster.settle()
    cluster.finish_rung(cluster.jobs()[0])
    await cluster.settle()
    assert [job["spec"]["suspend"] for job in cluster.jobs()[1:3]] == [True, True]
    for job in cluster.jobs()[1:3]:
        cluster.patch_status(job, {"state": "Suspended"})
    await cluster.settle()
    assert cluster.status()["state"] == "Complete"
    assert cluster.condition("Complete")["reason"] in {"FinishedEarly", "TargetReached"}


async def test_a_trial_with_an_invalid_spec_fails_without_a_training_job() -> None:
    cluster = Cluster(**FOUR)
    store = {"storage": {"endpoint": "http://minio.vision.svc:9000", "secretRef": {"name": "credentials"}}}
    spec = cluster.experiment()["spec"]["template"]["spec"]
    huge = [{"layer": "Dense", "units": 8, "name": f"dense{number:0123}"} for number in range(900)]
    cluster.change(template={"spec": spec | store | {"network": spec["network"] | {"layers": huge}}})
    await cluster.settle()
    assert cluster.job_names() == []
    assert Failed(0, 0, "", "Rejected") in cluster.events()
    (event, *_) = (event for event in cluster.objects.list("events") if event["reason"] == "TrialRejected")
    assert event["note"].startswith(
        "Epochal refuses the TrainingJob search-0-r0, so its trial fails: spec: must fit in 131072 bytes"
    )


async def test_a_resumed_unexpected_job_is_suspended_with_backoff() -> None:
    cluster = Cluster(**FOUR, maxFailedTrials=0)
    await cluster.settle()
    cluster.failures = {0: "OutOfMemory"}
    cluster.run_trainers()
    cluster.finish_rung(cluster.jobs()[0])
    await cluster.settle()
    assert cluster.condition("Failed")["reason"] == "TooManyFailedTrials"
    before = len(cluster.kube.writes)
    for _ in range(20):
        cluster.objects.patch("trainingjobs", KEY.namespace, "search-1-r0", {"spec": {"suspend": False}})
        await cluster.reconcile()
        cluster.now += timedelta(seconds=1)
    assert 3 <= cluster.kube.writes[before:].count("patch trainingjobs/search-1-r0") <= 7


async def test_a_training_job_of_a_later_rung_than_the_current_one_adds_no_events() -> None:
    cluster = Cluster(maxTrials=4, parallelism=2)
    await cluster.train(1)
    await cluster.settle()
    job = cluster.objects.get("trainingjobs", KEY.namespace, "search-1-r0")
    metadata = {key: job["metadata"][key] for key in ("labels", "annotations", "ownerReferences")}
    copy = {"metadata": {**metadata, "name": "search-1-r1"}, "spec": job["spec"]}
    cluster.patch_status(
        cluster.objects.create("trainingjobs", KEY.namespace, copy), {"state": "Running", "startTime": cluster.time()}
    )
    events = cluster.events()
    cluster.now += timedelta(seconds=60)
    cluster.change(suspend=True)
    await cluster.settle()
    assert cluster.events() == events
    assert all(job["spec"]["suspend"] for job in cluster.jobs())
    cluster.change(suspend=False)
    await cluster.complete()
