"""The observed children of a TrainingJob: missing pods, run times and ownership."""

from datetime import timedelta
from typing import Any

import pytest
from epochal_api.trainingjob.status import MAX_UNSTARTED, Status, UnstartedPods
from epochal_operator.trainingjob.job.observed import (
    Observed,
    PodRejection,
    first_run_time,
    lacks_ended_pods,
    orphan_pods,
    own_pods,
    rejection_message,
    seconds_since_last_pod,
    unstarted_pods,
)

from tests.unit.operator.objects import (
    NOW,
    UID,
    at,
    child,
    disrupted,
    failed,
    never_ran,
    pod,
    required,
    running,
    seen,
    training_job,
    true,
)

BEGUN: dict[str, Any] = {"startTime": at(-9)}


@pytest.mark.parametrize(
    ("observed", "seconds"),
    [
        (seen(), None),
        (seen(child()), None),
        (seen(child(**BEGUN)), 9),
        (seen(child(**BEGUN), running()), None),
        (seen(child(**BEGUN), failed(age=8)), 8),
        (seen(child(**BEGUN), failed(age=20)), 9),
        (seen(child(**BEGUN), failed(), running("digits-2")), None),
        (seen(child(**BEGUN), pod(phase="Succeeded")), None),
        (seen(child(training_job(suspend=True), **BEGUN)), None),
        (seen(child(**BEGUN, conditions=[true("Complete")])), None),
        (seen(child(**BEGUN, conditions=[true("Failed")])), None),
    ],
)
def test_seconds_without_pod(observed: Observed, seconds: float | None) -> None:
    assert seconds_since_last_pod(observed) == seconds


@pytest.mark.parametrize(
    ("last", "observed", "found"),
    [
        (None, seen(child(**BEGUN)), None),
        (PodRejection("quota", NOW), seen(child(**BEGUN)), "quota"),
        (PodRejection("quota", NOW), seen(child(startTime=at(-2))), None),
        (PodRejection("quota", NOW), seen(child(**BEGUN), running()), None),
        (PodRejection("quota", NOW), seen(child(**BEGUN), failed(age=60)), "quota"),
        (PodRejection("of the pod before", NOW - timedelta(seconds=61)), seen(child(**BEGUN), failed(age=60)), None),
        (PodRejection("quota", NOW - timedelta(seconds=599)), seen(child(startTime=at(-999))), "quota"),
        (PodRejection("long ago", NOW - timedelta(seconds=600)), seen(child(startTime=at(-999))), None),
    ],
)
def test_refusal_message(last: PodRejection | None, observed: Observed, found: str | None) -> None:
    assert rejection_message(last, observed) == found


@pytest.mark.parametrize(
    ("observed", "since"),
    [
        (seen(), None),
        (seen(child(**BEGUN, active=1)), None),
        (seen(child(**BEGUN), pod()), None),
        (seen(child(**BEGUN), running()), at(-50)),
        (seen(child(**BEGUN), failed("a", age=90), running("b")), at(-90)),
        (seen(child(**BEGUN), failed(reason="ContainerCannotRun")), None),
        (seen(child(**BEGUN), failed("a", reason="StartError"), running("b")), at(-50)),
        (seen(child(**BEGUN, failed=2), failed(reason="StartError")), at(-9)),
        (seen(child(**BEGUN, failed=1), disrupted(failed(reason="StartError"))), at(-9)),
        (seen(child(**BEGUN, succeeded=1)), at(-9)),
        (seen(child(**BEGUN, uncountedTerminatedPods={"failed": ["gone"]})), at(-9)),
        (seen(child(**BEGUN, uncountedTerminatedPods={"failed": ["uid-of-digits-1"]}), never_ran()), None),
        (seen(child(failed=1)), at(0)),
    ],
)
def test_first_run_time(observed: Observed, since: str | None) -> None:
    assert first_run_time(Status(), observed) == since


KNOWN = UnstartedPods(job_uid="job-uid", pods=["a"])


@pytest.mark.parametrize(
    ("job", "failures", "since"), [("job-uid", 1, None), ("job-uid", 2, at(-9)), ("another", 1, at(-9))]
)
def test_deleted_pods_that_never_ran_have_no_run_time(job: str, failures: int, since: str | None) -> None:
    gone = seen(child(uid=job, **BEGUN, failed=failures))
    assert first_run_time(Status(unstarted=KNOWN), gone) == since


def test_unstarted_pods() -> None:
    before = Status(unstarted=KNOWN)
    found = unstarted_pods(before, seen(child(), never_ran("b"), disrupted(never_ran("c")), failed("d"), pod("e")))
    assert found == UnstartedPods(job_uid="job-uid", pods=["a", "uid-of-b"])
    assert unstarted_pods(Status(unstarted=found), seen(child(), never_ran("b"))) == found
    assert unstarted_pods(before, seen(child(uid="another"), never_ran("b"))) == UnstartedPods(
        job_uid="another", pods=["uid-of-b"]
    )
    assert unstarted_pods(before, seen()) is None
    many = required(unstarted_pods(before, seen(child(), *(never_ran(str(number)) for number in range(99)))))
    assert len(many.pods) == MAX_UNSTARTED


ENDED = child(conditions=[true("Complete")])


@pytest.mark.parametrize(
    ("observed", "ahead"),
    [
        (seen(), False),
        (seen(child(), running()), False),
        (seen(ENDED, running()), True),
        (seen(ENDED), True),
        (seen(ENDED, failed("digits-0")), False),
        (seen(ENDED, failed("digits-0"), running()), True),
    ],
)
def test_lacks_ended_pods(observed: Observed, ahead: bool) -> None:  # noqa: FBT001
    assert lacks_ended_pods(observed) is ahead


def of(owner: str | None, pod: dict[str, Any], *, uid: str = UID) -> dict[str, Any]:
    """Returns a pod with another owner, or without owner, and with the labels of a TrainingJob."""
    references = [{"kind": "Job", "name": "digits", "uid": owner, "controller": True}] if owner else []
    labels = pod["metadata"]["labels"] | {"epochal.dev/trainingjob-uid": uid}
    return {**pod, "metadata": {**pod["metadata"], "ownerReferences": references, "labels": labels}}


@pytest.mark.parametrize(
    ("pod", "own", "orphan"),
    [
        (running(), True, False),
        (failed(), True, False),
        (of(None, running()), False, True),
        (of("earlier-job", running()), False, True),
        (of(None, failed()), False, False),
        (of(None, running(), uid="earlier"), False, False),
        (of("earlier-job", running(), uid="earlier"), False, False),
    ],
)
def test_only_the_owner_reference_makes_a_pod_the_jobs_own(pod: dict[str, Any], own: bool, orphan: bool) -> None:  # noqa: FBT001
    assert own_pods(child(), [pod]) == ((pod,) if own else ())
    assert orphan_pods(child(), [pod], UID) == ((pod,) if orphan else ())
    assert own_pods(None, [pod]) == ()


def test_owner_reference_without_controller_does_not_count() -> None:
    one = running()
    one["metadata"]["ownerReferences"][0]["controller"] = False
    assert own_pods(child(), [one]) == ()
