"""What a trainer's pod says while it lives: why it waits, that it runs, that it is ending, that its node is lost."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.reasons import clean
from epochal_operator.trainingjob.pod_template import CONTAINER
from epochal_operator.trainingjob.reasons import Reason, StatusCause, as_reason
from epochal_operator.trainingjob.start_failures import cannot_start
from epochal_operator.trainingjob.unschedulable import matches_no_node, why_unschedulable

Object = Mapping[str, Any]

LOST_SECONDS = 15.0
"""How long after a pod was to end at the latest its node may take to say that it has."""
STUCK_SECONDS = 120.0
"""How long a node may take to make volumes and network of a pod ready: it pulls no image meanwhile."""

AUTOSCALE_SECONDS = 900.0
"""Time that an autoscaler has to add a node: the default of the cluster autoscaler (--max-node-provision-time)."""

_IN_ORDER = frozenset({"ContainerCreating", "PodInitializing"})
"""Why a container waits when all goes well."""
_NEVER_RAN = frozenset({"ContainerCannotRun", "StartError"})
"""Why a container has ended that a runtime could not start, as different runtimes say it."""


def in_order(pods: Iterable[Object]) -> tuple[Object, ...]:
    """Returns pods sorted by age, the oldest first."""
    return tuple(
        sorted(pods, key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]))
    )


def alive(pod: Object) -> bool:
    """Returns whether a pod may still run."""
    return pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}


def running(pod: Object) -> str | None:
    """Returns since when the trainer runs in this pod (RFC 3339), or None.

    It does for as long as the pod lives: a kubelet may say some moments earlier that the container has ended.
    """
    state = trainer(pod).get("state", {})
    container = state.get("running", state.get("terminated"))
    # Of a pod that was lost with its node nobody has told that its container ended.
    return None if container is None or not alive(pod) else container.get("startedAt", "")


def started(pod: Object) -> bool:
    """Returns whether a trainer runs or ran in this pod."""
    state = trainer(pod).get("state", {})
    return "running" in state or "terminated" in state


def ran_since(pod: Object) -> str | None:
    """Returns since when a container of a pod has run, or ran (RFC 3339), or None if none ever did.

    One that has ended since its program could not be started never ran: its image is not a trainer's. Nor did one that
    was never made, as whose state a kubelet says ContainerStatusUnknown once its pod has ended.
    """
    container = trainer(pod)
    state = container.get("state", {})
    ended = state.get("terminated", {})
    since: str | None = (state.get("running") or ended).get("startedAt")
    if not started(pod) or ended.get("reason") in _NEVER_RAN:
        return None
    if "running" in state or container.get("containerID"):
        return since or pod["metadata"].get("creationTimestamp") or ""
    return since


def waiting(pod: Object, *, own_image: bool | None = None) -> StatusCause | None:
    """Returns why a pod does not start, or None if it is only on its way.

    Args:
        pod: The pod.
        own_image: Whether spec.image names its image; None if that is not known.
    """
    if unscheduled := condition_of(pod, "PodScheduled", "False"):
        reason = as_reason(unscheduled.get("reason") or Reason.UNSCHEDULABLE)
        said = clean(unscheduled.get("message") or "")
        if reason == Reason.UNSCHEDULABLE:
            return StatusCause(Reason.NO_MATCHING_NODE if matches_no_node(said) else reason, why_unschedulable(said))
        if reason == Reason.SCHEDULING_GATED:
            return StatusCause(reason, f"The pod waits until whoever holds it back lets it be scheduled: {said}")
        return StatusCause(reason, f"The pod cannot be scheduled: {said}")
    container = trainer(pod)
    state = container.get("state", {}).get("waiting", {})
    word: str | None = state.get("reason")
    if word is None or word in _IN_ORDER:
        return None
    said, image = clean(state.get("message") or word), clean(container.get("image") or "")
    return cannot_start(word, said, image, own_image=own_image)


def lacks_image(pod: Object) -> bool:
    """Returns whether a pod does not start since its image is not there, or cannot be."""
    cause = waiting(pod)
    return cause is not None and cause.reason in {Reason.IMAGE_PULL_BACK_OFF, Reason.INVALID_IMAGE_NAME}


def ends_by(pod: Object) -> datetime | None:
    """Returns by when a pod that was told to end has to have ended, or None if it was not told."""
    deadline = pod["metadata"].get("deletionTimestamp")
    return datetime.fromisoformat(deadline) if deadline and alive(pod) else None


def lost_at(pod: Object) -> datetime | None:
    """Returns when a pod that is ending counts as lost with its node, or None if it is not ending."""
    deadline = ends_by(pod)
    return deadline and deadline + timedelta(seconds=LOST_SECONDS)


def stuck_at(pod: Object) -> datetime | None:
    """Returns when a pod counts as stuck whose node has not made it ready for containers, or None if it has.

    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-has-network
    """
    unready = condition_of(pod, "PodReadyToStartContainers", "False")
    since = unready and unready.get("lastTransitionTime")
    if not since or not alive(pod) or started(pod) or not pod["spec"].get("nodeName"):
        return None
    return datetime.fromisoformat(since) + timedelta(seconds=STUCK_SECONDS)


def unmatched_at(pod: Object) -> datetime | None:
    """Return when a pod counts as stalled that no node matches, or None if a node does.

    Until then, an autoscaler may add a node with the labels that the pod asks for.
    """
    unscheduled = condition_of(pod, "PodScheduled", "False") or {}
    since = unscheduled.get("lastTransitionTime")
    if not since or not alive(pod) or not matches_no_node(clean(unscheduled.get("message") or "")):
        return None
    return datetime.fromisoformat(since) + timedelta(seconds=AUTOSCALE_SECONDS)


def lost(pod: Object, now: datetime) -> bool:
    """Returns whether nobody knows how a pod is, because its node is not heard of.

    Kubernetes then sets the pod's condition Ready to False and nothing else: its containers stay ready, as its kubelet
    told last. A pod that is to be deleted from such a node stays until the node is back, or is deleted.

    Args:
        pod: The pod.
        now: The time, with a time zone.
    """
    if not alive(pod) or not pod["spec"].get("nodeName"):
        return False
    unheard = condition_of(pod, "Ready", "False") and condition_of(pod, "ContainersReady")
    overdue = (late := lost_at(pod)) is not None and late <= now
    return bool(unheard) or overdue or pod["status"].get("reason") == "NodeLost"


def trainer(pod: Object) -> Object:
    """Returns the status of a pod's container; empty where it has none yet."""
    found = pod.get("status", {}).get("containerStatuses") or []
    return next((one for one in found if one["name"] == CONTAINER), {})
