"""Why a container does not start: messages of the kubelet, with the field to correct."""

import pytest
from epochal_operator.pods.diagnosis import Problem, ProgramText, container_problem

SECRET = "spec.storage.secretRef: the Secret minio-creds must exist in the TrainingJob's namespace"
IMAGE = "spec.image: must name an image that exists, in a registry that the node reaches, found 'example.com/trainer:1'"
NAME = "spec.image: must be a name such as registry.example.com/team/trainer:1.0, found 'example.com/trainer:1'."
CONFIG_ERROR = "CreateContainerConfigError"


def problem(reason: str, message: str) -> Problem:
    container = {"state": {"waiting": {"reason": reason, "message": message}}, "image": "example.com/trainer:1"}
    found = container_problem(
        container, ProgramText("The trainer", "TrainingJob", "spec.image"), ("ContainerCreating",)
    )
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("waiting", "message", "reason", "remedy"),
    [
        (CONFIG_ERROR, 'secret "minio-creds" not found', CONFIG_ERROR, SECRET),
        (CONFIG_ERROR, "couldn't find key accessKey in Secret vision/minio-creds", CONFIG_ERROR, SECRET),
        (CONFIG_ERROR, "no such user", CONFIG_ERROR, ""),
        ("ErrImagePull", "not found", "ImagePullBackOff", IMAGE),
        ("ErrImagePull", "not found.", "ImagePullBackOff", IMAGE),
        ("ImagePullBackOff", "Back-off pulling", "ImagePullBackOff", IMAGE),
        ("InvalidImageName", "invalid reference format", "InvalidImageName", NAME),
        ("CreateContainerError", "no device", "CreateContainerError", ""),
        ("RunContainerError", "no such file", "RunContainerError", ""),
        ("ErrImageNeverPull", "not there", "ErrImageNeverPull", ""),
    ],
)
def test_a_start_problem_names_the_field_to_correct(waiting: str, message: str, reason: str, remedy: str) -> None:
    found = problem(waiting, message)
    cause = f"The trainer cannot start: {message}".rstrip(".")
    assert found.reason == reason
    assert found.message.startswith(f"{cause}. {remedy}" if remedy else cause)
    assert remedy or found.message == cause
