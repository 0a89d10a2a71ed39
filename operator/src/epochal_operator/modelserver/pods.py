"""The causes why pods of a ModelServer do not serve, from the kubelet, the scheduler and the containers."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from epochal_api.modelserver.pod import WAIT_SECONDS
from epochal_api.modelserver.spec import KIND
from epochal_api.trainingjob.report import decode_termination

from epochal_operator.modelserver.reasons import Reason, StatusCause, as_reason
from epochal_operator.modelserver.resources import CONTAINER, CONVERTER, DEADLINE_SECONDS, INPUTS_ANNOTATION
from epochal_operator.pods.diagnosis import (
    Program,
    alive,
    in_order,
    start_failure,
    unprepared_since,
    unscheduled,
)
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.metrics import part
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.runtime.reasons import clean

STUCK = timedelta(seconds=20)
"""The time in which a node must prepare the volumes and the network of a pod: a missing Secret blocks it forever."""
FRESH = timedelta(seconds=WAIT_SECONDS + 60)
"""The time for which the last termination of a running container counts: longer than a server waits for storage."""
_NORMAL = frozenset({"ContainerCreating", "PodInitializing", "CrashLoopBackOff"})
"""Waiting reasons of a container that starts normally, or that its last termination explains."""
_UNCONVERTIBLE = frozenset({Reason.NOT_CONVERTIBLE, Reason.OUT_OF_MEMORY})
"""Reasons of a failed conversion for which a retry would not help."""
_NAMES = {CONTAINER: "The server", CONVERTER: "What converts the model"}
_PROGRAMS = {
    CONTAINER: Program(_NAMES[CONTAINER], KIND, "imageRegistry, serverImage and trainerImage of Epochal's chart"),
    CONVERTER: Program(_NAMES[CONVERTER], KIND, "trainerImage"),
}


class Words(NamedTuple):
    """The cause of the last termination of a container.

    Args:
        container: The name of the container.
        cause: The cause.
    """

    container: str
    cause: StatusCause


def own_pods(deployment: Object | None, replica_sets: Iterable[Object], pods: Iterable[Object]) -> tuple[Object, ...]:
    """Return the live pods that a Deployment controls, the oldest first; labels alone do not prove ownership.

    Args:
        deployment: The Deployment, or None.
        replica_sets: ReplicaSets with the label of the ModelServer.
        pods: Pods with the label of the ModelServer.
    """
    if deployment is None:
        return ()
    uid = deployment["metadata"]["uid"]
    sets = {one["metadata"]["uid"] for one in replica_sets if controller_uid(one) == uid}
    return in_order(
        one
        for one in pods
        if controller_uid(one) in sets and alive(one) and not one["metadata"].get("deletionTimestamp")
    )


def is_current(pod: Object, deployment: Object) -> bool:
    """Return whether a pod belongs to the current pod template of a Deployment."""
    inputs = (pod["metadata"].get("annotations") or {}).get(INPUTS_ANNOTATION)
    return inputs is not None and inputs == deployment["spec"]["template"]["inputs"]


def is_ready(pod: Object) -> bool:
    """Return whether the condition Ready of a pod is True."""
    return condition_of(pod, "Ready") is not None


def hindrance(pod: Object, now: datetime) -> StatusCause | None:
    """Return the cause why a pod does not serve, or None if it serves or starts normally.

    Args:
        pod: The pod.
        now: The current time, with a time zone.
    """
    if is_ready(pod):
        return None
    waits = (start_failure(one, _PROGRAMS[str(one.get("name"))], _NORMAL) for one in _containers(pod))
    if problem := unscheduled(pod) or next(filter(None, waits), None):
        return StatusCause(as_reason(problem.reason), problem.message)
    if words := last_words(pod, now):
        return words.cause
    return _stuck(pod, now)


def stuck_at(pod: Object) -> datetime | None:
    """Return the time at which a pod on a node counts as stuck, or None if its sandbox is ready."""
    since = unprepared_since(pod)
    return since and since + STUCK


def unscheduled_until(pod: Object) -> datetime | None:
    """Return the time at which a pod without a node counts as late, or None if it has a node.

    A Deployment has a deadline for its rollout, but none for a pod that it adds later to scale.
    """
    since = (condition_of(pod, "PodScheduled", "False") or {}).get("lastTransitionTime")
    return datetime.fromisoformat(since) + timedelta(seconds=DEADLINE_SECONDS) if since else None


def last_words(pod: Object, now: datetime) -> Words | None:
    """Return the cause of the latest failure of a container, or None if it has recovered.

    Args:
        pod: The pod.
        now: The current time, with a time zone.
    """
    for container in _containers(pod):
        if ended := _last_end(container, now):
            return Words(str(container.get("name")), _why_ended(pod, container, ended))
    return None


def not_convertible(pods: Iterable[Object], now: datetime) -> StatusCause | None:
    """Return the cause why a pod cannot convert its model to ONNX, also for lack of memory, or None.

    Args:
        pods: Pods of the current pod template of the Deployment.
        now: The current time, with a time zone.
    """
    said = (words for one in pods if (words := last_words(one, now)) and words.container == CONVERTER)
    return next((words.cause for words in said if words.cause.reason in _UNCONVERTIBLE), None)


def _last_end(container: Object, now: datetime) -> Object | None:
    """Return the last failed termination of a container, unless it has succeeded or run for long since."""
    state = part(container, "state")
    since = part(state, "running").get("startedAt")
    if since and now - datetime.fromisoformat(since) > FRESH:
        return None
    ended = part(state, "terminated") or part(part(container, "lastState"), "terminated")
    return ended if ended and ended.get("exitCode") != 0 else None


def _containers(pod: Object) -> list[Object]:
    """Return the statuses of Epochal's containers, init containers first."""
    status = pod.get("status") or {}
    found = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return [one for one in found if one.get("name") in _NAMES]


def _why_ended(pod: Object, container: Object, ended: Object) -> StatusCause:
    name = str(container.get("name"))
    said = str(ended.get("message") or "")
    words = decode_termination(said)
    if words is not None:
        return StatusCause(as_reason(words.reason), clean(words.message))
    if ended.get("reason") == "OOMKilled":
        limit = part(pod["spec"], "memory").get(name)
        bound = f"its limit is {limit}" if limit else "its node has none left"
        todo = "Raise spec.resources.limits.memory" + (", and create it anew." if name == CONVERTER else ".")
        message = f"{_NAMES[name]} was killed, because it took too much memory: {bound}. {todo}"
        return StatusCause(Reason.OUT_OF_MEMORY, message)
    told = f"The end of its log:\n{clean(said)}" if said else "It left no message."
    code = ended.get("exitCode")
    return StatusCause(Reason.CRASHED, f"{_NAMES[name]} ended with exit code {code}. {told}")


def _stuck(pod: Object, now: datetime) -> StatusCause | None:
    since = stuck_at(pod)
    if since is None or now < since:
        return None
    name = pod["metadata"]["name"]
    message = (
        f"Its node has not made the volumes and the network of the pod {name} ready. The Secrets that spec.auth and "
        "spec.tls name must be in its namespace, that of spec.tls with tls.crt and tls.key: "
        f"kubectl describe pod {name} says what is missing."
    )
    return StatusCause(Reason.POD_NOT_READY, message)
