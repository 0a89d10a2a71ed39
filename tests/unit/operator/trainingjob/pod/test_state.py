"""What pods say while they live: why one waits, that it is ending, that nobody knows how it is."""

from datetime import timedelta
from typing import Any

import pytest
from epochal_operator.pods.diagnosis import alive, sort_by_age
from epochal_operator.trainingjob.pod import state as pods
from epochal_operator.trainingjob.pod.state import (
    LOST_SECONDS,
    STUCK_SECONDS,
    lost,
    lost_at,
    started,
    stuck_at,
    waiting,
)
from epochal_operator.trainingjob.reasons import Foreign, Reason, StatusCause

from tests.unit.operator.objects import (
    NOW,
    at,
    failed,
    going,
    pod,
    running,
    succeeded,
    true,
    unready,
    unscheduled,
    waits,
    without_container,
)


def held(reason: str, message: str) -> dict[str, Any]:
    """Returns a pod that is not scheduled for another reason than that no node takes it."""
    one = unscheduled(message)
    one["status"]["conditions"][0]["reason"] = reason
    return one


@pytest.mark.parametrize(
    ("one", "cause"),
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
            StatusCause(Foreign("ErrImageNeverPull"), "The trainer cannot start: not there"),
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
            StatusCause(Foreign("SchedulerError"), "The pod cannot be scheduled: no such plugin"),
        ),
    ],
)
def test_why_a_pod_waits(one: dict[str, Any], cause: StatusCause | None) -> None:
    assert waiting(one) == cause


def test_an_image_that_is_not_there_is_named() -> None:
    one = waits("ErrImagePull", "not\x1bfound")
    one["status"]["containerStatuses"][0]["image"] = "example.com/trainer:1\x07"
    cause = waiting(one, own_image=True)
    assert cause is not None
    assert cause.message.startswith("The trainer cannot start: not found. spec.image: ")
    assert "found 'example.com/trainer:1'" in cause.message


@pytest.mark.parametrize(
    ("one", "lives", "has_started"),
    [
        (pod(), True, False),
        (waits("ContainerCreating"), True, False),
        (running(), True, True),
        (failed(), False, True),
        (succeeded(), False, True),
        (without_container("Evicted", ""), False, False),
    ],
)
def test_whether_a_pod_lives_and_has_started(one: dict[str, Any], lives: bool, has_started: bool) -> None:  # noqa: FBT001
    assert (alive(one), started(one)) == (lives, has_started)


@pytest.mark.parametrize(
    ("one", "since"),
    [
        (pod(), None),
        (running(), at(-50)),
        (pod(phase="Running", terminated={"exitCode": 0, "startedAt": at(-9)}), at(-9)),
        (failed(), None),
        (succeeded(), None),
    ],
)
def test_since_when_a_trainer_runs(one: dict[str, Any], since: str | None) -> None:
    assert pods.running(one) == since


def test_pods_are_sorted_by_age() -> None:
    old, young, twin = pod("b", age=90), pod("c", age=10), pod("a", age=10)
    assert sort_by_age([young, old, twin]) == (old, twin, young)


def unheard(one: dict[str, Any]) -> dict[str, Any]:
    """Returns a pod as it is once its node has not been heard of for a while."""
    conditions = [{**true("Ready"), "status": "False"}, true("ContainersReady")]
    return {**one, "status": {**one["status"], "conditions": conditions}}


LATE = -LOST_SECONDS
NOT_READY = running()
NOT_READY["status"]["conditions"] = [{**true(kind), "status": "False"} for kind in ("Ready", "ContainersReady")]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (running(), False),
        (NOT_READY, False),
        (unheard(running()), True),
        (unheard(going(running(), 60)), True),
        (unheard(failed()), False),
        (going(running(), 60), False),
        (going(running(), LATE + 1), False),
        (going(running(), LATE), True),
        (going(pod(), LATE), True),
        (going(pod(node=None), LATE), False),
        (going(succeeded(), LATE), False),
    ],
)
def test_whether_a_pod_is_lost_with_its_node(one: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert lost(one, NOW) is expected


def test_when_a_pod_that_is_ending_counts_as_lost() -> None:
    assert lost_at(going(running(), 60)) == NOW + timedelta(seconds=60 + LOST_SECONDS)
    assert lost_at(running()) is None
    assert lost_at(going(failed(), 60)) is None


def test_when_a_pod_counts_as_stuck_whose_node_does_not_make_it_ready() -> None:
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
def test_whose_image_it_is(word: str, own_image: bool | None, whose: str) -> None:  # noqa: FBT001
    cause = waiting(pod(waiting={"reason": word, "message": "no."}), own_image=own_image)
    assert cause is not None
    assert whose in cause.message
