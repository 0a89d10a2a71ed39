"""The state of live pods: waiting, running, terminating, stuck or lost."""

from datetime import timedelta
from typing import Any

import pytest
from epochal_operator.pods.diagnosis import is_live, sort_by_age
from epochal_operator.trainingjob.pod.state import (
    LOST_SECONDS,
    STUCK_SECONDS,
    container_was_created,
    is_lost,
    live_start_time,
    lost_at,
    stuck_at,
    waiting_cause,
)
from epochal_operator.trainingjob.reasons import ExternalReason, Reason, StatusCause

from tests.unit.operator.objects import (
    NOW,
    at,
    deleting,
    failed,
    pod,
    required,
    running,
    succeeded,
    true,
    unready,
    unscheduled,
    waits,
    without_container,
)


def held(reason: str, message: str) -> dict[str, Any]:
    """Returns a pod that is unscheduled for another reason than Unschedulable."""
    one = unscheduled(message)
    one["status"]["conditions"][0]["reason"] = reason
    return one


@pytest.mark.parametrize(
    ("pod", "cause"),
    [
        (pod(), None),
        (running(), None),
        (waits("ContainerCreating"), None),
        (
            unscheduled("0/1 nodes are available"),
            StatusCause(Reason.UNSCHEDULABLE, "The pod cannot be scheduled: 0/1 nodes are available"),
        ),
        (
            waits("CreateContainerError", "no device"),
            StatusCause(Reason.CREATE_CONTAINER_ERROR, "The trainer cannot start: no device"),
        ),
        (
            waits("CreateContainerError"),
            StatusCause(Reason.CREATE_CONTAINER_ERROR, "The trainer cannot start: CreateContainerError"),
        ),
        (
            waits("ErrImageNeverPull", "not there"),
            StatusCause(ExternalReason("ErrImageNeverPull"), "The trainer cannot start: not there"),
        ),
        (
            held("SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates"),
            StatusCause(
                Reason.SCHEDULING_GATED,
                "The pod has scheduling gates, and waits until their owners remove them: Scheduling is blocked due to "
                "non-empty scheduling gates",
            ),
        ),
        (
            held("SchedulerError", "no such plugin"),
            StatusCause(ExternalReason("SchedulerError"), "The pod cannot be scheduled: no such plugin"),
        ),
    ],
)
def test_waiting_cause(pod: dict[str, Any], cause: StatusCause | None) -> None:
    assert waiting_cause(pod) == cause


def test_missing_image_is_named() -> None:
    one = waits("ErrImagePull", "not\x1bfound")
    one["status"]["containerStatuses"][0]["image"] = "example.com/trainer:1\x07"
    cause = required(waiting_cause(one, own_image=True))
    assert cause.message.startswith("The trainer cannot start: not found. spec.image: ")
    assert "found 'example.com/trainer:1'" in cause.message


@pytest.mark.parametrize(
    ("pod", "lives", "started"),
    [
        (pod(), True, False),
        (waits("ContainerCreating"), True, False),
        (running(), True, True),
        (failed(), False, True),
        (succeeded(), False, True),
        (without_container("Evicted", ""), False, False),
    ],
)
def test_alive_and_started(pod: dict[str, Any], lives: bool, started: bool) -> None:  # noqa: FBT001
    assert (is_live(pod), container_was_created(pod)) == (lives, started)


@pytest.mark.parametrize(
    ("pod", "since"),
    [
        (pod(), None),
        (running(), at(-50)),
        (pod(phase="Running", terminated={"exitCode": 0, "startedAt": at(-9)}), at(-9)),
        (failed(), None),
        (succeeded(), None),
    ],
)
def test_live_start_time(pod: dict[str, Any], since: str | None) -> None:
    assert live_start_time(pod) == since


def test_pods_in_order_of_age() -> None:
    old, young, twin = pod("b", age=90), pod("c", age=10), pod("a", age=10)
    assert sort_by_age([young, old, twin]) == (old, twin, young)


def on_silent_node(pod: dict[str, Any]) -> dict[str, Any]:
    """Returns a pod on a node that has stopped reporting."""
    conditions = [{**true("Ready"), "status": "False"}, true("ContainersReady")]
    return {**pod, "status": {**pod["status"], "conditions": conditions}}


LATE = -LOST_SECONDS
NOT_READY = running()
NOT_READY["status"]["conditions"] = [{**true(kind), "status": "False"} for kind in ("Ready", "ContainersReady")]


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (running(), False),
        (NOT_READY, False),
        (on_silent_node(running()), True),
        (on_silent_node(deleting(running(), 60)), True),
        (on_silent_node(failed()), False),
        (deleting(running(), 60), False),
        (deleting(running(), LATE + 1), False),
        (deleting(running(), LATE), True),
        (deleting(pod(), LATE), True),
        (deleting(pod(node=None), LATE), False),
        (deleting(succeeded(), LATE), False),
    ],
)
def test_is_lost(pod: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert is_lost(pod, NOW) is expected


def test_lost_at() -> None:
    assert lost_at(deleting(running(), 60)) == NOW + timedelta(seconds=60 + LOST_SECONDS)
    assert lost_at(running()) is None
    assert lost_at(deleting(failed(), 60)) is None


def test_stuck_at() -> None:
    assert stuck_at(unready(-5)) == NOW + timedelta(seconds=STUCK_SECONDS - 5)
    ready = unready(-5)
    ready["status"]["conditions"][0]["status"] = "True"
    ended = unready(-5)
    ended["status"] |= failed()["status"] | {"conditions": ended["status"]["conditions"]}
    for other in (ready, ended, pod(), waits("ContainerCreating"), running(), failed()):
        assert stuck_at(other) is None


@pytest.mark.parametrize(
    ("own_image", "whose"),
    [
        (True, "spec.image: must"),
        (False, "imageRegistry and trainerImage of Epochal's chart: must"),
        (None, "spec.image, or trainerImage of Epochal's chart where that is not set: must"),
    ],
)
@pytest.mark.parametrize("word", ["ErrImagePull", "InvalidImageName"])
def test_image_error_names_the_field(word: str, own_image: bool | None, whose: str) -> None:  # noqa: FBT001
    cause = required(waiting_cause(pod(waiting={"reason": word, "message": "no."}), own_image=own_image))
    assert whose in cause.message
