"""What is seen of a TrainingJob: what stands in its way, and what it lacks."""

from datetime import timedelta
from typing import Any

import pytest
from epochal_api.trainingjob.status import MAX_UNSTARTED, Status, UnstartedPods
from epochal_operator.trainingjob.job.observed import (
    Observed,
    Refused,
    first_run,
    is_ahead,
    lacks_pods,
    orphans,
    own_pods,
    refusal,
    unstarted,
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
def test_how_long_a_job_has_lacked_a_pod(observed: Observed, seconds: float | None) -> None:
    assert lacks_pods(observed) == seconds


@pytest.mark.parametrize(
    ("last", "observed", "found"),
    [
        (None, seen(child(**BEGUN)), None),
        (Refused("quota", NOW), seen(child(**BEGUN)), "quota"),
        (Refused("quota", NOW), seen(child(startTime=at(-2))), None),
        (Refused("quota", NOW), seen(child(**BEGUN), running()), None),
        (Refused("quota", NOW), seen(child(**BEGUN), failed(age=60)), "quota"),
        (Refused("of the pod before", NOW - timedelta(seconds=61)), seen(child(**BEGUN), failed(age=60)), None),
        (Refused("quota", NOW - timedelta(seconds=599)), seen(child(startTime=at(-999))), "quota"),
        (Refused("long ago", NOW - timedelta(seconds=600)), seen(child(startTime=at(-999))), None),
    ],
)
def test_why_a_pod_cannot_be_created(last: Refused | None, observed: Observed, found: str | None) -> None:
    assert refusal(last, observed) == found


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
def test_when_a_container_first_ran(observed: Observed, since: str | None) -> None:
    assert first_run(Status(), observed) == since


OF_BEFORE = UnstartedPods(job_uid="job-uid", pods=["a"])


@pytest.mark.parametrize(
    ("job", "failures", "since"),
    [("job-uid", 1, None), ("job-uid", 2, at(-9)), ("another", 1, at(-9))],
)
def test_pods_that_were_seen_to_end_without_a_container_have_not_run(
    job: str, failures: int, since: str | None
) -> None:
    gone = seen(child(uid=job, **BEGUN, failed=failures))
    assert first_run(Status(unstarted=OF_BEFORE), gone) == since


def test_which_pods_never_ran() -> None:
    before = Status(unstarted=OF_BEFORE)
    found = unstarted(before, seen(child(), never_ran("b"), disrupted(never_ran("c")), failed("d"), pod("e")))
    assert found == UnstartedPods(job_uid="job-uid", pods=["a", "uid-of-b"])
    assert unstarted(Status(unstarted=found), seen(child(), never_ran("b"))) == found
    assert unstarted(before, seen(child(uid="another"), never_ran("b"))) == UnstartedPods(
        job_uid="another", pods=["uid-of-b"]
    )
    assert unstarted(before, seen()) is None
    many = unstarted(before, seen(child(), *(never_ran(str(number)) for number in range(99))))
    assert many is not None
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
def test_a_job_whose_end_is_told_before_that_of_its_pod(observed: Observed, ahead: bool) -> None:  # noqa: FBT001
    assert is_ahead(observed) is ahead


def of(owner: str | None, one: dict[str, Any], *, uid: str = UID) -> dict[str, Any]:
    """Returns a pod that another object controls, or none does, with the labels of a TrainingJob of this uid."""
    references = [{"kind": "Job", "name": "digits", "uid": owner, "controller": True}] if owner else []
    labels = one["metadata"]["labels"] | {"epochal.dev/trainingjob-uid": uid}
    return {**one, "metadata": {**one["metadata"], "ownerReferences": references, "labels": labels}}


@pytest.mark.parametrize(
    ("one", "own", "orphan"),
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
def test_labels_make_no_pod_the_jobs_own(one: dict[str, Any], own: bool, orphan: bool) -> None:  # noqa: FBT001
    assert own_pods(child(), [one]) == ((one,) if own else ())
    assert orphans(child(), [one], UID) == ((one,) if orphan else ())
    assert own_pods(None, [one]) == ()


def test_a_pod_that_only_refers_to_the_job_is_not_controlled_by_it() -> None:
    one = running()
    one["metadata"]["ownerReferences"][0]["controller"] = False
    assert own_pods(child(), [one]) == ()
