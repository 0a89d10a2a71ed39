"""What pods and Jobs say: why a pod waits, how it ended, how the Job ended."""

from typing import Any

import pytest
from epochal_operator.observed import (
    Cause,
    alive,
    ending,
    failure,
    in_order,
    last_report,
    no_more_follows,
    obstacle_of,
    started,
    waiting,
)

from tests.unit.operator.objects import (
    UID,
    at,
    child,
    disrupted,
    failed,
    going,
    last_words,
    pod,
    report,
    running,
    succeeded,
    training_job,
    true,
    unscheduled,
    waits,
)


@pytest.mark.parametrize(
    ("one", "cause"),
    [
        (pod(), None),
        (running(), None),
        (waits("ContainerCreating"), None),
        (
            unscheduled("0/1 nodes are available"),
            Cause("Unschedulable", "The pod cannot be scheduled: 0/1 nodes are available"),
        ),
        (
            waits("CreateContainerConfigError", 'secret "nope" not found'),
            Cause("CreateContainerConfigError", 'The trainer cannot start: secret "nope" not found'),
        ),
        (waits("InvalidImageName"), Cause("InvalidImageName", "The trainer cannot start: InvalidImageName")),
    ],
)
def test_why_a_pod_waits(one: dict[str, Any], cause: Cause | None) -> None:
    assert waiting(one) == cause


def without_container(reason: str, message: str) -> dict[str, Any]:
    one = pod(phase="Failed")
    one["status"] |= {"reason": reason, "message": message}
    return one


@pytest.mark.parametrize(
    ("one", "reason", "message"),
    [
        (failed(code=64, message=last_words("InvalidNetwork", "layer 3: no")), "InvalidNetwork", "layer 3: no"),
        (failed(code=137, reason="OOMKilled"), "OutOfMemory", "its limit is 4Gi (spec.resources.limits.memory)"),
        (
            failed(code=139, message="Segmentation fault\n"),
            "Crashed",
            "exit code 139. The end of its log:\nSegmentation fault",
        ),
        (failed(code=1), "Crashed", "exit code 1. It left no message."),
        (disrupted(failed(code=143)), "EvictionByEvictionAPI", "Eviction API: evicting"),
        (going(failed(code=137)), "Interrupted", "Its pod was deleted."),
        (without_container("Evicted", "The node was low on memory."), "Evicted", "The node was low on memory."),
        (without_container("", ""), "PodFailed", "The pod failed."),
    ],
)
def test_why_a_pod_failed(one: dict[str, Any], reason: str, message: str) -> None:
    cause = failure(one)
    assert cause is not None
    assert cause.reason == reason
    assert message in cause.message


@pytest.mark.parametrize("one", [pod(), running(), succeeded()])
def test_a_pod_that_has_not_failed(one: dict[str, Any]) -> None:
    assert failure(one) is None


def test_what_a_log_says_last_is_kept_without_control_characters() -> None:
    cause = failure(failed(message="x" * 9000 + "\x1b[31mred\x07\nlast\tline"))
    assert cause is not None
    assert cause.message.endswith(" [31mred \nlast\tline")
    assert len(cause.message) < 4200


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


def test_how_a_job_completed() -> None:
    end = ending(child(conditions=[true("Complete", since=-5)], completionTime=at(-6)), (succeeded(),))
    assert end is not None
    assert (end.kind, end.cause.reason, end.time) == ("Complete", "Completed", at(-6))


@pytest.mark.parametrize(
    ("reason", "pods", "expected"),
    [
        ("DeadlineExceeded", (failed(),), ("DeadlineExceeded", "spec.activeDeadlineSeconds, which is 60")),
        (
            "PodFailurePolicy",
            (failed(code=65, message=last_words("MissingObject", "no train.npz")),),
            ("MissingObject", "no train.npz"),
        ),
        (
            "BackoffLimitExceeded",
            (failed("a", message="first", age=90), failed("b", message="second")),
            ("Crashed", "Failed 2 times, the last time: The trainer ended with exit code 1."),
        ),
        ("BackoffLimitExceeded", (), ("BackoffLimitExceeded", "as the Job says")),
    ],
)
def test_how_a_job_failed(reason: str, pods: tuple[Any, ...], expected: tuple[str, str]) -> None:
    job = child(
        training_job(activeDeadlineSeconds=60),
        conditions=[true("Failed", reason, "as the Job says", since=-4)],
        failed=len(pods),
    )
    end = ending(job, pods)
    assert end is not None
    assert (end.kind, end.time) == ("Failed", at(-4))
    assert end.cause.reason == expected[0]
    assert expected[1] in end.cause.message


@pytest.mark.parametrize("status", [{}, {"conditions": [true("FailureTarget")]}, {"conditions": [true("Suspended")]}])
def test_a_job_that_has_not_ended(status: dict[str, Any]) -> None:
    assert ending(child(**status), (failed(),)) is None


@pytest.mark.parametrize(
    ("limit", "pods", "expected"),
    [
        (3, (failed(),), False),
        (0, (failed(),), True),
        (1, (failed("a"), failed("b")), True),
        (1, (disrupted(failed("a")), failed("b")), False),
        (0, (disrupted(failed()),), False),
        (3, (failed(code=77),), True),
        (0, (failed("a"), running("b")), False),
    ],
)
def test_whether_another_pod_follows(limit: int, pods: tuple[Any, ...], expected: bool) -> None:  # noqa: FBT001
    assert no_more_follows(child(training_job(backoffLimit=limit)), pods) is expected


def test_the_job_itself_knows_that_no_pod_follows() -> None:
    assert no_more_follows(child(conditions=[true("FailureTarget", "PodFailurePolicy")]), (failed(),))


def test_the_latest_report_that_was_left_counts() -> None:
    first = failed("a", message=last_words("Crashed", "", report(attempt=1, sequence=90)))
    second = succeeded("b", message=last_words("Completed", "", report(attempt=2, sequence=3)))
    found = last_report((second, first, running("c"), failed("d", message="no JSON")))
    assert found is not None
    assert (found[0].order, found[1]) == ((2, 3), at(-10))
    assert last_report((running(), failed())) is None


def test_pods_are_sorted_by_age() -> None:
    old, young, twin = pod("b", age=90), pod("c", age=10), pod("a", age=10)
    assert in_order([young, old, twin]) == (old, twin, young)


@pytest.mark.parametrize(
    ("owners", "reason"),
    [
        ([{"kind": "TrainingJob", "apiVersion": "epochal.dev/v1alpha1", "name": "digits", "uid": UID}], None),
        ([{"kind": "TrainingJob", "apiVersion": "epochal.dev/v1alpha1", "name": "digits", "uid": "old"}], "Cleanup"),
        ([{"kind": "CronJob", "apiVersion": "batch/v1", "name": "digits", "uid": "x"}], "NameConflict"),
        ([], "NameConflict"),
    ],
)
def test_what_a_job_of_the_same_name_means(owners: list[dict[str, Any]], reason: str | None) -> None:
    existing = child()
    existing["metadata"]["ownerReferences"] = [owner | {"controller": True} for owner in owners]
    found = obstacle_of(existing, UID)
    assert (found.reason if found else None) == reason
