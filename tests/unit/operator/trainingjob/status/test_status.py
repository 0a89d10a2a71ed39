"""The status fields of the leader, derived from the children and the previous status."""

from typing import Any

import pytest
from epochal_api.trainingjob.status import Status
from epochal_operator.runtime.conditions import is_true
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.status.predicates import is_finished
from epochal_operator.trainingjob.status.status import (
    derive_status,
    leader_fields,
    reported_fields,
    status_of_refused_spec,
)

from tests.unit.operator.objects import (
    COMPLETE,
    FAILED,
    KINDS,
    NOW,
    SPEC,
    SUSPENDED,
    at,
    child,
    condition,
    failed,
    pod,
    report,
    running,
    seen,
    succeeded,
    termination,
    training_job,
    true,
    waits,
)


def test_completion_time_is_that_of_the_job() -> None:
    before = derive_status(training_job(), seen(child(startTime=at(-900)), running()))
    late = training_job(activeDeadlineSeconds=60)
    over = child(late, conditions=[true("Failed", "DeadlineExceeded", since=-840)])
    result = derive_status(training_job(before, activeDeadlineSeconds=60), seen(over))
    assert (result.state, result.completion_time) == ("Failed", at(-840))
    end = condition(result, "Failed")
    assert (end.status, end.reason) == ("True", "DeadlineExceeded")


def test_status_of_a_running_job() -> None:
    limits = {"limits": {"nvidia.com/gpu": 2}}
    job = training_job(generation=4, resources=limits)
    result = derive_status(job, seen(child(startTime=at(-60)), running()))
    assert (result.observed_generation, result.job_name, result.gpus) == (4, "digits", 2)
    assert (result.start_time, result.completion_time, result.attempt) == (at(-50), None, 1)
    assert {one.observed_generation for one in result.conditions or []} == {4}


@pytest.mark.parametrize(
    ("before", "observed", "start"),
    [
        ({}, seen(child()), None),
        ({}, seen(child(startTime=at(-60))), None),
        ({}, seen(child(startTime=at(-60)), pod()), None),
        ({}, seen(child(startTime=at(-60)), waits("ImagePullBackOff")), None),
        ({}, seen(child(startTime=at(-60)), running()), at(-50)),
        ({}, seen(child(startTime=at(-60), failed=1)), at(-60)),
        ({}, seen(child(failed=1)), at(0)),
        ({}, seen(child(startTime=at(-60), failed=1), failed(reason="StartError")), None),
        ({"startTime": at(-900)}, seen(child(startTime=at(-60)), running()), at(-900)),
        ({"progress": {"attempt": 1, "lastReportTime": at(-7)}}, seen(child(startTime=at(-60))), at(-7)),
        ({}, seen(child(startTime=at(-60), conditions=[true("Failed", "DeadlineExceeded")])), at(-60)),
        ({}, seen(child(conditions=[true("Failed", "DeadlineExceeded", since=-3)])), at(-3)),
    ],
)
def test_start_time(before: Any, observed: Any, start: Any) -> None:
    assert derive_status(training_job(before), observed).start_time == start


def test_first_start_time_is_kept() -> None:
    result = derive_status(training_job({"startTime": at(-900)}), seen(child(startTime=at(-60)), running()))
    assert result.start_time == at(-900)


@pytest.mark.parametrize(
    ("before", "pods", "attempt"),
    [
        ({}, (), None),
        ({}, (pod(),), None),
        ({}, (running(),), 1),
        ({}, (failed("a", age=90), running("b")), 2),
        ({"attempt": 5}, (running(),), 5),
        ({"progress": {"attempt": 3}}, (running(),), 3),
    ],
)
def test_attempt_never_decreases(before: dict[str, Any], pods: tuple[Any, ...], attempt: int | None) -> None:
    assert derive_status(training_job(before), seen(child(), *pods)).attempt == attempt


@pytest.mark.parametrize("end", [COMPLETE, FAILED])
@pytest.mark.parametrize("after", [None, child(), child(SUSPENDED)])
def test_finished_status_is_kept(end: dict[str, Any], after: dict[str, Any] | None) -> None:
    done = derive_status(training_job(), seen(end, failed()))
    again = derive_status(training_job(done, generation=1, suspend=True), seen(after, running()))
    assert again == done


def test_finished_job_observes_new_generations() -> None:
    done = derive_status(training_job(), seen(COMPLETE, succeeded()))
    again = derive_status(training_job(done, generation=2, ttlSecondsAfterFinished=5), seen(COMPLETE, succeeded()))
    assert again.observed_generation == 2
    assert {one.observed_generation for one in again.conditions or []} == {2}
    assert again.completion_time == done.completion_time


def test_failure_reason_is_that_of_the_trainer() -> None:
    words = termination("LabelsOutOfRange", "labels reach 10, the last layer has 10 units")
    result = derive_status(training_job(), seen(FAILED, failed(code=65, message=words)))
    failed_condition = condition(result, "Failed")
    assert failed_condition.reason == "LabelsOutOfRange"
    assert failed_condition.message == "labels reach 10, the last layer has 10 units"


def test_refused_spec_is_failed_until_it_changes() -> None:
    job = training_job(generation=3)
    result = status_of_refused_spec(job.metadata, Status(), "spec.network: no", NOW)
    assert {kind for kind in KINDS if is_true(result.conditions, kind)} == {"Stalled", "Failed", "Finished"}
    assert (result.state, result.completion_time) == ("Failed", at(0))
    assert status_of_refused_spec(job.metadata, result, "spec.network: no", NOW.replace(hour=13)) == result
    assert not is_finished(result)
    healed = derive_status(training_job(result, generation=4), seen(child()))
    assert (healed.state, healed.completion_time) == ("Queued", None)
    assert not is_true(healed.conditions, "Failed")
    assert not is_true(healed.conditions, "Finished")


FIRST = {"name": "first", "uri": "s3://results/vision/first/1/"}


@pytest.mark.parametrize(
    ("source", "spec_ignored", "kept"),
    [
        ({"name": "first"}, False, True),
        ({"name": "other"}, False, False),
        ({"uri": "s3://results/elsewhere"}, False, False),
        (None, False, False),
        ({"name": "other"}, True, True),
    ],
)
def test_results_of_the_predecessor_are_kept_while_the_spec_names_it(
    source: Any,
    spec_ignored: bool,  # noqa: FBT001
    kept: bool,  # noqa: FBT001
) -> None:
    """After a late change of the spec, the results of the trained spec stay."""
    job = training_job({"continuedFrom": FIRST}, training=SPEC["training"] | {"continueFrom": source})
    found = derive_status(job, seen(child(), spec_ignored=spec_ignored)).continued_from
    assert (found is not None) is kept


def test_leader_fields_and_reported_fields_are_disjoint() -> None:
    whole = Status(
        **dict(derive_status(training_job(), seen(child(), running()))) | dict(reported_status(report(), NOW))
    )
    assert Status(**dict(leader_fields(whole)) | dict(reported_fields(whole))) == whole
    assert leader_fields(whole).progress is None
