"""TrainingJobs, Jobs and pods as the API server returns them."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from epochal_api.condition import Condition
from epochal_api.trainingjob.report import UNFINISHED, Position, Report, Termination
from epochal_api.trainingjob.spec import TrainingJob, parse
from epochal_api.trainingjob.status import Status
from epochal_operator.pods.installation import Installation
from epochal_operator.pods.pod_template import CONTAINER
from epochal_operator.runtime.conditions import get_condition
from epochal_operator.runtime.kind import reader_for
from epochal_operator.trainingjob.job.batch_job import batch_job
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.kind import training_jobs
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.resources import JOB

T = TypeVar("T")
NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
UID = "5f0c6a52-0000-4000-8000-000000000001"
INSTALLATION = Installation(
    trainer_image="epochal-trainer:test",
    server_image="epochal-server:test",
    storage_endpoint="https://minio.minio.svc:9000",
    scratch_limit="256Gi",
    tmp_limit="4Gi",
    progress_url="https://epochal.epochal-system.svc:8443",
    progress_ca="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
)
KIND = training_jobs(lambda: INSTALLATION, instance="test")
read = reader_for([KIND]).read
SPEC: dict[str, Any] = {
    "storage": {"secretRef": {"name": "credentials"}},
    "data": {"bucket": "data", "train": {"object": "train.npz"}},
    "network": {
        "input": {"shape": [8, 8]},
        "layers": [{"layer": "Flatten"}, {"layer": "Dense", "units": 10, "kernel_initializer": None}],
    },
    "training": {"epochs": 10, "loss": "SparseCategoricalCrossentropy"},
    "results": {"bucket": "results"},
}


def required(value: T | None) -> T:
    """Returns a value that must not be None."""
    assert value is not None
    return value


def condition(status: Status, kind: str = "Ready") -> Condition:
    """Returns a condition of a status, which must exist."""
    return required(get_condition(status.conditions, kind))


def at(seconds: float) -> str:
    """Returns NOW and some seconds, RFC 3339."""
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def document(status: Any = None, *, generation: int = 1, **spec: Any) -> dict[str, Any]:
    """Returns a TrainingJob as JSON."""
    metadata = {"name": "digits", "namespace": "vision", "uid": UID, "generation": generation, "resourceVersion": "41"}
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": metadata,
        "spec": copy.deepcopy(SPEC) | spec,
        **({} if status is None else {"status": status}),
    }


def training_job(status: Any = None, *, generation: int = 1, **spec: Any) -> TrainingJob:
    """Returns a TrainingJob; its status may be a model."""
    return parse(document(status.dump() if hasattr(status, "dump") else status, generation=generation, **spec))


def child(job: TrainingJob | None = None, *, uid: str = "job-uid", **status: Any) -> dict[str, Any]:
    """Returns the Job of a TrainingJob with a status."""
    made = batch_job(job or training_job(), INSTALLATION)
    made["metadata"] |= {"uid": uid, "resourceVersion": "42"}
    return made | {"status": status}


def true(kind: str, reason: str = "", message: str = "", since: float = 0) -> dict[str, Any]:
    """Returns a true condition of a Job or pod."""
    return {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": at(since)}


def pod(
    name: str = "digits-1", phase: str = "Pending", *, age: float = 60, node: str | None = "node-1", **trainer: Any
) -> dict[str, Any]:
    """Returns a pod of the TrainingJob; further arguments are the state of its container."""
    metadata = {
        "name": name,
        "namespace": "vision",
        "uid": f"uid-of-{name}",
        "resourceVersion": "43",
        "creationTimestamp": at(-age),
        "labels": {"epochal.dev/trainingjob": "digits", "epochal.dev/trainingjob-uid": UID},
        "ownerReferences": [{"kind": "Job", "name": "digits", "uid": "job-uid", "controller": True}],
    }
    spec: dict[str, Any] = {"containers": [{"name": CONTAINER, "resources": {"limits": {"memory": "4Gi"}}}]}
    if node:
        spec["nodeName"] = node
    status: dict[str, Any] = {"phase": phase, "conditions": []}
    if trainer:
        made = {"containerID": "containerd://1"} if {"running", "terminated"} & set(trainer) else {}
        status["containerStatuses"] = [{"name": CONTAINER, "state": trainer} | made]
    return {"metadata": metadata, "spec": spec, "status": status}


def running(name: str = "digits-1", **options: Any) -> dict[str, Any]:
    """Returns a pod whose trainer runs."""
    return pod(name, "Running", running={"startedAt": at(-50)}, **options)


def failed(name: str = "digits-1", code: int = 1, message: str = "", reason: str = "Error", **options: Any) -> Any:
    """Returns a pod whose trainer ended with an exit code."""
    ended = {"exitCode": code, "reason": reason, "message": message, "finishedAt": at(-10)}
    return pod(name, "Failed", terminated=ended, **options)


def never_ran(name: str = "digits-1") -> dict[str, Any]:
    """Returns a pod that was terminated before its container was created, as a kubelet reports it."""
    one: dict[str, Any] = failed(name, 137, reason="ContainerStatusUnknown")
    del one["status"]["containerStatuses"][0]["containerID"]
    return one


def without_container(reason: str, message: str) -> dict[str, Any]:
    """Returns a failed pod without any container status."""
    one = pod(phase="Failed")
    one["status"] |= {"reason": reason, "message": message}
    return one


def succeeded(name: str = "digits-1", message: str = "", **options: Any) -> dict[str, Any]:
    """Returns a pod whose trainer has completed."""
    ended = {"exitCode": 0, "reason": "Completed", "message": message, "finishedAt": at(-10)}
    return pod(name, "Succeeded", terminated=ended, **options)


def waits(reason: str, message: str | None = None) -> dict[str, Any]:
    """Returns a pod whose container waits for a reason."""
    return pod(waiting={"reason": reason, **({"message": message} if message else {})})


def unready(since: float) -> dict[str, Any]:
    """Returns a pod whose volumes and network are unprepared since a number of seconds from NOW."""
    one = waits("ContainerCreating")
    kind = {"type": "PodReadyToStartContainers", "status": "False", "lastTransitionTime": at(since)}
    one["status"]["conditions"] = [kind]
    return one


NO_SUCH_LABELS = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
"""Message of the scheduler for a nodeSelector with a typo."""
DOUBTFUL_LABELS = (
    "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector.",
    "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector.",
)
"""Messages of the scheduler for such a nodeSelector, in a cluster with a tainted or cordoned node."""


def unscheduled(message: str, since: float = 0) -> dict[str, Any]:
    """Returns an unschedulable pod."""
    one, why = pod(node=None), {"reason": "Unschedulable", "message": message}
    one["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "lastTransitionTime": at(since), **why}]
    return one


def disrupted(one: dict[str, Any]) -> dict[str, Any]:
    """Returns a pod that the cluster has disrupted."""
    interruption = true("DisruptionTarget", "EvictionByEvictionAPI", "Eviction API: evicting")
    return {**one, "status": {**one["status"], "conditions": [interruption]}}


def deleting(one: dict[str, Any], by: float = 0) -> dict[str, Any]:
    """Returns a terminating Job or pod; a pod has a number of seconds from NOW to end."""
    return {**one, "metadata": {**one["metadata"], "deletionTimestamp": at(by)}}


def seen(job_child: Any = None, *pods: Any, now: datetime = NOW, **rest: Any) -> Observed:
    """Returns the observed children of a TrainingJob; further arguments are other fields of Observed."""
    return Observed(now, job_child, pods, **rest)


def report(**changes: Any) -> Report:
    """Returns a trainer's report."""
    values: dict[str, Any] = {
        "attempt": 1,
        "sequence": 5,
        "stage": "Training",
        "epoch": 3,
        "epochs": 10,
        "step": 210,
        "stepsPerEpoch": 700,
        "secondsPerEpoch": 15.21,
        "secondsLeft": 105.4,
        "metrics": {"loss": 0.036812345, "val_loss": 0.0436},
        "best": {"epoch": 2, "metric": "val_loss", "value": 0.0436},
    }
    return Report.model_validate(values | changes)


def termination(
    reason: str, message: str = "", last: Report | None = None, place: tuple[int, int] | None = None
) -> str:
    """Returns a termination message; the place is finished epochs and steps."""
    position = place and Position(epoch=place[0], step=place[1])
    return Termination(reason=reason, message=message, position=position, report=last).encode()


def killed(name: str = "digits-1", code: int = 137, *, place: tuple[int, int] | None = (2, 210), **options: Any) -> Any:
    """Returns a pod whose trainer was killed, with the termination message of a running trainer."""
    last = options.pop("last", None)
    return failed(name, code, termination(UNFINISHED, "killed", last, place), **options)


def unmatched(since: float) -> TrainingJob:
    """Return a TrainingJob whose status has had the reason NoMatchingNode for some time."""
    ready = {"type": "Ready", "status": "False", "reason": "NoMatchingNode", "lastTransitionTime": at(since)}
    return training_job({"conditions": [ready]})


def having_reported(**changes: Any) -> TrainingJob:
    return training_job(reported_status(report(**changes), NOW))


KINDS = ["Ready", "Stalled", "Suspended", "Complete", "Failed", "Finished"]
SUSPENDED = training_job(suspend=True)
COMPLETE = child(conditions=[true("Complete")], completionTime=at(-3))
FAILED = child(conditions=[true("Failed", "BackoffLimitExceeded")], failed=1)
OWNED_JOBS = JOB
