"""What a trainer's pod says while it lives: why it waits, that it runs, that it is ending, that its node is lost."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from epochal_api.text import printable

from epochal_operator.runtime.conditions import condition_of
from epochal_operator.trainingjob.pod_template import CONTAINER
from epochal_operator.trainingjob.reasons import Reason, StatusCause, as_reason

Object = Mapping[str, Any]

MAX_MESSAGE = 4096
"""Bytes of a message that come from elsewhere: a log's end, another component's error."""
LOST_SECONDS = 15.0
"""How long after a pod was to end at the latest its node may take to say that it has."""

_IN_ORDER = frozenset({"ContainerCreating", "PodInitializing"})
"""Why a container waits when all goes well."""
_SAME = {"ErrImagePull": Reason.IMAGE_PULL_BACK_OFF}
"""A kubelet says the one and the other in turn, of the same mistake."""


def in_order(pods: Iterable[Object]) -> tuple[Object, ...]:
    """Returns pods sorted by age, the oldest first."""
    return tuple(
        sorted(pods, key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]))
    )


def alive(pod: Object) -> bool:
    """Returns whether a pod may still run."""
    return pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}


def running(pod: Object) -> str | None:
    """Returns since when the trainer runs in this pod (RFC 3339), or None."""
    state = trainer(pod).get("state", {})
    # Of a pod that was lost with its node nobody has told that its container ended.
    return state["running"].get("startedAt", "") if "running" in state and alive(pod) else None


def started(pod: Object) -> bool:
    """Returns whether a trainer runs or ran in this pod."""
    state = trainer(pod).get("state", {})
    return "running" in state or "terminated" in state


def waiting(pod: Object) -> StatusCause | None:
    """Returns why a pod does not start, or None if it is only on its way."""
    if unscheduled := condition_of(pod, "PodScheduled", "False"):
        return StatusCause(
            as_reason(unscheduled.get("reason") or Reason.UNSCHEDULABLE),
            clean(f"The pod cannot be scheduled: {unscheduled.get('message', '')}"),
        )
    state = trainer(pod).get("state", {}).get("waiting", {})
    reason: str | None = state.get("reason")
    if reason is None or reason in _IN_ORDER:
        return None
    return StatusCause(
        as_reason(_SAME.get(reason, reason)), clean(f"The trainer cannot start: {state.get('message') or reason}")
    )


def ends_by(pod: Object) -> datetime | None:
    """Returns by when a pod that was told to end has to have ended, or None if it was not told."""
    deadline = pod["metadata"].get("deletionTimestamp")
    return datetime.fromisoformat(deadline) if deadline and alive(pod) else None


def lost_at(pod: Object) -> datetime | None:
    """Returns when a pod that is ending counts as lost with its node, or None if it is not ending."""
    deadline = ends_by(pod)
    return deadline and deadline + timedelta(seconds=LOST_SECONDS)


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


def clean(text: str) -> str:
    """Returns text of others without what commands a terminal, bounded to its end, which says most."""
    return printable(text, instead=" ").strip().encode()[-MAX_MESSAGE:].decode(errors="ignore")
