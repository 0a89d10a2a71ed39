"""The state of a trainer's pod while it lives: waiting, running, terminating, or lost with its node.

Four functions look at the start of a pod:

| function | live pod | ended pod | container that could not start |
|---|---|---|---|
| `is_live` | True | False | as its pod |
| `live_start_time` | start of the trainer, also if the container has just ended | None | the time if its pod is live |
| `container_was_created` | True once a container ran or ended | True once a container ran or ended | True |
| `program_start_time` | start of the program | start of the program, if it ran | None |
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from epochal_api.trainingjob.spec import KIND
from epochal_api.trainingjob.status import Status

from epochal_operator.pods.diagnosis import ProgramText, container_problem, is_live, preparing_since, scheduling_problem
from epochal_operator.pods.pod_template import CONTAINER
from epochal_operator.pods.scheduler_messages import NodeMatch, node_match
from epochal_operator.runtime.conditions import condition_of, get_condition
from epochal_operator.runtime.reasons import sanitize_message
from epochal_operator.trainingjob.reasons import Reason, StatusCause, as_reason

Object = Mapping[str, Any]

LOST_SECONDS = 15.0
"""Seconds after a pod's termination deadline until the pod counts as lost, if its node has not reported the end."""
STUCK_SECONDS = 120.0
"""Seconds that a node has to prepare a pod's volumes and network, before it pulls images."""

AUTOSCALE_SECONDS = 900.0
"""Seconds for an autoscaler to add a node: the default of the cluster autoscaler (--max-node-provision-time)."""

_IMAGE_FIELDS = {
    True: "spec.image",
    False: "imageRegistry and trainerImage of Epochal's chart",
    None: "spec.image, or trainerImage of Epochal's chart where that is not set",
}
"""The fields that name the image, by `own_image`: True if spec.image sets the image, None if unknown."""
_STARTING_REASONS = frozenset({"ContainerCreating", "PodInitializing"})
"""Waiting reasons of a container that starts normally."""
_START_FAILURES = frozenset({"ContainerCannotRun", "StartError"})
"""Termination reasons of a container that a runtime could not start, as named by different runtimes."""


def live_start_time(pod: Object) -> str | None:
    """Return the start time of the trainer that runs in a live pod (RFC 3339), or None.

    The trainer counts as running until the pod ends, although a kubelet may report the end of the container a moment
    earlier.
    """
    state = trainer_status(pod).get("state", {})
    container = state.get("running", state.get("terminated"))
    # The end of a container on a lost node is never reported.
    return None if container is None or not is_live(pod) else container.get("startedAt", "")


def container_was_created(pod: Object) -> bool:
    """Return whether a container of a trainer was created in a pod, even if its program could not start."""
    state = trainer_status(pod).get("state", {})
    return "running" in state or "terminated" in state


def ended_at(pod: Object) -> str | None:
    """Return the end time of the trainer in an ended pod (RFC 3339), or None if the pod lives or reports no time."""
    terminated = trainer_status(pod).get("state", {}).get("terminated") or {}
    return None if is_live(pod) else terminated.get("finishedAt")


def program_start_time(pod: Object) -> str | None:
    """Return the start time of the trainer container that runs or ran in a pod (RFC 3339), or None if it never ran.

    A container whose program could not be started never ran: its image is not a trainer's. Nor did a container that was
    never created, for which a kubelet reports ContainerStatusUnknown once the pod has ended.
    """
    container = trainer_status(pod)
    state = container.get("state", {})
    terminated = state.get("terminated", {})
    since: str | None = (state.get("running") or terminated).get("startedAt")
    if not container_was_created(pod) or terminated.get("reason") in _START_FAILURES:
        return None
    if "running" in state or container.get("containerID"):
        return since or pod["metadata"].get("creationTimestamp") or ""
    return since


def waiting_cause(pod: Object, *, own_image: bool | None = None) -> StatusCause | None:
    """Return the cause of a pod that does not start, or None if it starts normally."""
    program = ProgramText("The trainer", KIND, _IMAGE_FIELDS[own_image])
    cause = scheduling_problem(pod) or container_problem(trainer_status(pod), program, _STARTING_REASONS)
    return cause and StatusCause(as_reason(cause.reason), cause.message)


def lacks_image(pod: Object) -> bool:
    """Return whether a pod does not start because its image is missing or its name is invalid."""
    cause = waiting_cause(pod)
    return cause is not None and cause.reason in {Reason.IMAGE_PULL_BACK_OFF, Reason.INVALID_IMAGE_NAME}


def termination_deadline(pod: Object) -> datetime | None:
    """Return the deadline for the end of a terminating pod, or None for a pod that is not terminating."""
    deadline = pod["metadata"].get("deletionTimestamp")
    return datetime.fromisoformat(deadline) if deadline and is_live(pod) else None


def lost_at(pod: Object) -> datetime | None:
    """Return the time from which a terminating pod that still exists counts as lost with its node, or None."""
    deadline = termination_deadline(pod)
    return deadline and deadline + timedelta(seconds=LOST_SECONDS)


def stuck_at(pod: Object) -> datetime | None:
    """Return the time when a scheduled pod counts as stuck, if its node has not prepared its volumes, else None."""
    since = preparing_since(pod)
    if since is None or not is_live(pod) or container_was_created(pod):
        return None
    return since + timedelta(seconds=STUCK_SECONDS)


def unmatched_at(pod: Object) -> datetime | None:
    """Return the time from which an unscheduled pod counts as without a matching node, or None if a node may match.

    Nodes that may be unhealthy have AUTOSCALE_SECONDS to recover or to be removed.
    """
    unscheduled = condition_of(pod, "PodScheduled", "False") or {}
    since = unscheduled.get("lastTransitionTime")
    match = node_match(sanitize_message(unscheduled.get("message") or ""))
    if not since or not is_live(pod) or match is NodeMatch.POSSIBLE:
        return None
    grace = AUTOSCALE_SECONDS if match is NodeMatch.DOUBTFUL else 0
    return datetime.fromisoformat(since) + timedelta(seconds=grace)


def no_node_deadline(pod: Object, status: Status) -> datetime | None:
    """Return the time when a pod without a matching node counts as stalled, or None if a node may match.

    Until then, an autoscaler may add a node with the requested labels. The time counts from the status that first had
    the reason NoMatchingNode: PodScheduled keeps its transition time if a pod that lacked room now lacks a node.
    """
    since, ready = unmatched_at(pod), get_condition(status.conditions, "Ready")
    if since is None or ready is None or ready.reason != Reason.NO_MATCHING_NODE:
        return None
    first_seen = max(since, datetime.fromisoformat(ready.last_transition_time))
    return first_seen + timedelta(seconds=AUTOSCALE_SECONDS)


def is_lost(pod: Object, now: datetime) -> bool:
    """Return whether the state of a pod is unknown, because its node has stopped reporting.

    Kubernetes then sets only the pod's condition Ready to False. ContainersReady stays as the kubelet last reported it.
    A terminating pod on such a node stays until the node returns or is deleted.
    """
    if not is_live(pod) or not pod["spec"].get("nodeName"):
        return False
    not_reporting = condition_of(pod, "Ready", "False") and condition_of(pod, "ContainersReady")
    overdue = (deadline := lost_at(pod)) is not None and deadline <= now
    return bool(not_reporting) or overdue or pod["status"].get("reason") == "NodeLost"


def trainer_status(pod: Object) -> Object:
    """Return the status of a pod's trainer container; empty if it has none yet."""
    statuses = pod.get("status", {}).get("containerStatuses") or []
    return next((status for status in statuses if status["name"] == CONTAINER), {})
