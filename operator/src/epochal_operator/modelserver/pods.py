"""The causes why pods of a ModelServer do not serve, from their conditions and their containers' statuses."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from epochal_api.modelserver.pod import STORAGE_WAIT_SECONDS
from epochal_api.modelserver.spec import KIND, ModelServerSpec
from epochal_api.trainingjob.report import decode_termination

from epochal_operator.modelserver.reasons import Reason, StatusCause, as_reason
from epochal_operator.modelserver.resources import CONTAINER, CONVERTER, DEADLINE_SECONDS, INPUTS_ANNOTATION
from epochal_operator.pods.diagnosis import (
    ProgramText,
    container_problem,
    is_live,
    preparing_since,
    scheduling_problem,
    sort_by_age,
)
from epochal_operator.runtime.api.resource import Object, part
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.runtime.reasons import sanitize_message

NODE_TIMEOUT = timedelta(seconds=20)
"""Time after which the status reports that a node has not prepared the volumes and the network of a pod. A missing
Secret blocks the pod forever."""
FAILURE_TTL = timedelta(seconds=STORAGE_WAIT_SECONDS + 60)
"""Time for which a restarted container must run until its last failure is no longer reported. It is longer than a
server waits for storage before it fails again."""
_NORMAL_REASONS = frozenset({"ContainerCreating", "PodInitializing", "CrashLoopBackOff"})
"""Waiting reasons that are no problem: the container starts normally, or its last termination has the cause."""
_UNCONVERTIBLE = frozenset({Reason.NOT_CONVERTIBLE, Reason.OUT_OF_MEMORY})
"""Reasons of a failed conversion for which a retry would not help, so that Keras serves the model instead."""
_NAMES = {CONTAINER: "The server", CONVERTER: "The model conversion"}
_PROGRAMS = {
    CONTAINER: ProgramText(_NAMES[CONTAINER], KIND, "imageRegistry, serverImage and trainerImage of Epochal's chart"),
    CONVERTER: ProgramText(_NAMES[CONVERTER], KIND, "trainerImage"),
}


class ContainerFailure(NamedTuple):
    """The name of a container, and the cause of its last failed termination."""

    container: str
    cause: StatusCause


def owned_pods(deployment: Object | None, replica_sets: Iterable[Object], pods: Iterable[Object]) -> tuple[Object, ...]:
    """Return the live pods that a Deployment controls, the oldest first; labels alone do not prove ownership."""
    if deployment is None:
        return ()
    uid = deployment["metadata"]["uid"]
    owners = {replica_set["metadata"]["uid"] for replica_set in replica_sets if controller_uid(replica_set) == uid}
    return sort_by_age(
        pod
        for pod in pods
        if controller_uid(pod) in owners and is_live(pod) and not pod["metadata"].get("deletionTimestamp")
    )


def is_current(pod: Object, deployment: Object) -> bool:
    """Return whether a pod belongs to the current pod template of a Deployment."""
    inputs = (pod["metadata"].get("annotations") or {}).get(INPUTS_ANNOTATION)
    return inputs is not None and inputs == deployment["spec"]["template"]["inputs"]


def protocols(pods: Iterable[Object]) -> frozenset[str]:
    """Return the names of the ports at which pods serve their models: HTTP, HTTPS, or both during a change of TLS."""
    return frozenset(name for pod in pods for name in pod["spec"]["ports"])


def is_ready(pod: Object) -> bool:
    """Return whether the condition Ready of a pod is True."""
    return condition_of(pod, "Ready") is not None


def blocker(pod: Object, spec: ModelServerSpec, now: datetime) -> StatusCause | None:
    """Return the cause why a pod does not serve, or None if it serves or starts normally.

    Args:
        pod: A pod of the current pod template.
        spec: The spec of the ModelServer.
        now: The current time, with a time zone.
    """
    if is_ready(pod):
        return None
    problems = (container_problem(status, _PROGRAMS[status["name"]], _NORMAL_REASONS) for status in _containers(pod))
    if problem := scheduling_problem(pod) or next(filter(None, problems), None):
        return StatusCause(as_reason(problem.reason), problem.message)
    if failure := container_failure(pod, now):
        return failure.cause
    return _unprepared(pod, spec, now)


def node_deadline(pod: Object) -> datetime | None:
    """Return the time from which a pod on a node counts as stuck in the preparation of its volumes and network.

    None if the pod has no node, or its volumes and network are ready.
    """
    since = preparing_since(pod)
    return since and since + NODE_TIMEOUT


def scheduling_deadline(pod: Object) -> datetime | None:
    """Return the time from which a pod counts as late if the scheduler does not place it on a node, else None.

    Kubernetes has a deadline for the rollout of a Deployment, but none for pods that are added later to scale.
    """
    since = (condition_of(pod, "PodScheduled", "False") or {}).get("lastTransitionTime")
    return datetime.fromisoformat(since) + timedelta(seconds=DEADLINE_SECONDS) if since else None


def container_failure(pod: Object, now: datetime) -> ContainerFailure | None:
    """Return the last failure of the first container that has not recovered (init containers first), or None."""
    for status in _containers(pod):
        if terminated := _failed_termination(status, now):
            return ContainerFailure(status["name"], _termination_cause(pod, status["name"], terminated))
    return None


def conversion_failure(pods: Iterable[Object], now: datetime) -> StatusCause | None:
    """Return the cause why the conversion to ONNX failed in a pod if a retry would not help, or None."""
    failures = (failure for pod in pods if (failure := container_failure(pod, now)) is not None)
    causes = (failure.cause for failure in failures if failure.container == CONVERTER)
    return next((cause for cause in causes if cause.reason in _UNCONVERTIBLE), None)


def _failed_termination(status: Object, now: datetime) -> Object | None:
    """Return the last failed termination of a container; None if the container has run for FAILURE_TTL since then."""
    state = part(status, "state")
    since = part(state, "running").get("startedAt")
    if since and now - datetime.fromisoformat(since) > FAILURE_TTL:
        return None
    terminated = part(state, "terminated") or part(part(status, "lastState"), "terminated")
    return terminated if terminated and terminated.get("exitCode") != 0 else None


def _containers(pod: Object) -> list[Object]:
    """Return the container statuses of the server and the conversion, init containers first."""
    status = pod.get("status") or {}
    statuses = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return [container for container in statuses if container.get("name") in _NAMES]


def _termination_cause(pod: Object, name: str, terminated: Object) -> StatusCause:
    text = str(terminated.get("message") or "")
    termination = decode_termination(text)
    if termination is not None:
        return StatusCause(as_reason(termination.reason), sanitize_message(termination.message))
    if terminated.get("reason") == "OOMKilled":
        limit = part(pod["spec"], "memory").get(name)
        cause = f"it exceeded its memory limit of {limit}" if limit else "its node ran out of memory"
        # The operator remembers that a model cannot be converted as long as the ModelServer exists.
        again = " Then delete the ModelServer and create it again." if name == CONVERTER else ""
        message = f"{_NAMES[name]} was OOMKilled: {cause}. Raise spec.resources.limits.memory.{again}"
        return StatusCause(Reason.OUT_OF_MEMORY, message)
    detail = f"The end of its log:\n{sanitize_message(text)}" if text else "It wrote no termination message."
    return StatusCause(Reason.CRASHED, f"{_NAMES[name]} exited with code {terminated.get('exitCode')}. {detail}")


def _unprepared(pod: Object, spec: ModelServerSpec, now: datetime) -> StatusCause | None:
    """Return the cause if a node has not prepared the volumes and the network of a pod within NODE_TIMEOUT, or None.

    The operator may not read Secrets, so the message names all Secrets that the pod requires.
    """
    deadline = node_deadline(pod)
    if deadline is None or now < deadline:
        return None
    name = pod["metadata"]["name"]
    message = (
        f"The node has not prepared the volumes and the network of pod {name}. These Secrets must exist in this "
        f"namespace: {', '.join(_secrets(spec))}. Run kubectl describe pod {name} for the missing one, and create it."
    )
    return StatusCause(Reason.POD_NOT_READY, message)


def _secrets(spec: ModelServerSpec) -> Iterator[str]:
    """Yield the name of each Secret that a pod requires, with the spec field that names it and the keys in it."""
    if spec.auth is not None:
        yield f"{spec.auth.secret_ref.name} (spec.auth.secretRef)"
    if spec.tls is not None:
        yield f"{spec.tls.secret_ref.name} (spec.tls.secretRef, with the keys tls.crt and tls.key)"
    yield f"{spec.storage.secret_ref.name} (spec.storage.secretRef, with the keys accessKey and secretKey)"
