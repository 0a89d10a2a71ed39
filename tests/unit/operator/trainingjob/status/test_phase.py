"""The state and conditions of a TrainingJob, derived from its children."""

from typing import Any, get_args

import pytest
from epochal_api.trainingjob.spec import TrainingJob
from epochal_api.trainingjob.status import StartStage
from epochal_operator.runtime.conditions import is_true
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.status.status import derive_status

from tests.unit.operator.objects import (
    COMPLETE,
    DOUBTFUL_LABELS,
    FAILED,
    KINDS,
    NO_SUCH_LABELS,
    SUSPENDED,
    at,
    child,
    condition,
    deleting,
    disrupted,
    failed,
    having_reported,
    pod,
    running,
    seen,
    succeeded,
    termination,
    training_job,
    true,
    unmatched,
    unready,
    unscheduled,
    waits,
)

CONTINUE_FROM: list[tuple[Any, set[str]]] = [
    ("ContinueFromNotFound", set()),
    ("ContinueFromUnfinished", {"Ready"}),
    ("ContinueFromFailed", {"Stalled"}),
    ("ContinueFromCircular", {"Stalled"}),
]
QUEUED = training_job(scheduling={"queueName": "gpus"})
OUT_OF_QUEUE = training_job(suspend=True, scheduling={"queueName": "gpus"})
CONFLICT, REFUSED = StatusCause(Reason.FIELD_CONFLICT, "x"), StatusCause(Reason.JOB_REJECTED, "x")
UNFINISHED = StatusCause(Reason.CONTINUE_FROM_UNFINISHED, "x")
ENDED_EARLY = having_reported(stage="Done", epoch=4, step=0, finishAfterEpoch=4)
STOPPED = having_reported(stage="Done", epoch=4, step=0, stoppedAfterEpoch=4)
SAYS_STOPPED = succeeded(message=termination("StoppedAfterEpoch", "4 of 10 epochs trained"))
SAYS_EARLY = succeeded(message=termination("FinishedEarly", "4 of 10 epochs trained"))
OUT_OF_TIME = child(training_job(activeDeadlineSeconds=60), conditions=[true("FailureTarget", "DeadlineExceeded")])


OUTAGE = {"reason": "EndpointUnreachable", "message": "no\x1banswer", "since": at(-60)}
LOADS = having_reported(stage="Loading", waiting=OUTAGE)
NOT_COUNTED = having_reported(attempt=0, stage="Loading", waiting=OUTAGE)
STARTS_AND_FINISHES = having_reported(stage="Loading", finishAfterEpoch=4)
STORES = having_reported(stage="Storing", waiting=OUTAGE)
NO_SECRET = waits("CreateContainerConfigError", 'secret "minio" not found')


def ended(code: int = 0) -> dict[str, Any]:
    """Returns a running pod with a terminated container."""
    return pod(phase="Running", terminated={"exitCode": code, "startedAt": at(-50), "finishedAt": at(-1)})


def pulling() -> dict[str, Any]:
    """Returns a pod on a node that has prepared its volumes and its network."""
    one = pod()
    return {**one, "status": {**one["status"], "conditions": [true("PodReadyToStartContainers")]}}


def without_its_node(one: dict[str, Any]) -> dict[str, Any]:
    """Returns a pod of a deleted node, without the end of its container."""
    gone = {**true("DisruptionTarget", "DeletionByPodGC", "PodGC: node no longer exists")}
    return {**one, "status": {**one["status"], "phase": "Failed", "conditions": [gone]}}


@pytest.mark.parametrize(
    ("job", "observed", "state", "true_ones", "reason"),
    [
        (training_job(), seen(), "Queued", set(), "Creating"),
        (training_job(), seen(blocked=StatusCause(Reason.NAME_CONFLICT, "x")), "Queued", {"Stalled"}, "NameConflict"),
        (training_job(), seen(blocked=StatusCause(Reason.JOB_REJECTED, "x")), "Queued", {"Stalled"}, "JobRejected"),
        (training_job(), seen(blocked=StatusCause(Reason.CLEANUP, "x")), "Queued", set(), "Cleanup"),
        *(
            (training_job(), seen(blocked=StatusCause(Reason(reason), "x")), "Queued", true_ones, reason)
            for reason, true_ones in CONTINUE_FROM
        ),
        (SUSPENDED, seen(blocked=UNFINISHED), "Suspended", {"Ready", "Suspended"}, "ContinueFromUnfinished"),
        (training_job(), seen(child()), "Queued", {"Ready"}, "Queued"),
        (training_job(), seen(child(), pod(node=None)), "Queued", {"Ready"}, "Queued"),
        (training_job(), seen(child(), pod()), "Starting", {"Ready"}, "Starting"),
        (training_job(), seen(child(), unready(-119)), "Starting", {"Ready"}, "Starting"),
        (training_job(), seen(child(), unready(-120)), "Starting", set(), "PodNotReadyToStart"),
        (training_job(), seen(child(), unscheduled("Insufficient cpu")), "Queued", {"Ready"}, "Unschedulable"),
        (training_job(), seen(child(), unscheduled("no GPU", -9000)), "Queued", {"Ready"}, "Unschedulable"),
        (unmatched(-899), seen(child(), unscheduled(NO_SUCH_LABELS, -9000)), "Queued", set(), "NoMatchingNode"),
        (unmatched(-900), seen(child(), unscheduled(NO_SUCH_LABELS, -9000)), "Queued", {"Stalled"}, "NoMatchingNode"),
        (unmatched(-9000), seen(child(), unscheduled(NO_SUCH_LABELS, -899)), "Queued", set(), "NoMatchingNode"),
        # The pod lacked room for an hour; since now, no node has the labels.
        (training_job(), seen(child(), unscheduled(NO_SUCH_LABELS, -3600)), "Queued", set(), "NoMatchingNode"),
        *(
            (job, seen(child(), unscheduled(message, since)), "Queued", true_ones, reason)
            for message in DOUBTFUL_LABELS
            for job, since, true_ones, reason in (
                (training_job(), -899, {"Ready"}, "Unschedulable"),
                (training_job(), -900, set[str](), "NoMatchingNode"),
                (unmatched(-899), -9000, set[str](), "NoMatchingNode"),
                (unmatched(-900), -9000, {"Stalled"}, "NoMatchingNode"),
            )
        ),
        (training_job(), seen(child(startTime=at(-9)), pod_rejection="quota"), "Queued", set(), "PodRefused"),
        (training_job(), seen(child(), NO_SECRET), "Starting", set(), "CreateContainerConfigError"),
        (training_job(), seen(child(), waits("SomethingElse")), "Starting", set(), "SomethingElse"),
        (training_job(), seen(child(), waits("ErrImagePull")), "Starting", set(), "ImagePullBackOff"),
        (training_job(), seen(child(), waits("InvalidImageName")), "Starting", {"Stalled"}, "InvalidImageName"),
        (training_job(), seen(child(), deleting(waits("InvalidImageName"), 60)), "Starting", {"Ready"}, "Stopping"),
        (training_job(), seen(child(), pulling()), "Starting", {"Ready"}, "PullingImage"),
        (training_job(), seen(child(), running()), "Starting", {"Ready"}, "ImportingKeras"),
        (having_reported(stage="Loading"), seen(child(), running()), "Starting", {"Ready"}, "LoadingData"),
        *(
            (having_reported(stage="Loading", startStage=stage), seen(child(), running()), "Starting", {"Ready"}, stage)
            for stage in get_args(StartStage)
        ),
        (STARTS_AND_FINISHES, seen(child(), running()), "Starting", {"Ready"}, "Finishing"),
        (having_reported(), seen(child(), running()), "Running", {"Ready"}, "Running"),
        (having_reported(stage="Storing"), seen(child(), running()), "Storing", {"Ready"}, "Storing"),
        (LOADS, seen(child(), running()), "Waiting", set(), "StorageUnavailable"),
        (NOT_COUNTED, seen(child(), running()), "Waiting", set(), "StorageUnavailable"),
        (LOADS, seen(child(), deleting(running(), 60)), "Waiting", {"Ready"}, "Stopping"),
        (LOADS, seen(child(), pod()), "Starting", {"Ready"}, "Starting"),
        (having_reported(waiting=OUTAGE), seen(child(), running()), "Running", {"Ready"}, "Running"),
        (STORES, seen(child(), running()), "Storing", set(), "StorageUnavailable"),
        (having_reported(stage="Storing"), seen(child(), ended()), "Storing", {"Ready"}, "Storing"),
        (having_reported(stage="Done"), seen(child(), ended()), "Storing", {"Ready"}, "Storing"),
        (having_reported(), seen(child(), ended(code=137)), "Running", {"Ready"}, "Running"),
        (training_job(), seen(child(), failed()), "Starting", {"Ready"}, "Restarting"),
        (training_job(), seen(child(), failed(code=64)), "Running", set(), "Failing"),
        (training_job(), seen(child(), succeeded()), "Storing", {"Ready"}, "Storing"),
        (training_job(), seen(deleting(child()), running()), "Queued", set(), "Creating"),
        (training_job(), seen(COMPLETE, succeeded()), "Complete", {"Ready", "Complete", "Finished"}, "Completed"),
        (having_reported(finishAfterEpoch=4), seen(child(), running()), "Running", {"Ready"}, "Finishing"),
        (having_reported(finishAfterEpoch=10), seen(child(), running()), "Running", {"Ready"}, "Running"),
        (having_reported(finishAfterEpoch=4), seen(child(), pod()), "Starting", {"Ready"}, "Starting"),
        (ENDED_EARLY, seen(COMPLETE, succeeded()), "Complete", {"Ready", "Complete", "Finished"}, "FinishedEarly"),
        (training_job(), seen(COMPLETE, SAYS_EARLY), "Complete", {"Ready", "Complete", "Finished"}, "FinishedEarly"),
        (STOPPED, seen(COMPLETE, succeeded()), "Complete", {"Ready", "Complete", "Finished"}, "StoppedAfterEpoch"),
        (
            training_job(),
            seen(COMPLETE, SAYS_STOPPED),
            "Complete",
            {"Ready", "Complete", "Finished"},
            "StoppedAfterEpoch",
        ),
        (
            having_reported(finishAfterEpoch=4),
            seen(COMPLETE),
            "Complete",
            {"Ready", "Complete", "Finished"},
            "Completed",
        ),
        (
            having_reported(epoch=10, finishAfterEpoch=10),
            seen(COMPLETE),
            "Complete",
            {"Ready", "Complete", "Finished"},
            "Completed",
        ),
        (ENDED_EARLY, seen(FAILED, failed()), "Failed", {"Stalled", "Failed", "Finished"}, "Crashed"),
        (training_job(), seen(FAILED, failed()), "Failed", {"Stalled", "Failed", "Finished"}, "Crashed"),
        (SUSPENDED, seen(), "Suspended", {"Ready", "Suspended"}, "Suspended"),
        (SUSPENDED, seen(child(SUSPENDED)), "Suspended", {"Ready", "Suspended"}, "Suspended"),
        (SUSPENDED, seen(child(SUSPENDED), failed(code=143)), "Suspended", {"Ready", "Suspended"}, "Suspended"),
        (SUSPENDED, seen(child(SUSPENDED), running()), "Starting", {"Ready"}, "Suspending"),
        (SUSPENDED, seen(child(SUSPENDED), deleting(running(), 60)), "Starting", {"Ready"}, "Suspending"),
        (SUSPENDED, seen(child(SUSPENDED), deleting(pod(), 60)), "Starting", {"Ready"}, "Suspending"),
        (SUSPENDED, seen(child(SUSPENDED), deleting(running(), -60)), "Starting", set(), "NodeLost"),
        (training_job(), seen(child(), deleting(running(), 60)), "Starting", {"Ready"}, "Stopping"),
        (training_job(), seen(child(), deleting(pod(), 60)), "Starting", {"Ready"}, "Stopping"),
        (training_job(), seen(child(), deleting(running(), -60)), "Starting", set(), "NodeLost"),
        (training_job(), seen(child(), failed(code=143)), "Starting", {"Ready"}, "Restarting"),
        (training_job(), seen(child(), without_its_node(running())), "Starting", {"Ready"}, "Restarting"),
        (training_job(), seen(OUT_OF_TIME, deleting(running(), 60)), "Starting", set(), "Failing"),
        (training_job(), seen(OUT_OF_TIME, deleting(failed(code=143))), "Running", set(), "Failing"),
        (training_job(), seen(orphans=(running(),)), "Queued", set(), "Creating"),
        (training_job(), seen(child(), disrupted(deleting(failed(code=143)))), "Starting", {"Ready"}, "Restarting"),
        (QUEUED, seen(child(QUEUED)), "Queued", {"Ready"}, "WaitingForAdmission"),
        (QUEUED, seen(child(QUEUED), deleting(running(), 60)), "Starting", {"Ready"}, "Stopping"),
        (QUEUED, seen(child(QUEUED), failed(code=143)), "Queued", {"Ready"}, "WaitingForAdmission"),
        (OUT_OF_QUEUE, seen(), "Suspended", {"Ready", "Suspended"}, "Suspended"),
        (OUT_OF_QUEUE, seen(orphans=(running(),)), "Suspended", {"Suspended"}, "Creating"),
        (OUT_OF_QUEUE, seen(deleting(child(QUEUED)), deleting(running(), 60)), "Starting", {"Ready"}, "Suspending"),
        (OUT_OF_QUEUE, seen(deleting(child(QUEUED))), "Suspended", {"Suspended"}, "Creating"),
        (training_job(), seen(child(SUSPENDED), blocked=CONFLICT), "Queued", {"Stalled"}, "FieldConflict"),
        (training_job(), seen(child(), running(), blocked=CONFLICT), "Starting", set(), "FieldConflict"),
        (SUSPENDED, seen(child(), running(), blocked=REFUSED), "Starting", set(), "JobRejected"),
        (SUSPENDED, seen(child(), blocked=REFUSED), "Queued", {"Stalled"}, "JobRejected"),
        (SUSPENDED, seen(child(SUSPENDED), blocked=REFUSED), "Suspended", {"Suspended"}, "JobRejected"),
        (
            training_job(),
            seen(COMPLETE, succeeded(), blocked=CONFLICT),
            "Complete",
            {"Ready", "Complete", "Finished"},
            "Completed",
        ),
        (SUSPENDED, seen(COMPLETE, succeeded()), "Complete", {"Ready", "Complete", "Finished"}, "Completed"),
    ],
)
def test_state_and_conditions(
    job: TrainingJob, observed: Observed, state: str, true_ones: set[str], reason: str
) -> None:
    result = derive_status(job, observed)
    assert result.state == state
    assert [one.type for one in result.conditions or [] if one.type != "StorageAvailable"] == KINDS
    assert {kind for kind in KINDS if is_true(result.conditions, kind)} == true_ones
    assert condition(result).reason == reason
    assert all(one.reason for one in result.conditions or [])


def test_stage_of_an_earlier_trainer_is_ignored() -> None:
    job = having_reported(stage="Storing")
    later = pod(phase="Running", running={"startedAt": at(60)})
    assert derive_status(job, seen(child(), later)).state == "Starting"


def test_waiting_of_an_earlier_trainer_is_ignored() -> None:
    later = pod(phase="Running", running={"startedAt": at(60)})
    assert derive_status(LOADS, seen(child(), later)).state == "Starting"


@pytest.mark.parametrize("word", ["Queued", "Running", "Completed"])
def test_failed_job_is_not_ready_for_any_reason(word: str) -> None:
    result = derive_status(training_job(), seen(FAILED, failed(code=64, message=termination(word, "no"))))
    assert {kind for kind in KINDS if is_true(result.conditions, kind)} == {"Stalled", "Failed", "Finished"}


@pytest.mark.parametrize(
    ("before", "state"),
    [("Storing", "Storing"), ("Waiting", "Waiting"), ("Starting", "Starting"), ("Queued", "Running")],
)
def test_failing_job_keeps_its_state(before: str, state: str) -> None:
    result = derive_status(training_job({"state": before}), seen(child(), failed(code=64)))
    assert (result.state, condition(result).reason) == (state, "Failing")


KEPT = deleting(child())
KEPT["metadata"]["finalizers"] = ["foregroundDeletion", "example.com/keep"]
DELETED = deleting(child())
DELETED["metadata"]["finalizers"] = ["foregroundDeletion"]
MANAGED = child(SUSPENDED)
MANAGED["spec"]["managedBy"] = "example.com/controller"
VOLCANO = training_job(scheduling={"schedulerName": "volcano"})
DEADLINE = training_job(activeDeadlineSeconds=60)
OWN_IMAGE = training_job(image="example.com/mine:1")
PRIORITY = 'pods "digits-1" is forbidden: no PriorityClass with name high was found'
STARTED_JOB = child(startTime=at(-9))


@pytest.mark.parametrize(
    ("job", "observed", "reason", "words"),
    [
        (
            LOADS,
            seen(child(), running()),
            "StorageUnavailable",
            ["pod digits-1 waits", "EndpointUnreachable: no answer"],
        ),
        (having_reported(finishAfterEpoch=4), seen(child(), running()), "Finishing", ["epoch 4 of 10", "spec.finish"]),
        (ENDED_EARLY, seen(COMPLETE, succeeded()), "FinishedEarly", ["early, after epoch 4 of 10", "spec.finish"]),
        (
            training_job(),
            seen(child(), unready(-300)),
            "PodNotReadyToStart",
            ["node-1", "kubectl describe pod digits-1"],
        ),
        (training_job(), seen(child(), unscheduled("Insufficient gpu")), "Unschedulable", ["Insufficient gpu"]),
        (
            training_job(),
            seen(STARTED_JOB, pod_rejection="denied by a policy"),
            "PodRefused",
            ["created: denied by a policy"],
        ),
        (training_job(), seen(STARTED_JOB, failed(), pod_rejection="denied"), "PodRefused", ["created: denied"]),
        (
            training_job(),
            seen(STARTED_JOB, pod_rejection=PRIORITY),
            "PodRefused",
            [f"{PRIORITY}. spec.scheduling.priorityClassName: must be a PriorityClass"],
        ),
        (training_job(), seen(KEPT), "Creating", ["(metadata.finalizers: example.com/keep)"]),
        (QUEUED, seen(child(QUEUED)), "WaitingForAdmission", ["Kueue (queue gpus)", "LocalQueue gpus"]),
        (training_job(), seen(MANAGED), "WaitingForAdmission", ["until example.com/controller admits the Job."]),
        (VOLCANO, seen(child(), pod(node=None)), "Queued", ["scheduler volcano", "(spec.scheduling.schedulerName)"]),
        (training_job(), seen(child(), waits("ErrImagePull")), "ImagePullBackOff", ["trainerImage of Epochal's chart"]),
        (OWN_IMAGE, seen(child(), waits("ErrImagePull")), "ImagePullBackOff", [" spec.image: must"]),
        (
            training_job(),
            seen(child(), disrupted(deleting(running(), 60))),
            "Stopping",
            ["pod digits-1 is terminating (Eviction API: evicting)", "within 120 s"],
        ),
        *(
            (DEADLINE, seen(OUT_OF_TIME, one), "Failing", ["DeadlineExceeded: ", "spec.activeDeadlineSeconds", "60."])
            for one in (deleting(running(), 60), deleting(failed(code=143)))
        ),
        (
            training_job(),
            seen(child(), deleting(running(), -60)),
            "NodeLost",
            ["The node node-1 has stopped reporting", "kubectl delete node node-1"],
        ),
    ],
)
def test_message_of_ready(job: TrainingJob, observed: Observed, reason: str, words: list[str]) -> None:
    ready = condition(derive_status(job, observed))
    assert ready.reason == reason
    assert [word for word in words if word not in ready.message] == [], ready.message


@pytest.mark.parametrize(
    ("job", "observed", "word"),
    [
        (training_job(), seen(DELETED), "finalizers"),
        (training_job(), seen(MANAGED), "If this lasts"),
        (training_job(), seen(child(), pod(node=None)), "If this lasts"),
    ],
)
def test_message_of_ready_without_advice(job: TrainingJob, observed: Observed, word: str) -> None:
    assert word not in condition(derive_status(job, observed)).message
