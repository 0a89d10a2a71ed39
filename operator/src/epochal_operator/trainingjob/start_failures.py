"""Why a trainer's container does not start: a kubelet's words, and the field that is to be mended."""

import re

from epochal_operator.trainingjob.reasons import Reason, StatusCause, as_reason

_REASONS = {
    "ErrImagePull": Reason.IMAGE_PULL_BACK_OFF,  # A kubelet says the one and the other in turn, of the same mistake.
    "ImagePullBackOff": Reason.IMAGE_PULL_BACK_OFF,
    "InvalidImageName": Reason.INVALID_IMAGE_NAME,
    "CreateContainerConfigError": Reason.CREATE_CONTAINER_CONFIG_ERROR,
    "CreateContainerError": Reason.CREATE_CONTAINER_ERROR,
    "RunContainerError": Reason.RUN_CONTAINER_ERROR,
}
"""Why a container does not start, as a kubelet says it; there are more, which are rare.

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
"""Where an image was named: by the spec, or not, or nobody knows."""


def cannot_start(word: str, said: str, image: str, *, own_image: bool | None) -> StatusCause:
    """Returns why a container does not start, and what must hold so that it does.

    Args:
        word: The kubelet's word for it.
        said: What else it says.
        image: The container's image; empty if that is not told.
        own_image: Whether spec.image names it; None if that is not known.
    """
    reason = _REASONS.get(word, as_reason(word))
    why, remedy = f"The trainer cannot start: {said}", _remedy(reason, said, image, _WHOSE[own_image])
    return StatusCause(reason, f"{why.rstrip('.')}. {remedy}" if remedy else why)


def _remedy(reason: str, said: str, image: str, whose: str) -> str:
    if reason == Reason.IMAGE_PULL_BACK_OFF:
        return (
            f"{whose}: must name an image that there is, in a registry that the node reaches, found {image!r}. Where "
            "that asks for credentials, spec.imagePullSecrets must name the Secret that holds them."
        )
    if reason == Reason.INVALID_IMAGE_NAME:
        return f"{whose}: must be a name such as registry.example.com/team/trainer:1.0, found {image!r}."
    if found := _SECRET.search(said) or _KEY.search(said):
        return (
            f"spec.storage.secretRef: the Secret {found[1]} must exist in the TrainingJob's namespace and have the "
            "keys accessKey and secretKey."
        )
    return ""
