"""Failures of pods, crashes and their positions, and the end of the Job."""

from typing import Any

import pytest
from epochal_api.pod import MIN_MEMORY_BYTES
from epochal_operator.trainingjob.pod.failures import (
    is_crash,
    is_last_pod,
    job_end,
    last_failure,
    last_report,
    pod_failure,
)
from epochal_operator.trainingjob.reasons import effect

from tests.unit.operator.objects import (
    at,
    child,
    deleting,
    disrupted,
    failed,
    killed,
    pod,
    report,
    required,
    running,
    succeeded,
    termination,
    training_job,
    true,
    without_container,
)


def evicted(message: str) -> dict[str, Any]:
    """Returns a pod that the kubelet evicted because it exceeded its own limit."""
    one: dict[str, Any] = killed(code=137)
    one["status"] |= {"reason": "Evicted", "message": message}
    return one


def unlimited(pod: dict[str, Any]) -> dict[str, Any]:
    pod["spec"]["containers"][0]["resources"] = {}
    return pod


def limited_by_default(pod: dict[str, Any], memory: str) -> dict[str, Any]:
    """Returns a pod with a default memory limit of a LimitRange."""
    said = "LimitRanger plugin set: memory request for container trainer; memory limit for container trainer"
    limits = {"resources": {"limits": {"memory": memory}}}
    containers = [container | limits for container in pod["spec"]["containers"]]
    metadata = pod["metadata"] | {"annotations": {"kubernetes.io/limit-ranger": said}}
    return pod | {"metadata": metadata, "spec": pod["spec"] | {"containers": containers}}


@pytest.mark.parametrize(
    ("pod", "reason", "message"),
    [
        (failed(code=64, message=termination("InvalidNetwork", "layer 3: no")), "InvalidNetwork", "layer 3: no"),
        (failed(code=137, reason="OOMKilled"), "OutOfMemory", "its limit is 4Gi (spec.resources.limits.memory)"),
        (
            failed(code=139, message="Segmentation fault\n"),
            "Crashed",
            "killed by SIGSEGV (exit code 139). The end of its log:\nSegmentation fault",
        ),
        (failed(code=1), "Crashed", "ended with exit code 1. It wrote no termination message."),
        (failed(code=128, reason="StartError", message="no such file"), "Crashed", "128. StartError: no such file"),
        (killed(code=137), "Crashed", "was killed by SIGKILL (exit code 137) after step 210 of epoch 3. See its log"),
        (killed(code=139, place=(2, 0)), "Crashed", "by SIGSEGV (exit code 139) at the start of epoch 3. See its log"),
        (killed(code=134, place=None), "Crashed", "SIGABRT (exit code 134). See its log: kubectl logs digits-1"),
        (killed(code=1), "Crashed", "ended with exit code 1 after step 210 of epoch 3."),
        (killed(code=255), "Crashed", "ended with exit code 255 after step 210"),
        (failed(code=1, message=termination("Completed", "done")), "Crashed", "kubectl logs digits-1"),
        (failed(code=75, message=termination("Hanging", "no step for 600 s")), "Hanging", "no step for 600 s"),
        (
            killed(reason="OOMKilled", last=report(peakMemory=4123456789)),
            "OutOfMemory",
            "(spec.resources.limits.memory), and its last measured use was 3.84 GiB.",
        ),
        (killed(reason="OOMKilled", last=report(peakMemory=123456789)), "OutOfMemory", "use was 118 MiB."),
        (
            unlimited(failed(code=137, reason="OOMKilled")),
            "OutOfMemory",
            "killed, because it used too much memory: its node",
        ),
        (
            failed(code=143, message=termination("Terminated", "told")),
            "Terminated",
            "The trainer stopped after SIGTERM.",
        ),
        (killed(code=143), "Terminated", "The trainer stopped after SIGTERM."),
        (failed(code=143, message=termination("Superseded", "2 replaces 1")), "Superseded", "2 replaces 1"),
        (deleting(failed(code=143, message=termination("Superseded", "2 replaces 1"))), "Superseded", "2 replaces 1"),
        (disrupted(killed(code=137)), "EvictionByEvictionAPI", "Eviction API: evicting"),
        (disrupted(failed(code=65, message=termination("ShapeMismatch", "no"))), "ShapeMismatch", "no"),
        (
            disrupted(without_container("Terminated", "Pod was terminated in response to imminent node shutdown.")),
            "EvictionByEvictionAPI",
            "Eviction API: evicting",
        ),
        (deleting(failed(code=143, message=termination("Terminated"))), "Interrupted", "The pod was deleted."),
        (disrupted(failed(code=143)), "EvictionByEvictionAPI", "Eviction API: evicting"),
        (deleting(failed(code=137)), "Interrupted", "The pod was deleted."),
        (
            evicted('Usage of EmptyDir volume "scratch" exceeds the limit "256Gi". '),
            "ScratchFull",
            'Usage of EmptyDir volume "scratch" exceeds the limit "256Gi". Use less data, or a higher limit',
        ),
        (without_container("Evicted", "The node was low on memory."), "Evicted", "The node was low on memory."),
        (without_container("", ""), "PodFailed", "The pod failed."),
    ],
)
def test_pod_failure(pod: dict[str, Any], reason: str, message: str) -> None:
    cause = required(pod_failure(pod))
    assert cause.reason == reason
    assert message in cause.message


@pytest.mark.parametrize("pod", [pod(), running(), succeeded()])
def test_pod_without_failure(pod: dict[str, Any]) -> None:
    assert pod_failure(pod) is None


def test_end_of_the_log_has_no_control_characters() -> None:
    cause = required(pod_failure(failed(message="x" * 9000 + "\x1b[31mred\x07\nlast\tline\u202e\u2028.\u200b")))
    assert cause.message.endswith(" [31mred \nlast\tline  .")
    assert len(cause.message) < 4200


def test_complete_job() -> None:
    end = required(job_end(child(conditions=[true("Complete", since=-5)], completionTime=at(-6)), (succeeded(),)))
    assert (end.type_, end.cause.reason, end.time) == ("Complete", "Completed", at(-6))


@pytest.mark.parametrize(
    ("reason", "pods", "expected"),
    [
        ("DeadlineExceeded", (failed(),), ("DeadlineExceeded", "spec.activeDeadlineSeconds, which is 60")),
        (
            "PodFailurePolicy",
            (failed(code=65, message=termination("MissingObject", "no train.npz")),),
            ("MissingObject", "no train.npz"),
        ),
        (
            "BackoffLimitExceeded",
            (failed("a", message="first", age=90), failed("b", message="second")),
            ("Crashed", "Failed 2 times, the last time: The trainer ended with exit code 1."),
        ),
        (
            "BackoffLimitExceeded",
            (killed("a", age=90), killed("b")),
            (
                "RepeatedCrash",
                "The trainer crashed after step 210 of epoch 3, each of the last 2 times. The trainer was killed",
            ),
        ),
        ("BackoffLimitExceeded", (), ("BackoffLimitExceeded", "as the Job says")),
    ],
)
def test_failed_job(reason: str, pods: tuple[Any, ...], expected: tuple[str, str]) -> None:
    job = child(
        training_job(activeDeadlineSeconds=60),
        conditions=[true("Failed", reason, "as the Job says", since=-4)],
        failed=len(pods),
    )
    end = required(job_end(job, pods))
    assert (end.type_, end.time) == ("Failed", at(-4))
    assert end.cause.reason == expected[0]
    assert expected[1] in end.cause.message


@pytest.mark.parametrize("status", [{}, {"conditions": [true("FailureTarget")]}, {"conditions": [true("Suspended")]}])
def test_active_job_has_no_end(status: dict[str, Any]) -> None:
    assert job_end(child(**status), (failed(),)) is None


@pytest.mark.parametrize(
    ("limit", "pods", "expected"),
    [
        (3, (failed(),), False),
        (0, (failed(),), True),
        (1, (failed("a"), failed("b")), True),
        (1, (disrupted(failed("a")), failed("b")), False),
        (0, (disrupted(failed()),), False),
        (3, (failed(code=77),), True),
        (3, (disrupted(failed(code=77)),), True),
        (0, (failed(code=143),), False),
        (1, (failed("a", 143), failed("b")), False),
        (1, (failed("a"), failed("b", 143)), False),
        (0, (failed("a"), running("b")), False),
        (0, (), False),
    ],
)
def test_is_last_pod(limit: int, pods: tuple[Any, ...], expected: bool) -> None:  # noqa: FBT001
    assert is_last_pod(child(training_job(backoffLimit=limit)), pods) is expected


@pytest.mark.parametrize(("counted", "expected"), [(1, False), (2, False), (3, True)])
def test_crashes_of_deleted_pods_count(counted: int, expected: bool) -> None:  # noqa: FBT001
    assert is_last_pod(child(training_job(backoffLimit=2), failed=counted), (failed(),)) is expected


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (failed(), True),
        (killed(), True),
        (failed(code=75, message=termination("Hanging")), True),
        (failed(code=137, reason="OOMKilled"), True),
        (without_container("UnexpectedAdmissionError", ""), True),
        (disrupted(failed()), False),
        (disrupted(without_container("NodeShutdown", "")), False),
        (failed(code=143), False),
        (failed(code=64), False),
        (running(), False),
        (succeeded(), False),
    ],
)
def test_is_crash(pod: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert is_crash(pod) is expected


TWICE = "The trainer crashed after step 210 of epoch 3, each of the last 2 times. "


@pytest.mark.parametrize(
    ("pods", "reason", "begins"),
    [
        ((killed("a"),), "Crashed", "The trainer"),
        ((killed("a"), killed("b")), "RepeatedCrash", TWICE + "The trainer was killed by SIGKILL"),
        ((killed("a", place=(0, 1)), killed("b"), killed("c")), "RepeatedCrash", TWICE),
        ((killed("a"), killed("b", place=(2, 211))), "Crashed", "The trainer"),
        ((killed("a"), killed("b", place=(1, 1)), killed("c")), "Crashed", "The trainer"),
        ((killed("a", place=None), killed("b", place=None)), "Crashed", "The trainer"),
        ((failed("a"), failed("b")), "Crashed", "The trainer"),
        ((killed("a"), disrupted(killed("b")), killed("c")), "RepeatedCrash", TWICE),
        ((killed("a"), killed("b", 143), killed("c")), "RepeatedCrash", TWICE),
        ((killed("a"), disrupted(killed("b"))), "EvictionByEvictionAPI", "Eviction"),
        ((killed("a"), killed("b", 143)), "Terminated", "The trainer stopped"),
        ((killed("a"), killed("b"), running("c")), "RepeatedCrash", TWICE),
        ((killed("a"), killed("b", reason="OOMKilled")), "OutOfMemory", TWICE + "The trainer was killed after step"),
        (
            tuple(failed(name, 75, termination("Hanging", "no step", None, (2, 210))) for name in "ab"),
            "Hanging",
            TWICE + "no step",
        ),
        ((killed("a"), failed("b", 65, termination("NonFiniteLoss", "nan", None, (2, 210)))), "NonFiniteLoss", "nan"),
    ],
)
def test_repeated_crash(pods: tuple[Any, ...], reason: str, begins: str) -> None:
    cause = required(last_failure(pods))
    assert cause.reason == reason
    assert cause.message.startswith(begins)


def test_message_of_out_of_memory() -> None:
    cause = required(pod_failure(killed(reason="OOMKilled", last=report(peakMemory=4123456789))))
    assert cause.message == (
        "The trainer was killed after step 210 of epoch 3, because it used too much memory: its limit is 4Gi "
        "(spec.resources.limits.memory), and its last measured use was 3.84 GiB."
    )


def test_out_of_memory_at_the_start_names_the_minimum() -> None:
    least = f"A trainer needs {MIN_MEMORY_BYTES // 2**20} MiB before it reads any data."
    for one, says in ((failed(code=137, reason="OOMKilled"), True), (killed(reason="OOMKilled", place=None), False)):
        assert required(pod_failure(one)).message.endswith(least) == says


TOLD = termination("OutOfMemory", "Keras takes 282 MiB alone.")
DEFAULT = "a default of the namespace, from a LimitRange"


@pytest.mark.parametrize(
    ("pod", "reason", "message"),
    [
        (failed(code=137, reason="OOMKilled"), "MemoryLimitTooLow", f"its limit is 200Mi ({DEFAULT})"),
        (failed(code=64, message=TOLD), "MemoryLimitTooLow", f"Keras takes 282 MiB alone. The limit is {DEFAULT}."),
    ],
)
def test_default_memory_limit_is_attributed_to_the_limit_range(pod: dict[str, Any], reason: str, message: str) -> None:
    cause = required(pod_failure(limited_by_default(pod, "200Mi")))
    assert cause.reason == reason
    assert effect(cause.reason).fault == "User"
    assert message in cause.message
    enough = required(pod_failure(limited_by_default(pod, "4Gi")))
    assert (enough.reason, DEFAULT in enough.message) == ("OutOfMemory", True)


def test_no_last_failure() -> None:
    assert last_failure(()) is None
    assert last_failure((running(), succeeded("b"))) is None


def test_failure_target_means_last_pod() -> None:
    assert is_last_pod(child(conditions=[true("FailureTarget", "PodFailurePolicy")]), (failed(),))


def test_last_report() -> None:
    first = failed("a", message=termination("Crashed", "", report(attempt=1, sequence=90)))
    second = succeeded("b", message=termination("Completed", "", report(attempt=2, sequence=3)))
    found = required(last_report((second, first, running("c"), failed("d", message="no JSON"))))
    assert (found[0].order, *found[1:]) == ((2, 3), at(-10), second["metadata"]["creationTimestamp"])
    assert last_report((running(), failed())) is None
