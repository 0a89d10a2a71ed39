"""The phase of a TrainingJob, derived from its children: its state and the cause."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from epochal_api.pod import GRACE_SECONDS
from epochal_api.trainingjob.status import Progress, State, Status

from epochal_operator.pods.diagnosis import alive
from epochal_operator.pods.pod_template import QUEUE_LABEL
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.reasons import clean
from epochal_operator.trainingjob.job.batch_job import starter
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.pod.api_messages import in_its_own_fields
from epochal_operator.trainingjob.pod.failures import (
    early_end,
    ending,
    failing,
    failure,
    last_failure,
    no_more_follows,
)
from epochal_operator.trainingjob.pod.state import (
    STUCK_SECONDS,
    ends_by,
    lost,
    running,
    stuck_at,
    unmatched_at,
    waiting,
)
from epochal_operator.trainingjob.progress.reported_status import finished_early, reported_since
from epochal_operator.trainingjob.reasons import Reason, StatusCause, effect


class Desired(NamedTuple):
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


def phase(desired: Desired, before: Status, observed: Observed) -> Phase:
    """Return the phase of a TrainingJob.

    Args:
        desired: The relevant parts of the spec.
        before: The previous status, with the trainer's reports.
        observed: The observed children.
    """
    child, blocked = observed.child, observed.blocked
    waits: State = "Suspended" if desired.suspend else "Queued"
    if child is None:
        return _without_job(desired, observed, waits)
    if end := ending(child, observed.pods):
        failed = end.kind == "Failed"
        cause = end.cause if failed else _ended_early(before, observed) or end.cause
        return Phase(end.kind, cause, stalled=failed, completion_time=end.time)
    if observed.replacing and blocked is None:
        return Phase(waits, StatusCause(Reason.CREATING, _replaced(observed)))
    lives = any(map(alive, observed.pods))
    if child["metadata"].get("deletionTimestamp") and not (desired.suspend and lives):
        return Phase(waits, StatusCause(Reason.CREATING, _deleted(child)))
    waiting_as_told = desired.suspend and child["spec"].get("suspend") and not lives
    result = Phase("Suspended", _SUSPENDED) if waiting_as_told else _of_pods(desired, before, observed)
    if blocked is None:
        return result
    stalled = effect(blocked.reason).stalls and not lives and not waiting_as_told
    return result._replace(cause=blocked, stalled=stalled)


def _without_job(desired: Desired, observed: Observed, waits: State) -> Phase:
    if blocked := observed.blocked:
        stalled = effect(blocked.reason).stalls
        return Phase(waits, blocked, stalled=stalled)
    if observed.orphans:
        living = observed.orphans[0]["metadata"]["name"]
        once = f"once the pod {living} has ended, which may train for a Job that is gone"
        return Phase(waits, StatusCause(Reason.CREATING, f"Its Job is about to be created, {once}."))
    if desired.suspend and desired.queued:
        return Phase("Suspended", _SUSPENDED)
    return Phase(waits, StatusCause(Reason.CREATING, "Its Job is about to be created."))


_SUSPENDED = StatusCause(Reason.SUSPENDED, "It waits until spec.suspend is false.")


def _ended_early(before: Status, observed: Observed) -> StatusCause | None:
    """Return the cause for a complete training that ended before its last epoch as requested, or None."""
    progress = before.progress
    if progress is not None and progress.stopped_after_epoch is not None:
        after = f"after epoch {progress.stopped_after_epoch} of {progress.epochs}"
        message = f"It has stopped {after}, as spec.training.stopAfterEpoch says, and its results are stored."
        return StatusCause(Reason.STOPPED_AFTER_EPOCH, message)
    if progress is not None and finished_early(progress):
        after = f"after epoch {progress.epoch} of {progress.epochs}"
        message = f"It was finished early, {after}, as spec.finish asked, and its results are stored."
        return StatusCause(Reason.FINISHED_EARLY, message)
    return early_end(observed.pods)


def _replaced(observed: Observed) -> str:
    """Return the message for a Job that is being replaced by a Job of the current spec."""
    living = next((pod["metadata"]["name"] for pod in observed.pods if alive(pod)), None)
    once = f", once the pod {living} has ended" if living else ""
    return f"Its Job is made anew, of the spec as it is now, since no container of it has run{once}."


def _deleted(child: Mapping[str, Any]) -> str:
    """Return the message for a Job that is being deleted, with the finalizers that delay its deletion."""
    finalizers = [one for one in child["metadata"].get("finalizers") or [] if one not in _FINALIZERS]
    once = f", once nobody holds it any more (metadata.finalizers: {', '.join(finalizers)})" if finalizers else ""
    return f"Its Job is being deleted, another one follows{once}."


_FINALIZERS = frozenset({"foregroundDeletion", "orphan"})
"""Finalizers that Kubernetes itself adds and removes.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""


def _of_pods(desired: Desired, before: Status, observed: Observed) -> Phase:
    child = observed.child or {}
    if (cause := _of_no_pod(child, observed)) is not None:
        return Phase("Queued", cause)
    pod = observed.pods[-1]
    name = pod["metadata"]["name"]
    if alive(pod):
        ends = _on_its_way_out(pod, observed, suspend=desired.suspend)
        result = _of_living(desired, before, pod, observed.now)
        return result if ends is None else result._replace(cause=ends, stalled=False)
    if failure(pod) is None or (cause := failing(child, observed.pods) or last_failure(observed.pods)) is None:
        return Phase("Storing", StatusCause(Reason.STORING, f"The pod {name} has completed."))
    if no_more_follows(child, observed.pods):
        state: State = before.state if before.state in _OF_TRAINER else "Running"  # its last state
        return Phase(state, StatusCause(Reason.FAILING, f"The pod {name} ended. {cause.reason}: {cause.message}"))
    return Phase("Starting", StatusCause(Reason.RESTARTING, f"{cause.reason}: {cause.message}"))


_OF_TRAINER: tuple[State, ...] = ("Waiting", "Running", "Storing")
"""States of a TrainingJob whose trainer runs."""


def _of_no_pod(child: Mapping[str, Any], observed: Observed) -> StatusCause | None:
    """Return the cause for a Job without its next pod, or None if the cause follows from its pods."""
    if child.get("spec", {}).get("suspend") and not any(map(alive, observed.pods)) and (who := starter(child)):
        return StatusCause(Reason.WAITING_FOR_ADMISSION, f"It waits until {who} lets its Job run.{_if_it_lasts(child)}")
    if observed.refusal:
        said = in_its_own_fields(clean(observed.refusal))
        return StatusCause(Reason.POD_REFUSED, f"Its pod cannot be created: {said}")
    return None if observed.pods else StatusCause(Reason.QUEUED, "Its Job has no pod yet.")


def _if_it_lasts(child: Mapping[str, Any]) -> str:
    """Return advice about Kueue for a Job that waits in a queue: no controller reports a queue that does not exist."""
    queue = child["metadata"].get("labels", {}).get(QUEUE_LABEL)
    there = f"is Kueue installed, and is there a LocalQueue {queue} in this namespace (spec.scheduling.queueName)?"
    return f" If this lasts: {there}" if queue else ""


def _of_living(desired: Desired, before: Status, pod: Mapping[str, Any], now: datetime) -> Phase:
    name, node = pod["metadata"]["name"], pod["spec"].get("nodeName")
    if (since := running(pod)) is not None:
        return _of_trainer(name, node, reported_since(before, since))
    if (cause := waiting(pod, own_image=desired.own_image)) is not None:
        overdue = (end := unmatched_at(pod, before)) is not None and end <= now
        return Phase("Starting" if node else "Queued", cause, stalled=effect(cause.reason).stalls or overdue)
    if node and (late := stuck_at(pod)) is not None and late <= now:
        unready = f"The node {node} has not made the volumes and the network of the pod {name} ready for"
        why = f"What is in the way: kubectl describe pod {name}"
        return Phase("Starting", StatusCause(Reason.POD_NOT_READY, f"{unready} {STUCK_SECONDS:.0f} s. {why}"))
    if node:
        return Phase("Starting", StatusCause(Reason.STARTING, f"The pod {name} starts on node {node}."))
    if desired.scheduler:
        lasts = f"If this lasts: does a scheduler {desired.scheduler} run here (spec.scheduling.schedulerName)?"
        return Phase("Queued", StatusCause(Reason.QUEUED, f"The pod {name} waits for the scheduler. {lasts}"))
    return Phase("Queued", StatusCause(Reason.QUEUED, f"The pod {name} waits for the scheduler."))


def _of_trainer(name: str, node: str | None, told: Progress | None) -> Phase:
    stage = told.stage if told else "Loading"
    state: State = "Storing" if stage in {"Storing", "Done"} else "Running"
    runs = f"The pod {name} runs on node {node}."
    # A running training continues during an outage: only its checkpoints wait.
    if told is not None and told.waiting is not None and stage != "Training":
        why = f"{told.waiting.reason}: {clean(told.waiting.message)}"
        waits = f"The pod {name} waits for its storage, and goes on by itself. {why}"
        return Phase("Storing" if state == "Storing" else "Waiting", StatusCause(Reason.STORAGE_UNAVAILABLE, waits))
    last = told.finish_after_epoch if told else None
    if told is not None and last is not None and last < told.epochs and state == "Running":
        ends = f"It ends after epoch {last} of {told.epochs}, as spec.finish asks."
        return Phase(state, StatusCause(Reason.FINISHING, f"{runs} {ends}"))
    return Phase(state, StatusCause(Reason(state), runs))


def _on_its_way_out(pod: Mapping[str, Any], observed: Observed, *, suspend: bool) -> StatusCause | None:
    """Return the cause for a live pod that ends soon or lost its node, or None. No other pod starts until it ends."""
    name, node = pod["metadata"]["name"], pod["spec"].get("nodeName")
    if lost(pod, observed.now):
        return StatusCause(
            Reason.NODE_LOST,
            f"The node {node} is not heard of, so nobody knows whether the pod {name} still runs there, and no other "
            f"one starts. The job goes on by itself once the node is back. If it will not come back, delete it: "
            f"kubectl delete node {node}",
        )
    if cause := failing(observed.child or {}, observed.pods):
        return StatusCause(
            Reason.FAILING, f"The pod {name} ends, and no other one follows. {cause.reason}: {cause.message}"
        )
    if suspend:
        return StatusCause(
            Reason.SUSPENDING,
            f"The pod {name} ends, which takes up to {GRACE_SECONDS} s: a trainer that runs stores a checkpoint first.",
        )
    if ends_by(pod) is None:
        return None
    told = (condition_of(pod, "DisruptionTarget") or {}).get("message")
    why = f" ({clean(told)})" if told else ""
    return StatusCause(
        Reason.STOPPING,
        f"The pod {name} was told to end{why}, which takes up to {GRACE_SECONDS} s: a trainer that runs stores a "
        f"checkpoint first. Another pod follows.",
    )
