"""The phase of a TrainingJob, derived from its children: the TrainingJob's state and the cause of this state."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from epochal_api.pod import GRACE_SECONDS
from epochal_api.trainingjob.status import Progress, Stage, State, Status

from epochal_operator.pods.diagnosis import is_live, is_prepared
from epochal_operator.pods.pod_template import QUEUE_LABEL
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.reasons import sanitize_message
from epochal_operator.trainingjob.job.batch_job import starting_controller
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.pod.api_messages import with_training_job_fields
from epochal_operator.trainingjob.pod.failures import (
    early_end_cause,
    is_last_pod,
    job_end,
    last_failure,
    pod_failure,
    target_failure,
)
from epochal_operator.trainingjob.pod.state import (
    STUCK_SECONDS,
    is_lost,
    live_start_time,
    no_node_deadline,
    stuck_at,
    termination_deadline,
    unmatched_at,
    waiting_cause,
)
from epochal_operator.trainingjob.progress.reported_status import is_finished_early, progress_since
from epochal_operator.trainingjob.reasons import Reason, StatusCause, effect


class PhaseInputs(NamedTuple):
    """The parts of the spec that decide the phase or its message.

    Args:
        suspend: Value of spec.suspend.
        own_image: Whether spec.image is set; None if unknown.
        scheduler: Name of the scheduler in the spec, if any.
    """

    suspend: bool
    own_image: bool | None = None
    scheduler: str | None = None


class Phase(NamedTuple):
    """The phase of a TrainingJob.

    Args:
        state: The state.
        cause: Reason and message of the condition Ready.
        stalled: Whether the TrainingJob needs a user's action to continue.
        completion_time: Time of the end, RFC 3339; None if the TrainingJob has not ended.
    """

    state: State
    cause: StatusCause
    stalled: bool = False
    completion_time: str | None = None

    @property
    def ready(self) -> bool:
        """Whether the TrainingJob is complete or continues by itself, so that no user has to act."""
        return self.state == "Complete" or (self.state != "Failed" and effect(self.cause.reason).ready)


def names_pod(message: str, pod_name: str) -> bool:
    """Return whether a message of the condition Ready names a pod.

    The message is the only record of the previous pod. So each message of a reason with `pod_runs` starts with
    `The pod NAME `, and a reworded message must keep these words.
    """
    return f"pod {pod_name} " in message


def derive_phase(inputs: PhaseInputs, before: Status, observed: Observed) -> Phase:
    """Return the phase of a TrainingJob."""
    job, blocked = observed.job, observed.blocked
    state_without_job: State = "Suspended" if inputs.suspend else "Queued"
    if job is None:
        return _phase_without_job(inputs, observed, state_without_job)
    if end := job_end(job, observed.pods):
        failed = end.type_ == "Failed"
        cause = end.cause if failed else _early_end(before, observed) or end.cause
        return Phase(end.type_, cause, stalled=failed, completion_time=end.time)
    if observed.replaces_job and blocked is None:
        return Phase(state_without_job, StatusCause(Reason.CREATING, _replacement_message(observed)))
    has_live_pod = any(map(is_live, observed.pods))
    if job["metadata"].get("deletionTimestamp") and not (inputs.suspend and has_live_pod):
        return Phase(
            state_without_job, StatusCause(Reason.CREATING, _deletion_message(job, observed, suspend=inputs.suspend))
        )
    is_suspended = inputs.suspend and job["spec"].get("suspend") and not has_live_pod
    result = Phase("Suspended", _SUSPENDED) if is_suspended else _phase_of_pods(inputs, before, observed)
    if blocked is None:
        return result
    stalled = effect(blocked.reason).needs_user_action and not has_live_pod and not is_suspended
    return result._replace(cause=blocked, stalled=stalled)


def _phase_without_job(inputs: PhaseInputs, observed: Observed, state_without_job: State) -> Phase:
    if blocked := observed.blocked:
        stalled = effect(blocked.reason).needs_user_action
        return Phase(state_without_job, blocked, stalled=stalled)
    if observed.orphans:
        pod_name = observed.orphans[0]["metadata"]["name"]
        message = f"The Job is created once the pod {pod_name} has ended, which belongs to an earlier Job."
        return Phase(state_without_job, StatusCause(Reason.CREATING, message))
    if inputs.suspend:
        return Phase("Suspended", _SUSPENDED)
    return Phase(state_without_job, StatusCause(Reason.CREATING, "The Job is being created."))


_SUSPENDED = StatusCause(Reason.SUSPENDED, "Waiting until spec.suspend is false.")


def _early_end(before: Status, observed: Observed) -> StatusCause | None:
    """Return the cause for a complete training that ended before its last epoch as requested, or None."""
    progress = before.progress
    if progress is not None and progress.stopped_after_epoch is not None:
        position = f"after epoch {progress.stopped_after_epoch} of {progress.epochs}"
        message = f"The training stopped {position}, because of spec.training.stopAfterEpoch. Its results are stored."
        return StatusCause(Reason.STOPPED_AFTER_EPOCH, message)
    if progress is not None and is_finished_early(progress):
        position = f"after epoch {progress.epoch} of {progress.epochs}"
        message = f"The training finished early, {position}, because of spec.finish. Its results are stored."
        return StatusCause(Reason.FINISHED_EARLY, message)
    return early_end_cause(observed.pods)


def _replacement_message(observed: Observed) -> str:
    pod_name = next((pod["metadata"]["name"] for pod in observed.pods if is_live(pod)), None)
    condition = f" once the pod {pod_name} has ended" if pod_name else ""
    return f"Recreating the Job with the current spec{condition}, because no container of the Job has run."


def _deletion_message(job: Mapping[str, Any], observed: Observed, *, suspend: bool) -> str:
    """Return the message for a Job that is being deleted, with the finalizers that delay its deletion."""
    if observed.spec_ignored:
        return "The Job is being deleted. No other Job follows: only this Job has the trained spec (SpecApplied)."
    finalizers = [
        finalizer for finalizer in job["metadata"].get("finalizers") or [] if finalizer not in _KUBERNETES_FINALIZERS
    ]
    conditions = [
        *(["spec.suspend is false"] if suspend else []),
        *([f"its finalizers are removed (metadata.finalizers: {', '.join(finalizers)})"] if finalizers else []),
    ]
    once = f" once {' and '.join(conditions)}" if conditions else ""
    return f"The Job is being deleted. Another Job follows{once}."


_KUBERNETES_FINALIZERS = frozenset({"foregroundDeletion", "orphan"})
"""Finalizers that Kubernetes itself adds and removes.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""


def _phase_of_pods(inputs: PhaseInputs, before: Status, observed: Observed) -> Phase:
    job = observed.job or {}
    if (cause := _missing_pod_cause(job, observed)) is not None:
        return Phase("Queued", cause)
    pod = observed.pods[-1]
    name = pod["metadata"]["name"]
    if is_live(pod):
        termination = _termination_cause(pod, observed, suspend=inputs.suspend)
        result = _phase_of_live_pod(inputs, before, pod, observed.now)
        return result if termination is None else result._replace(cause=termination, stalled=False)
    cause = pod_failure(pod) and (target_failure(job, observed.pods) or last_failure(observed.pods))
    if cause is None:
        return Phase("Storing", StatusCause(Reason.STORING, f"The pod {name} has completed."))
    if is_last_pod(job, observed.pods):
        state: State = before.state if before.state in _TRAINER_STATES else "Running"  # its last state
        return Phase(state, StatusCause(Reason.FAILING, f"The pod {name} ended. {cause.reason}: {cause.message}"))
    return Phase("Starting", StatusCause(Reason.RESTARTING, f"{cause.reason}: {cause.message}"))


_TRAINER_STATES: tuple[State, ...] = ("Starting", "Waiting", "Running", "Storing")
"""States of a TrainingJob whose trainer runs."""


def _missing_pod_cause(job: Mapping[str, Any], observed: Observed) -> StatusCause | None:
    """Return the cause for which a Job has no next pod: a queue, a rejected pod, or no pod yet; None if it has pods."""
    is_suspended = job.get("spec", {}).get("suspend") and not any(map(is_live, observed.pods))
    if is_suspended and (controller := starting_controller(job)):
        message = f"Waiting until {controller} admits the Job.{_kueue_advice(job)}"
        return StatusCause(Reason.WAITING_FOR_ADMISSION, message)
    if observed.pod_rejection:
        message = with_training_job_fields(sanitize_message(observed.pod_rejection))
        return StatusCause(Reason.POD_REFUSED, f"The pod of the Job cannot be created: {message}")
    return None if observed.pods else StatusCause(Reason.QUEUED, "The Job has no pod yet.")


def _kueue_advice(job: Mapping[str, Any]) -> str:
    """Return advice about Kueue if the Job is in a queue, else an empty text. Nothing reports a missing queue."""
    queue = job["metadata"].get("labels", {}).get(QUEUE_LABEL)
    questions = f"is Kueue installed, and is there a LocalQueue {queue} in this namespace (spec.scheduling.queueName)?"
    return f" If this lasts: {questions}" if queue else ""


def _phase_of_live_pod(inputs: PhaseInputs, before: Status, pod: Mapping[str, Any], now: datetime) -> Phase:
    name, node = pod["metadata"]["name"], pod["spec"].get("nodeName")
    if (since := live_start_time(pod)) is not None:
        return _phase_of_trainer(name, node, progress_since(before, since))
    if (cause := waiting_cause(pod, own_image=inputs.own_image)) is not None:
        is_unschedulable = cause.reason == Reason.UNSCHEDULABLE
        if is_unschedulable and (unmatched := unmatched_at(pod)) is not None and unmatched <= now:
            cause = cause._replace(reason=Reason.NO_MATCHING_NODE)
        is_overdue = (deadline := no_node_deadline(pod, before)) is not None and deadline <= now
        return Phase(
            "Starting" if node else "Queued", cause, stalled=effect(cause.reason).needs_user_action or is_overdue
        )
    if node and (deadline := stuck_at(pod)) is not None and deadline <= now:
        problem = f"The node {node} has not prepared the volumes and the network of the pod {name}"
        message = f"{problem} in {STUCK_SECONDS:.0f} s. For the cause: kubectl describe pod {name}"
        return Phase("Starting", StatusCause(Reason.POD_NOT_READY, message))
    if node and is_prepared(pod):
        message = f"The node {node} starts the container of the pod {name}, and pulls its image if needed."
        return Phase("Starting", StatusCause(Reason.PULLING_IMAGE, message))
    if node:
        return Phase("Starting", StatusCause(Reason.STARTING, f"The pod {name} starts on node {node}."))
    message = f"The pod {name} waits for the scheduler."
    if inputs.scheduler:
        message += f" If this lasts: does a scheduler {inputs.scheduler} run here (spec.scheduling.schedulerName)?"
    return Phase("Queued", StatusCause(Reason.QUEUED, message))


def _phase_of_trainer(name: str, node: str | None, progress: Progress | None) -> Phase:
    stage = progress.stage if progress else "Loading"
    state: State = _TRAINER_STATE_BY_STAGE[stage]
    message = f"The pod {name} runs on node {node}."
    # A running training continues during an outage: only its checkpoints wait.
    if progress is not None and progress.waiting is not None and stage != "Training":
        why = f"{progress.waiting.reason}: {sanitize_message(progress.waiting.message)}"
        waits = f"The pod {name} waits for its storage, and continues once the storage answers. {why}"
        return Phase("Storing" if state == "Storing" else "Waiting", StatusCause(Reason.STORAGE_UNAVAILABLE, waits))
    last_epoch = progress.finish_after_epoch if progress else None
    if progress is not None and last_epoch is not None and last_epoch < progress.epochs and state != "Storing":
        ends = f"The training ends after epoch {last_epoch} of {progress.epochs}, because of spec.finish."
        return Phase(state, StatusCause(Reason.FINISHING, f"{message} {ends}"))
    if state == "Starting":
        # Without a report, the trainer has not passed its import. An older trainer reports no step, and only once it
        # loads the data.
        reason = Reason(progress.start_stage or Reason.LOADING_DATA) if progress else Reason.IMPORTING_KERAS
        return Phase(state, StatusCause(reason, f"{message} {_START_MESSAGES[reason]}"))
    return Phase(state, StatusCause(Reason(state), message))


_TRAINER_STATE_BY_STAGE: Mapping[Stage, State] = {
    "Loading": "Starting",
    "Training": "Running",
    "Storing": "Storing",
    "Done": "Storing",
}
_START_MESSAGES: Mapping[Reason, str] = {
    Reason.IMPORTING_KERAS: "It imports Keras, and has not reported yet.",
    Reason.BUILDING_NETWORK: "It builds the network.",
    Reason.RESTORING_CHECKPOINT: "It looks for a checkpoint, and restores it.",
    Reason.LOADING_DATA: "It loads the data.",
    Reason.COMPUTING_FIRST_STEP: "It compiles the network, and computes the first step.",
}


def _termination_cause(pod: Mapping[str, Any], observed: Observed, *, suspend: bool) -> StatusCause | None:
    """Return the cause for a live pod that is terminating, will be terminated or is on a lost node, or None."""
    name, node = pod["metadata"]["name"], pod["spec"].get("nodeName")
    if is_lost(pod, observed.now):
        return StatusCause(
            Reason.NODE_LOST,
            f"The node {node} has stopped reporting. The state of the pod {name} is unknown, so no other pod starts. "
            f"The training continues once the node is back. If the node is lost, delete it: kubectl delete node {node}",
        )
    if cause := target_failure(observed.job or {}, observed.pods):
        return StatusCause(
            Reason.FAILING, f"The pod {name} ends, and no other pod follows. {cause.reason}: {cause.message}"
        )
    if suspend:
        return StatusCause(
            Reason.SUSPENDING,
            f"The pod {name} ends within {GRACE_SECONDS} s: a trainer that runs stores a checkpoint first.",
        )
    if termination_deadline(pod) is None:
        return None
    message = (condition_of(pod, "DisruptionTarget") or {}).get("message")
    why = f" ({sanitize_message(message)})" if message else ""
    return StatusCause(
        Reason.STOPPING,
        f"The pod {name} is terminating{why}. It ends within {GRACE_SECONDS} s: a trainer that runs stores a "
        f"checkpoint first. Another pod follows.",
    )
