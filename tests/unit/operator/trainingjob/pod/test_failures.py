"""How pods failed, which failures are crashes, where they crashed, and how the Job ended."""

from typing import Any

import pytest
from epochal_api.pod import LEAST_MEMORY
from epochal_operator.trainingjob.pod.failures import (
    is_crash,
    job_end,
    pod_failure,
    last_failure,
    last_report,
    is_last_pod,
)
from epochal_operator.trainingjob.reasons import effect

from tests.unit.operator.objects import (
    at,
    child,
    disrupted,
    failed,
    going,
    killed,
    last_words,
    pod,
    report,
    running,
    succeeded,
    training_job,
    true,
    without_container,
)


def evicted(message: str) -> dict[str, Any]:
    """Returns a pod whose trainer the kubelet killed for a limit of the pod's own."""
    one: dict[str, Any] = killed(code=137)
    one["status"] |= {"reason": "Evicted", "message": message}
    return one


def unlimited(one: dict[str, Any]) -> dict[str, Any]:
    one["spec"]["containers"][0]["resources"] = {}
    return one


def limited_by_default(one: dict[str, Any], memory: str) -> dict[str, Any]:
    """Returns a pod whose memory a LimitRange has limited."""
    said = "LimitRanger plugin set: memory request for container trainer; memory limit for container trainer"
    limits = {"resources": {"limits": {"memory": memory}}}
    containers = [container | limits for container in one["spec"]["containers"]]
    metadata = one["metadata"] | {"annotations": {"kubernetes.io/limit-ranger": said}}
    return one | {"metadata": metadata, "spec": one["spec"] | {"containers": containers}}


@pytest.mark.parametrize(
    ("one", "reason", "message"),
    [
        (failed(code=64, message=last_words("InvalidNetwork", "layer 3: no")), "InvalidNetwork", "layer 3: no"),
        (failed(code=137, reason="OOMKilled"), "OutOfMemory", "its limit is 4Gi (spec.resources.limits.memory)"),
        (
            failed(code=139, message="Segmentation fault\n"),
            "Crashed",
            "killed by SIGSEGV (exit code 139). The end of its log:\nSegmentation fault",
        ),
        (failed(code=1), "Crashed", "ended with exit code 1. It left no message."),
        (failed(code=128, reason="StartError", message="no such file"), "Crashed", "128. StartError: no such file"),
        (killed(code=137), "Crashed", "was killed by SIGKILL (exit code 137) after step 210 of epoch 3. What it wrote"),
        (killed(code=139, place=(2, 0)), "Crashed", "by SIGSEGV (exit code 139) at the start of epoch 3. What"),
        (killed(code=134, place=None), "Crashed", "SIGABRT (exit code 134). What it wrote last: kubectl logs digits-1"),
        (killed(code=1), "Crashed", "ended with exit code 1 after step 210 of epoch 3."),
        (killed(code=255), "Crashed", "ended with exit code 255 after step 210"),
        (failed(code=1, message=last_words("Completed", "done")), "Crashed", "kubectl logs digits-1"),
        (failed(code=75, message=last_words("Hanging", "no step for 600 s")), "Hanging", "no step for 600 s"),
        (
            killed(reason="OOMKilled", last=report(peakMemory=4123456789)),
            "OutOfMemory",
            "(spec.resources.limits.memory), and it had taken 3.84 GiB when that was last looked at.",
        ),
        (killed(reason="OOMKilled", last=report(peakMemory=123456789)), "OutOfMemory", "taken 118 MiB when"),
        (
            unlimited(failed(code=137, reason="OOMKilled")),
            "OutOfMemory",
            "killed, because it took too much memory: its node",
        ),
        (failed(code=143, message=last_words("Terminated", "told")), "Terminated", "The trainer was told to stop."),
        (killed(code=143), "Terminated", "The trainer was told to stop."),
        (disrupted(killed(code=137)), "EvictionByEvictionAPI", "Eviction API: evicting"),
        (disrupted(failed(code=65, message=last_words("ShapeMismatch", "no"))), "ShapeMismatch", "no"),
        (
            disrupted(without_container("Terminated", "Pod was terminated in response to imminent node shutdown.")),
            "EvictionByEvictionAPI",
            "Eviction API: evicting",
        ),
        (going(failed(code=143, message=last_words("Terminated"))), "Interrupted", "Its pod was deleted."),
        (disrupted(failed(code=143)), "EvictionByEvictionAPI", "Eviction API: evicting"),
        (going(failed(code=137)), "Interrupted", "Its pod was deleted."),
        (
            evicted('Usage of EmptyDir volume "scratch" exceeds the limit "256Gi". '),
            "ScratchFull",
            'Usage of EmptyDir volume "scratch" exceeds the limit "256Gi". Use less data, or a higher limit',
        ),
        (without_container("Evicted", "The node was low on memory."), "Evicted", "The node was low on memory."),
        (without_container("", ""), "PodFailed", "The pod failed."),
    ],
)
def test_why_a_pod_failed(one: dict[str, Any], reason: str, message: str) -> None:
    cause = pod_failure(one)
    assert cause is not None
    assert cause.reason == reason
    assert message in cause.message


@pytest.mark.parametrize("one", [pod(), running(), succeeded()])
def test_a_pod_that_has_not_failed(one: dict[str, Any]) -> None:
    assert pod_failure(one) is None


def test_what_a_log_says_last_is_kept_without_control_characters() -> None:
    cause = pod_failure(failed(message="x" * 9000 + "\x1b[31mred\x07\nlast\tline\u202e\u2028.\u200b"))
    assert cause is not None
    assert cause.message.endswith(" [31mred \nlast\tline  .")
    assert len(cause.message) < 4200


def test_how_a_job_completed() -> None:
    end = job_end(child(conditions=[true("Complete", since=-5)], completionTime=at(-6)), (succeeded(),))
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
        (
            "BackoffLimitExceeded",
            (killed("a", age=90), killed("b")),
            ("RepeatedCrash", "It crashed after step 210 of epoch 3, each of the last 2 times. The trainer was killed"),
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
    end = job_end(job, pods)
    assert end is not None
    assert (end.kind, end.time) == ("Failed", at(-4))
    assert end.cause.reason == expected[0]
    assert expected[1] in end.cause.message


@pytest.mark.parametrize("status", [{}, {"conditions": [true("FailureTarget")]}, {"conditions": [true("Suspended")]}])
def test_a_job_that_has_not_ended(status: dict[str, Any]) -> None:
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
def test_whether_another_pod_follows(limit: int, pods: tuple[Any, ...], expected: bool) -> None:  # noqa: FBT001
    assert is_last_pod(child(training_job(backoffLimit=limit)), pods) is expected


@pytest.mark.parametrize(("counted", "expected"), [(1, False), (2, False), (3, True)])
def test_crashes_of_pods_that_are_gone_count(counted: int, expected: bool) -> None:  # noqa: FBT001
    assert is_last_pod(child(training_job(backoffLimit=2), failed=counted), (failed(),)) is expected


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (failed(), True),
        (killed(), True),
        (failed(code=75, message=last_words("Hanging")), True),
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
def test_what_counts_as_a_crash(one: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert is_crash(one) is expected


TWICE = "It crashed after step 210 of epoch 3, each of the last 2 times. "


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
        ((killed("a"), killed("b", 143)), "Terminated", "The trainer was told"),
        ((killed("a"), killed("b"), running("c")), "RepeatedCrash", TWICE),
        ((killed("a"), killed("b", reason="OOMKilled")), "OutOfMemory", TWICE + "The trainer was killed after step"),
        (
            tuple(failed(name, 75, last_words("Hanging", "no step", None, (2, 210))) for name in "ab"),
            "Hanging",
            TWICE + "no step",
        ),
        (
            (killed("a"), failed("b", 65, last_words("NonFiniteLoss", "nan", None, (2, 210)))),
            "NonFiniteLoss",
            "nan",
        ),
    ],
)
def test_a_crash_at_the_same_place_again_is_named_as_such(pods: tuple[Any, ...], reason: str, begins: str) -> None:
    cause = last_failure(pods)
    assert cause is not None
    assert cause.reason == reason
    assert cause.message.startswith(begins)


def test_a_lack_of_memory_says_where_how_much_there_may_be_and_how_much_there_was() -> None:
    cause = pod_failure(killed(reason="OOMKilled", last=report(peakMemory=4123456789)))
    assert cause is not None
    assert cause.message == (
        "The trainer was killed after step 210 of epoch 3, because it took too much memory: its limit is 4Gi "
        "(spec.resources.limits.memory), and it had taken 3.84 GiB when that was last looked at."
    )


def test_who_is_killed_for_memory_before_any_word_is_told_what_it_takes_to_begin() -> None:
    least = f"It was killed as it began, and takes {LEAST_MEMORY // 2**20} MiB before it reads any data."
    for one, says in ((failed(code=137, reason="OOMKilled"), True), (killed(reason="OOMKilled", place=None), False)):
        cause = pod_failure(one)
        assert cause is not None
        assert cause.message.endswith(least) == says


TOLD = last_words("OutOfMemory", "Keras takes 282 MiB alone.")
DEFAULT = "a default of the namespace, a LimitRange, since the spec names none"


@pytest.mark.parametrize(
    ("one", "reason", "message"),
    [
        (failed(code=137, reason="OOMKilled"), "MemoryLimitTooLow", f"its limit is 200Mi ({DEFAULT})"),
        (failed(code=64, message=TOLD), "MemoryLimitTooLow", f"Keras takes 282 MiB alone. The limit is {DEFAULT}."),
    ],
)
def test_a_limit_that_nobody_wrote_into_the_spec_is_not_said_to_be_of_it(
    one: dict[str, Any], reason: str, message: str
) -> None:
    cause = pod_failure(limited_by_default(one, "200Mi"))
    assert cause is not None
    assert cause.reason == reason
    assert effect(cause.reason).fault == "User"
    assert message in cause.message
    enough = pod_failure(limited_by_default(one, "4Gi"))
    assert enough is not None
    assert (enough.reason, DEFAULT in enough.message) == ("OutOfMemory", True)


def test_nothing_failed() -> None:
    assert last_failure(()) is None
    assert last_failure((running(), succeeded("b"))) is None


def test_the_job_itself_knows_that_no_pod_follows() -> None:
    assert is_last_pod(child(conditions=[true("FailureTarget", "PodFailurePolicy")]), (failed(),))


def test_the_latest_report_that_was_left_counts() -> None:
    first = failed("a", message=last_words("Crashed", "", report(attempt=1, sequence=90)))
    second = succeeded("b", message=last_words("Completed", "", report(attempt=2, sequence=3)))
    found = last_report((second, first, running("c"), failed("d", message="no JSON")))
    assert found is not None
    assert (found[0].order, found[1]) == ((2, 3), at(-10))
    assert last_report((running(), failed())) is None
