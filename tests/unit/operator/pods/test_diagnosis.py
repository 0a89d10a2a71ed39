"""Why a container does not start: the kubelet's words, with the field that is to be mended."""

import pytest
from epochal_operator.pods.diagnosis import Problem, Program, start_failure

SECRET = (
    "spec.storage.secretRef: the Secret minio-creds must exist in the TrainingJob's namespace and have the keys "
    "accessKey and secretKey."
)
PULL = (
    "must name an image that exists, in a registry that the node reaches, found 'example.com/trainer:1'. If the "
    "registry asks for credentials, spec.imagePullSecrets must name the Secret with them."
)
NAME = "must be a name such as registry.example.com/team/trainer:1.0, found 'example.com/trainer:1'."


def cannot_start(word: str, said: str, image: str) -> Problem:
    container = {"state": {"waiting": {"reason": word, "message": said}}, "image": image}
    found = start_failure(container, Program("The trainer", "TrainingJob", "spec.image"), ("ContainerCreating",))
    assert found is not None
    return found


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
    cause = cannot_start(word, said, "example.com/trainer:1")
    assert cause.reason == reason
    why = f"The trainer cannot start: {said}"
    assert cause.message == (f"{why}. {remedy}" if remedy else why)


def test_a_full_stop_stands_once() -> None:
    assert ": no. spec.image: " in cannot_start("ErrImagePull", "no.", "a:1").message


def test_what_is_not_known_is_passed_on() -> None:
    cause = cannot_start("ErrImageNeverPull", "not there", "a:1")
    assert (cause.reason, cause.message) == ("ErrImageNeverPull", "The trainer cannot start: not there")
