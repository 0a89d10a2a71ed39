"""The phase of a TrainingJob, derived from its children: its state and the cause."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from epochal_api.pod import GRACE_SECONDS
from epochal_api.trainingjob.status import Progress, Stage, State, Status

from epochal_operator.pods.diagnosis import is_prepared, may_run
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
    running_since,
    stalled_at,
    stuck_at,
    termination_deadline,
    waiting_cause,
)
from epochal_operator.trainingjob.progress.reported_status import is_finished_early, progress_since
from epochal_operator.trainingjob.reasons import Reason, StatusCause, effect


class PhaseInputs(NamedTuple):
    """The parts of the spec that decide the phase or its message.

    Args:
        suspend: Value of spec.suspend.
        queued: Whether a suspended TrainingJob has no Job, because a queue would keep a slot for a Job.
        own_image: Whether the spec names an image; None if unknown.
        scheduler: Name of the scheduler in the spec, if any.
    """

    suspend: bool
    queued: bool = False
    own_image: bool | None = None
    scheduler: str | None = None


class Phase(NamedTuple):
    """The phase of a TrainingJob.

    Args:
        state: The state.
        cause: Reason and message of the condition Ready.
        stalled: Whether it needs a user's action to continue.
        completion_time: Time of the end, RFC 3339; None if it has not ended.
    """

    state: State
    cause: StatusCause
    stalled: bool = False
    completion_time: str | None = None

    @property
    def ready(self) -> bool:
        """Whether it continues by itself or is complete, so that no user has to act."""
        return self.state == "Complete" or (self.state != "Failed" and effect(self.cause.reason).ready)


def derive_phase(desired: PhaseInputs, before: Status, observed: Observed) -> Phase:
    """Return the phase of a TrainingJob."""
    job, blocked = observed.job, observed.blocked
    waiting_state: State = "Suspended" if desired.suspend else "Queued"
    if job is None:
        return _phase_without_job(desired, observed, waiting_state)
    if end := job_end(job, observed.pods):
        failed = end.type_ == "Failed"
        cause = end.cause if failed else _early_end(before, observed) or end.cause
        return Phase(end.type_, cause, stalled=failed, completion_time=end.time)
    if observed.replaces_job and blocked is None:
        return Phase(waiting_state, StatusCause(Reason.CREATING, _replacement_message(observed)))
    has_live_pod = any(map(may_run, observed.pods))
    if job["metadata"].get("deletionTimestamp") and not (desired.suspend and has_live_pod):
        return Phase(waiting_state, StatusCause(Reason.CREATING, _deletion_message(job)))
    is_suspended = desired.suspend and job["spec"].get("suspend") and not has_live_pod
    result = Phase("Suspended", _SUSPENDED) if is_suspended else _phase_of_pods(desired, before, observed)
    if blocked is None:
        return result
    stalled = effect(blocked.reason).needs_user_action and not has_live_pod and not is_suspended
    return result._replace(cause=blocked, stalled=stalled)


def _phase_without_job(desired: PhaseInputs, observed: Observed, waiting_state: State) -> Phase:
    if blocked := observed.blocked:
        stalled = effect(blocked.reason).needs_user_action
        return Phase(waiting_state, blocked, stalled=stalled)
    if observed.orphans:
        pod_name = observed.orphans[0]["metadata"]["name"]
        message = f"The Job is created once the pod {pod_name} has ended, which belongs to an earlier Job."
        return Phase(waiting_state, StatusCause(Reason.CREATING, message))
    if desired.suspend and desired.queued:
        return Phase("Suspended", _SUSPENDED)
    return Phase(waiting_state, StatusCause(Reason.CREATING, "The Job is being created."))


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
    pod_name = next((pod["metadata"]["name"] for pod in observed.pods if may_run(pod)), None)
    condition = f", once the pod {pod_name} has ended" if pod_name else ""
    return f"Recreating the Job with the current spec, because no container of the Job has run{condition}."


def _deletion_message(job: Mapping[str, Any]) -> str:
    """Return the message for a Job that is being deleted, with the finalizers that delay its deletion."""
    finalizers = [
        finalizer for finalizer in job["metadata"].get("finalizers") or [] if finalizer not in _KUBERNETES_FINALIZERS
    ]
    condition = f" once its finalizers are removed (metadata.finalizers: {', '.join(finalizers)})" if finalizers else ""
    return f"The Job is being deleted. Another Job follows{condition}."


_KUBERNETES_FINALIZERS = frozenset({"foregroundDeletion", "orphan"})
"""Finalizers that Kubernetes itself adds and removes.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""


def _phase_of_pods(desired: PhaseInputs, before: Status, observed: Observed) -> Phase:
    job = observed.job or {}
    if (cause := _missing_pod_cause(job, observed)) is not None:
        return Phase("Queued", cause)
    pod = observed.pods[-1]
    name = pod["metadata"]["name"]
    if may_run(pod):
        termination = _termination_cause(pod, observed, suspend=desired.suspend)
        result = _phase_of_live_pod(desired, before, pod, observed.now)
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
    """Return the cause for a Job without its next pod, or None if the cause follows from its pods."""
    is_suspended = job.get("spec", {}).get("suspend") and not any(map(may_run, observed.pods))
    if is_suspended and (controller := starting_controller(job)):
        message = f"Waiting until {controller} admits the Job.{_kueue_advice(job)}"
        return StatusCause(Reason.WAITING_FOR_ADMISSION, message)
    if observed.refusal:
        message = with_training_job_fields(sanitize_message(observed.refusal))
        return StatusCause(Reason.POD_REFUSED, f"The pod of the Job cannot be created: {message}")
    return None if observed.pods else StatusCause(Reason.QUEUED, "The Job has no pod yet.")


def _kueue_advice(job: Mapping[str, Any]) -> str:
    """Return advice about Kueue for a Job in a queue: no controller reports a queue that does not exist."""
    queue = job["metadata"].get("labels", {}).get(QUEUE_LABEL)
    questions = f"is Kueue installed, and is there a LocalQueue {queue} in this namespace (spec.scheduling.queueName)?"
    return f" If this lasts: {questions}" if queue else ""


def _phase_of_live_pod(desired: PhaseInputs, before: Status, pod: Mapping[str, Any], now: datetime) -> Phase:
    name, node = pod["metadata"]["name"], pod["spec"].get("nodeName")
    if (since := running_since(pod)) is not None:
        return _phase_of_trainer(name, node, progress_since(before, since))
    if (cause := waiting_cause(pod, own_image=desired.own_image)) is not None:
        is_overdue = (deadline := stalled_at(pod, before)) is not None and deadline <= now
        return Phase(
            "Starting" if node else "Queued", cause, stalled=effect(cause.reason).needs_user_action or is_overdue
        )
    if node and (deadline := stuck_at(pod)) is not None and deadline <= now:
        problem = f"The node {node} has not prepared the volumes and the network of the pod {name} in"
        message = f"{problem} {STUCK_SECONDS:.0f} s. For the cause: kubectl describe pod {name}"
        return Phase("Starting", StatusCause(Reason.POD_NOT_READY, message))
    if node and is_prepared(pod):
        message = f"The node {node} pulls the image of the pod {name}, unless it has it, and starts the container."
        return Phase("Starting", StatusCause(Reason.PULLING_IMAGE, message))
    if node:
        return Phase("Starting", StatusCause(Reason.STARTING, f"The pod {name} starts on node {node}."))
    message = f"The pod {name} waits for the scheduler."
    if desired.scheduler:
        message += f" If this lasts: does a scheduler {desired.scheduler} run here (spec.scheduling.schedulerName)?"
    return Phase("Queued", StatusCause(Reason.QUEUED, message))


def _phase_of_trainer(name: str, node: str | None, progress: Progress | None) -> Phase:
    stage = progress.stage if progress else "Loading"
    state: State = _TRAINER_STATE_BY_STAGE[stage]
    message = f"The pod {name} runs on node {node}."
    # A running training continues during an outage: only its checkpoints wait.
    if progress is not None and progress.waiting is not None and stage != "Training":
        why = f"{progress.waiting.reason}: {sanitize_message(progress.waiting.message)}"
        waits = f"The pod {name} waits for its storage, and continues once it answers. {why}"
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
    """Return the cause for a live pod that ends soon or lost its node, or None. No other pod starts until it ends."""
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
