"""Where a TrainingJob is, by what its children show: a table, and what the messages say."""

from typing import Any

import pytest
from epochal_api.trainingjob.spec import TrainingJob
from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.status.status import status

from tests.unit.operator.objects import (
    COMPLETE,
    FAILED,
    KINDS,
    NO_SUCH_LABELS,
    SUSPENDED,
    at,
    child,
    disrupted,
    failed,
    going,
    having_reported,
    last_words,
    pod,
    running,
    seen,
    succeeded,
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
SAYS_STOPPED = succeeded(message=last_words("StoppedAfterEpoch", "4 of 10 epochs trained"))
SAYS_EARLY = succeeded(message=last_words("FinishedEarly", "4 of 10 epochs trained"))
OUT_OF_TIME = child(training_job(activeDeadlineSeconds=60), conditions=[true("FailureTarget", "DeadlineExceeded")])


OUTAGE = {"reason": "EndpointUnreachable", "message": "no\x1banswer", "since": at(-60)}
LOADS = having_reported(stage="Loading", waiting=OUTAGE)
NOT_COUNTED = having_reported(attempt=0, stage="Loading", waiting=OUTAGE)
STORES = having_reported(stage="Storing", waiting=OUTAGE)
NO_SECRET = waits("CreateContainerConfigError", 'secret "minio" not found')


def ended(code: int = 0) -> dict[str, Any]:
    """Returns a pod whose container has ended, which its node has not said of the pod yet."""
    return pod(phase="Running", terminated={"exitCode": code, "startedAt": at(-50), "finishedAt": at(-1)})


def without_its_node(one: dict[str, Any]) -> dict[str, Any]:
    """Returns a pod as it is once its node is gone: nobody has told that its container ended."""
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
        (training_job(), seen(child(startTime=at(-9)), refusal="quota"), "Queued", set(), "PodRefused"),
        (training_job(), seen(child(), NO_SECRET), "Starting", set(), "CreateContainerConfigError"),
        (training_job(), seen(child(), waits("SomethingElse")), "Starting", set(), "SomethingElse"),
        (training_job(), seen(child(), waits("ErrImagePull")), "Starting", set(), "ImagePullBackOff"),
        (training_job(), seen(child(), waits("InvalidImageName")), "Starting", {"Stalled"}, "InvalidImageName"),
        (training_job(), seen(child(), going(waits("InvalidImageName"), 60)), "Starting", {"Ready"}, "Stopping"),
        (training_job(), seen(child(), running()), "Running", {"Ready"}, "Running"),
        (having_reported(), seen(child(), running()), "Running", {"Ready"}, "Running"),
        (having_reported(stage="Storing"), seen(child(), running()), "Storing", {"Ready"}, "Storing"),
        (LOADS, seen(child(), running()), "Waiting", set(), "StorageUnavailable"),
        (NOT_COUNTED, seen(child(), running()), "Waiting", set(), "StorageUnavailable"),
        (LOADS, seen(child(), going(running(), 60)), "Waiting", {"Ready"}, "Stopping"),
        (LOADS, seen(child(), pod()), "Starting", {"Ready"}, "Starting"),
        (having_reported(waiting=OUTAGE), seen(child(), running()), "Running", {"Ready"}, "Running"),
        (STORES, seen(child(), running()), "Storing", set(), "StorageUnavailable"),
        (having_reported(stage="Storing"), seen(child(), ended()), "Storing", {"Ready"}, "Storing"),
        (having_reported(stage="Done"), seen(child(), ended()), "Storing", {"Ready"}, "Storing"),
        (having_reported(), seen(child(), ended(code=137)), "Running", {"Ready"}, "Running"),
        (training_job(), seen(child(), failed()), "Starting", {"Ready"}, "Restarting"),
        (training_job(), seen(child(), failed(code=64)), "Running", set(), "Failing"),
        (training_job(), seen(child(), succeeded()), "Storing", {"Ready"}, "Storing"),
        (training_job(), seen(going(child()), running()), "Queued", set(), "Creating"),
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
        (SUSPENDED, seen(), "Suspended", {"Suspended"}, "Creating"),
        (SUSPENDED, seen(child(SUSPENDED)), "Suspended", {"Ready", "Suspended"}, "Suspended"),
        (SUSPENDED, seen(child(SUSPENDED), failed(code=143)), "Suspended", {"Ready", "Suspended"}, "Suspended"),
        (SUSPENDED, seen(child(SUSPENDED), running()), "Running", {"Ready"}, "Suspending"),
        (SUSPENDED, seen(child(SUSPENDED), going(running(), 60)), "Running", {"Ready"}, "Suspending"),
        (SUSPENDED, seen(child(SUSPENDED), going(pod(), 60)), "Starting", {"Ready"}, "Suspending"),
        (SUSPENDED, seen(child(SUSPENDED), going(running(), -60)), "Running", set(), "NodeLost"),
        (training_job(), seen(child(), going(running(), 60)), "Running", {"Ready"}, "Stopping"),
        (training_job(), seen(child(), going(pod(), 60)), "Starting", {"Ready"}, "Stopping"),
        (training_job(), seen(child(), going(running(), -60)), "Running", set(), "NodeLost"),
        (training_job(), seen(child(), failed(code=143)), "Starting", {"Ready"}, "Restarting"),
        (training_job(), seen(child(), without_its_node(running())), "Starting", {"Ready"}, "Restarting"),
        (training_job(), seen(OUT_OF_TIME, going(running(), 60)), "Running", set(), "Failing"),
        (training_job(), seen(OUT_OF_TIME, going(failed(code=143))), "Running", set(), "Failing"),
        (training_job(), seen(orphans=(running(),)), "Queued", set(), "Creating"),
        (training_job(), seen(child(), disrupted(going(failed(code=143)))), "Starting", {"Ready"}, "Restarting"),
        (QUEUED, seen(child(QUEUED)), "Queued", {"Ready"}, "WaitingForAdmission"),
        (QUEUED, seen(child(QUEUED), going(running(), 60)), "Running", {"Ready"}, "Stopping"),
        (QUEUED, seen(child(QUEUED), failed(code=143)), "Queued", {"Ready"}, "WaitingForAdmission"),
        (OUT_OF_QUEUE, seen(), "Suspended", {"Ready", "Suspended"}, "Suspended"),
        (OUT_OF_QUEUE, seen(orphans=(running(),)), "Suspended", {"Suspended"}, "Creating"),
        (OUT_OF_QUEUE, seen(going(child(QUEUED)), going(running(), 60)), "Running", {"Ready"}, "Suspending"),
        (OUT_OF_QUEUE, seen(going(child(QUEUED))), "Suspended", {"Suspended"}, "Creating"),
        (training_job(), seen(child(SUSPENDED), blocked=CONFLICT), "Queued", {"Stalled"}, "FieldConflict"),
        (training_job(), seen(child(), running(), blocked=CONFLICT), "Running", set(), "FieldConflict"),
        (SUSPENDED, seen(child(), running(), blocked=REFUSED), "Running", set(), "JobRejected"),
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
    result = status(job, observed)
    assert result.state == state
    assert [one.type for one in result.conditions or [] if one.type != "StorageAvailable"] == KINDS
    assert {kind for kind in KINDS if is_true(result.conditions, kind)} == true_ones
    ready = get_condition(result.conditions, "Ready")
    assert ready is not None
    assert ready.reason == reason
    assert all(one.reason for one in result.conditions or [])


def test_a_trainer_that_stores_after_a_restart_was_another_one() -> None:
    job = having_reported(stage="Storing")
    later = pod(phase="Running", running={"startedAt": at(60)})
    assert status(job, seen(child(), later)).state == "Running"


def test_a_trainer_that_waits_says_for_what() -> None:
    ready = get_condition(status(LOADS, seen(child(), running())).conditions, "Ready")
    assert ready is not None
    assert ready.message == (
        "The pod digits-1 waits for its storage, and goes on by itself. EndpointUnreachable: no answer"
    )


def test_a_trainer_that_waited_before_a_restart_was_another_one() -> None:
    later = pod(phase="Running", running={"startedAt": at(60)})
    assert status(LOADS, seen(child(), later)).state == "Running"


@pytest.mark.parametrize("word", ["Queued", "Running", "Completed"])
def test_what_failed_is_not_ready_whatever_word_a_trainer_leaves(word: str) -> None:
    result = status(training_job(), seen(FAILED, failed(code=64, message=last_words(word, "no"))))
    assert {kind for kind in KINDS if is_true(result.conditions, kind)} == {"Stalled", "Failed", "Finished"}


@pytest.mark.parametrize(("before", "state"), [("Storing", "Storing"), ("Waiting", "Waiting"), ("Queued", "Running")])
def test_what_fails_for_good_does_not_seem_to_run_again_before(before: str, state: str) -> None:
    result = status(training_job({"state": before}), seen(child(), failed(code=64)))
    ready = get_condition(result.conditions, "Ready")
    assert ready is not None
    assert (result.state, ready.reason) == (state, "Failing")


def test_a_training_that_is_about_to_finish_says_when() -> None:
    running_still = status(having_reported(finishAfterEpoch=4), seen(child(), running()))
    ready = get_condition(running_still.conditions, "Ready")
    assert ready is not None
    assert ready.message.endswith("runs on node node-1. It ends after epoch 4 of 10, as spec.finish asks.")
    over = get_condition(status(ENDED_EARLY, seen(COMPLETE, succeeded())).conditions, "Complete")
    assert over is not None
    assert "finished early, after epoch 4 of 10, as spec.finish asked" in over.message


def test_a_node_that_does_not_make_a_pod_ready_is_named_and_what_to_do() -> None:
    ready = get_condition(status(training_job(), seen(child(), unready(-300))).conditions, "Ready")
    assert ready is not None
    assert ready.message == (
        "The node node-1 has not made the volumes and the network of the pod digits-1 ready for 120 s. What is in the "
        "way: kubectl describe pod digits-1"
    )


def test_the_scheduler_is_quoted() -> None:
    result = status(training_job(), seen(child(), unscheduled("Insufficient nvidia.com/gpu")))
    ready = get_condition(result.conditions, "Ready")
    assert result.state == "Queued"
    assert ready is not None
    assert "Insufficient nvidia.com/gpu" in ready.message


@pytest.mark.parametrize("pods", [(), (failed(),)])
def test_why_there_is_no_pod_is_quoted(pods: tuple[Any, ...]) -> None:
    result = status(training_job(), seen(child(startTime=at(-9)), *pods, refusal="denied by a policy"))
    ready = get_condition(result.conditions, "Ready")
    assert result.state == "Queued"
    assert ready is not None
    assert (ready.reason, ready.message) == ("PodRefused", "Its pod cannot be created: denied by a policy")


def test_why_there_is_no_pod_is_told_in_fields_of_the_spec() -> None:
    refusal = 'pods "digits-1" is forbidden: no PriorityClass with name high was found'
    ready = get_condition(status(training_job(), seen(child(startTime=at(-9)), refusal=refusal)).conditions, "Ready")
    assert ready is not None
    assert f"{refusal}. spec.scheduling.priorityClassName: must be a PriorityClass" in ready.message


def test_a_job_that_is_held_by_a_finalizer_says_so() -> None:
    going_on = going(child())
    going_on["metadata"]["finalizers"] = ["foregroundDeletion", "example.com/keep"]
    ready = get_condition(status(training_job(), seen(going_on)).conditions, "Ready")
    assert ready is not None
    assert "(metadata.finalizers: example.com/keep)" in ready.message
    going_on["metadata"]["finalizers"] = ["foregroundDeletion"]
    ready = get_condition(status(training_job(), seen(going_on)).conditions, "Ready")
    assert ready is not None
    assert ready.message == "Its Job is being deleted, another one follows."


def test_a_job_that_waits_for_a_queue_names_it() -> None:
    ready = get_condition(status(QUEUED, seen(child(QUEUED))).conditions, "Ready")
    assert ready is not None
    assert ready.message == (
        "It waits until Kueue (queue gpus) lets its Job run. If this lasts: is Kueue installed, and is there a "
        "LocalQueue gpus in this namespace (spec.scheduling.queueName)?"
    )


def test_a_job_that_another_manager_lets_run_names_that() -> None:
    managed = child(SUSPENDED)
    managed["spec"]["managedBy"] = "example.com/controller"
    ready = get_condition(status(training_job(), seen(managed)).conditions, "Ready")
    assert ready is not None
    assert ready.message == "It waits until example.com/controller lets its Job run."


UNSCHEDULED = "The pod digits-1 waits for the scheduler."


@pytest.mark.parametrize(
    ("scheduling", "message"),
    [
        ({}, UNSCHEDULED),
        (
            {"schedulerName": "volcano"},
            f"{UNSCHEDULED} If this lasts: does a scheduler volcano run here (spec.scheduling.schedulerName)?",
        ),
    ],
)
def test_a_scheduler_that_may_not_be_there_is_named(scheduling: dict[str, str], message: str) -> None:
    job = training_job(scheduling=scheduling)
    ready = get_condition(status(job, seen(child(), pod(node=None))).conditions, "Ready")
    assert ready is not None
    assert (ready.reason, ready.message) == ("Queued", message)


@pytest.mark.parametrize(
    ("job", "names"),
    [
        (training_job(), "imageRegistry and trainerImage of Epochal's chart: must"),
        (training_job(image="example.com/mine:1"), "spec.image: must"),
    ],
)
def test_an_image_that_cannot_be_pulled_is_the_specs_or_the_charts(job: TrainingJob, names: str) -> None:
    ready = get_condition(status(job, seen(child(), waits("ErrImagePull"))).conditions, "Ready")
    assert ready is not None
    assert names in ready.message


def test_a_pod_that_is_taken_away_says_why() -> None:
    ready = get_condition(status(training_job(), seen(child(), disrupted(going(running(), 60)))).conditions, "Ready")
    assert ready is not None
    assert ready.message.startswith(
        "The pod digits-1 was told to end (Eviction API: evicting), which takes up to 120 s"
    )


@pytest.mark.parametrize("one", [going(running(), 60), going(failed(code=143))])
def test_a_job_that_is_out_of_time_says_so_before_its_pod_has_ended(one: dict[str, Any]) -> None:
    ready = get_condition(status(training_job(activeDeadlineSeconds=60), seen(OUT_OF_TIME, one)).conditions, "Ready")
    assert ready is not None
    assert "DeadlineExceeded: It ran longer than spec.activeDeadlineSeconds, which is 60." in ready.message


def test_a_lost_node_is_named_and_what_to_do() -> None:
    ready = get_condition(status(training_job(), seen(child(), going(running(), -60))).conditions, "Ready")
    assert ready is not None
    assert ready.message.startswith("The node node-1 is not heard of")
    assert ready.message.endswith("kubectl delete node node-1")
