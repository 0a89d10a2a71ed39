"""Why a container does not start: the kubelet's words, with the field that is to be mended."""

import pytest
from epochal_operator.trainingjob.reasons import Foreign, Reason
from epochal_operator.trainingjob.start_failures import cannot_start

SECRET = (
    "spec.storage.secretRef: the Secret minio-creds must exist in the TrainingJob's namespace and have the keys "
    "accessKey and secretKey."
)
PULL = (
    "must name an image that there is, in a registry that the node reaches, found 'example.com/trainer:1'. Where "
    "that asks for credentials, spec.imagePullSecrets must name the Secret that holds them."
)
NAME = "must be a name such as registry.example.com/team/trainer:1.0, found 'example.com/trainer:1'."


@pytest.mark.parametrize(
    ("word", "said", "reason", "remedy"),
    [
        ("CreateContainerConfigError", 'secret "minio-creds" not found', "CreateContainerConfigError", SECRET),
        (
            "CreateContainerConfigError",
            "couldn't find key accessKey in Secret vision/minio-creds",
            "CreateContainerConfigError",
            SECRET,
        ),
        ("CreateContainerConfigError", "no such user", "CreateContainerConfigError", ""),
        ("ErrImagePull", "not found", "ImagePullBackOff", f"spec.image: {PULL}"),
        ("ImagePullBackOff", "Back-off pulling", "ImagePullBackOff", f"spec.image: {PULL}"),
        ("InvalidImageName", "invalid reference format", "InvalidImageName", f"spec.image: {NAME}"),
        ("CreateContainerError", "no device", "CreateContainerError", ""),
        ("RunContainerError", "no such file", "RunContainerError", ""),
    ],
)
def test_what_is_to_be_mended(word: str, said: str, reason: str, remedy: str) -> None:
    cause = cannot_start(word, said, "example.com/trainer:1", own_image=True)
    assert cause.reason is Reason(reason)
    why = f"The trainer cannot start: {said}"
    assert cause.message == (f"{why}. {remedy}" if remedy else why)


@pytest.mark.parametrize(
    ("own_image", "whose"),
    [
        (True, "spec.image: must"),
        (False, "imageRegistry and trainerImage of Epochal's chart: must"),
        (None, "spec.image, or trainerImage of Epochal's chart where that is not set: must"),
    ],
)
@pytest.mark.parametrize("word", ["ErrImagePull", "InvalidImageName"])
def test_whose_image_it_is(word: str, own_image: bool | None, whose: str) -> None:  # noqa: FBT001
    assert whose in cannot_start(word, "no.", "a:1", own_image=own_image).message


def test_a_full_stop_stands_once() -> None:
    assert ": no. spec.image: " in cannot_start("ErrImagePull", "no.", "a:1", own_image=True).message


def test_what_is_not_known_is_passed_on() -> None:
    cause = cannot_start("ErrImageNeverPull", "not there", "a:1", own_image=True)
    assert (cause.reason, cause.message) == (Foreign("ErrImageNeverPull"), "The trainer cannot start: not there")
