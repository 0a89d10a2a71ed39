"""Causes of a container that does not start, from the kubelet's message, with the field to correct."""

import re
from typing import NamedTuple

from epochal_api.trainingjob import KIND

from epochal_operator.trainingjob.reasons import Reason, StatusCause, as_reason

_REASONS = {
    "ErrImagePull": Reason.IMAGE_PULL_BACK_OFF,  # A kubelet alternates between both for the same error.
    "ImagePullBackOff": Reason.IMAGE_PULL_BACK_OFF,
    "InvalidImageName": Reason.INVALID_IMAGE_NAME,
    "CreateContainerConfigError": Reason.CREATE_CONTAINER_CONFIG_ERROR,
    "CreateContainerError": Reason.CREATE_CONTAINER_ERROR,
    "RunContainerError": Reason.RUN_CONTAINER_ERROR,
}
"""Waiting reasons of a kubelet for a container that does not start. Others are rare.

https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go and
https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kuberuntime/kuberuntime_container.go
"""
_SECRET = re.compile(r'secret "([^"]+)" not found')
_KEY = re.compile(r"couldn't find key \S+ in Secret (?:\S+/)?(\S+)")
"""https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kubelet_pods.go"""
_WHOSE = {
    True: "spec.image",
    False: "imageRegistry and trainerImage of Epochal's chart",
    None: "spec.image, or trainerImage of Epochal's chart where that is not set",
}
"""The fields that name an image: in the spec, in the chart, or unknown."""


class Program(NamedTuple):
    """The program of a container.

    Args:
        name: Name of the program in messages.
        kind: Kind of the object that the program serves.
        image: The field that names its image.
    """

    name: str
    kind: str
    image: str


def cannot_start(word: str, said: str, image: str, *, own_image: bool | None) -> StatusCause:
    """Return the cause of a trainer's container that does not start, with advice.

    Args:
        word: The kubelet's reason.
        said: The kubelet's message.
        image: The container's image; empty if unknown.
        own_image: Whether spec.image names the image; None if unknown.
    """
    return start_failure(word, said, image, Program("The trainer", KIND, _WHOSE[own_image]))


def start_failure(word: str, said: str, image: str, program: Program) -> StatusCause:
    """Return the cause of a container that does not start, with advice.

    Args:
        word: The kubelet's reason.
        said: The kubelet's message.
        image: The container's image; empty if unknown.
        program: The program of the container.
    """
    reason = _REASONS.get(word, as_reason(word))
    why, remedy = f"{program.name} cannot start: {said}", _remedy(reason, said, image, program)
    return StatusCause(reason, f"{why.rstrip('.')}. {remedy}" if remedy else why)


def _remedy(reason: str, said: str, image: str, program: Program) -> str:
    if reason == Reason.IMAGE_PULL_BACK_OFF:
        return (
            f"{program.image}: must name an image that there is, in a registry that the node reaches, found {image!r}. "
            "Where that asks for credentials, spec.imagePullSecrets must name the Secret that holds them."
        )
    if reason == Reason.INVALID_IMAGE_NAME:
        return f"{program.image}: must be a name such as registry.example.com/team/trainer:1.0, found {image!r}."
    if found := _SECRET.search(said) or _KEY.search(said):
        return (
            f"spec.storage.secretRef: the Secret {found[1]} must exist in the {program.kind}'s namespace and have the "
            "keys accessKey and secretKey."
        )
    return ""
