"""Why a pod does not start: messages of the scheduler and the kubelet, with the field to correct."""

import re
from collections.abc import Container, Iterable
from datetime import datetime
from typing import NamedTuple

from epochal_operator.pods.scheduler_messages import NodeMatch, node_match, unschedulable_message
from epochal_operator.runtime.api.resource import Object, part
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.reasons import sanitize_message

_SECRET = re.compile(r'secret "([^"]+)" not found')
_KEY = re.compile(r"couldn't find key \S+ in Secret (?:\S+/)?(\S+)")
"""https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kubelet_pods.go"""


class ProgramText(NamedTuple):
    """The words for the program of a container in messages to users.

    Args:
        name: Name of the program, such as "The server".
        kind: Kind of the object that owns the pod.
        image: The field or chart value that sets the container's image.
    """

    name: str
    kind: str
    image: str


class Problem(NamedTuple):
    """The reason and the message for a pod that does not start. The reason table of each kind contains the reasons."""

    reason: str
    message: str


def sort_by_age(pods: Iterable[Object]) -> tuple[Object, ...]:
    """Return pods sorted by age, oldest first."""
    return tuple(
        sorted(pods, key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]))
    )


def is_live(pod: Object) -> bool:
    """Return whether a pod has not ended, and so may still run."""
    return part(pod, "status").get("phase") not in {"Succeeded", "Failed"}


def scheduling_problem(pod: Object) -> Problem | None:
    """Return the cause why the scheduler cannot place a pod on a node, or None if it has not reported this."""
    condition = condition_of(pod, "PodScheduled", "False")
    if condition is None:
        return None
    reason, message = condition.get("reason") or "Unschedulable", sanitize_message(condition.get("message") or "")
    if reason == "Unschedulable":
        reason = "NoMatchingNode" if node_match(message) is NodeMatch.NONE else reason
        return Problem(reason, unschedulable_message(message))
    if reason == "SchedulingGated":
        return Problem(reason, f"The pod has scheduling gates, and waits until their owners remove them: {message}")
    return Problem(reason, f"The pod cannot be scheduled: {message}")


def preparing_since(pod: Object) -> datetime | None:
    """Return the time since which a node prepares the volumes and the network of a pod.

    None if the pod has no node, or its volumes and network are ready.
    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-has-network
    """
    since = (condition_of(pod, "PodReadyToStartContainers", "False") or {}).get("lastTransitionTime")
    return datetime.fromisoformat(since) if since and pod["spec"].get("nodeName") else None


def is_prepared(pod: Object) -> bool:
    """Return whether a node has prepared the volumes and the network of a pod, so that it next pulls the image."""
    return condition_of(pod, "PodReadyToStartContainers") is not None


def container_problem(container: Object, program: ProgramText, normal: Container[str]) -> Problem | None:
    """Return the cause why a container does not start, or None if it does not wait or its waiting reason is normal.

    Args:
        container: The container's status.
        program: The words for the container in the message.
        normal: Waiting reasons that are no problem.
    """
    waiting = part(part(container, "state"), "waiting")
    reason: str | None = waiting.get("reason")
    if reason is None or reason in normal:
        return None
    if reason == "ErrImagePull":  # A kubelet alternates between both for the same error.
        reason = "ImagePullBackOff"
    message = sanitize_message(str(waiting.get("message") or waiting["reason"]))
    cause = f"{program.name} cannot start: {message}"
    remedy = _remedy(reason, message, sanitize_message(str(container.get("image") or "")), program)
    return Problem(reason, f"{cause.rstrip('.')}. {remedy}" if remedy else cause)


def _remedy(reason: str, message: str, image: str, program: ProgramText) -> str:
    if reason == "ImagePullBackOff":
        return (
            f"{program.image}: must name an image that exists, in a registry that the node reaches, found {image!r}. "
            "If the registry requires credentials, spec.imagePullSecrets must name the Secret with the credentials."
        )
    if reason == "InvalidImageName":
        return f"{program.image}: must be a name such as registry.example.com/team/trainer:1.0, found {image!r}."
    if secret := _SECRET.search(message) or _KEY.search(message):
        return (
            f"spec.storage.secretRef: the Secret {secret[1]} must exist in the {program.kind}'s namespace and have the "
            "keys accessKey and secretKey."
        )
    return ""
