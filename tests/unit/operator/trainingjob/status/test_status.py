"""The status is derived: from the children, and from what cannot be seen any more."""

from typing import Any

import pytest
from epochal_api.trainingjob.status import Status
from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.status.predicates import finished
from epochal_operator.trainingjob.status.status import leaders_part, refused, reports_part, status

from tests.unit.operator.objects import (
    COMPLETE,
    FAILED,
    KINDS,
    NOW,
    SPEC,
    SUSPENDED,
    at,
    child,
    failed,
    last_words,
    pod,
    report,
    running,
    seen,
    succeeded,
    training_job,
    true,
    waits,
)


def test_what_ended_while_the_operator_was_away_ended_when_its_job_says() -> None:
    before = status(training_job(), seen(child(startTime=at(-900)), running()))
    late = training_job(activeDeadlineSeconds=60)
    over = child(late, conditions=[true("Failed", "DeadlineExceeded", since=-840)])
    result = status(training_job(before, activeDeadlineSeconds=60), seen(over))
    assert (result.state, result.completion_time) == ("Failed", at(-840))
    end = get_condition(result.conditions, "Failed")
    assert end is not None
    assert (end.status, end.reason) == ("True", "DeadlineExceeded")


def test_who_is_who_and_when() -> None:
    limits = {"limits": {"nvidia.com/gpu": 2}}
    job = training_job(generation=4, resources=limits)
    result = status(job, seen(child(startTime=at(-60)), running()))
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
def test_it_has_started_when_a_container_has_run_or_all_is_over(before: Any, observed: Any, start: Any) -> None:
    assert status(training_job(before), observed).start_time == start


def test_the_first_start_is_remembered() -> None:
    result = status(training_job({"startTime": at(-900)}), seen(child(startTime=at(-60)), running()))
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
def test_attempts_are_never_counted_down(before: dict[str, Any], pods: tuple[Any, ...], attempt: int | None) -> None:
    assert status(training_job(before), seen(child(), *pods)).attempt == attempt


@pytest.mark.parametrize("end", [COMPLETE, FAILED])
@pytest.mark.parametrize("after", [None, child(), child(SUSPENDED)])
def test_what_has_finished_stays_so(end: dict[str, Any], after: dict[str, Any] | None) -> None:
    done = status(training_job(), seen(end, failed()))
    again = status(training_job(done, generation=1, suspend=True), seen(after, running()))
    assert again == done


def test_a_finished_job_follows_the_generation_only() -> None:
    done = status(training_job(), seen(COMPLETE, succeeded()))
    again = status(training_job(done, generation=2, ttlSecondsAfterFinished=5), seen(COMPLETE, succeeded()))
    assert again.observed_generation == 2
    assert {one.observed_generation for one in again.conditions or []} == {2}
    assert again.completion_time == done.completion_time


def test_the_reason_of_a_failure_is_what_the_trainer_said() -> None:
    words = last_words("LabelsOutOfRange", "labels reach 10, the last layer has 10 units")
    result = status(training_job(), seen(FAILED, failed(code=65, message=words)))
    condition = get_condition(result.conditions, "Failed")
    assert condition is not None
    assert condition.reason == "LabelsOutOfRange"
    assert condition.message == "labels reach 10, the last layer has 10 units"


def test_a_refused_spec_has_failed_until_it_changes() -> None:
    job = training_job(generation=3)
    result = refused(job.metadata, Status(), "spec.network: no", NOW)
    assert {kind for kind in KINDS if is_true(result.conditions, kind)} == {"Stalled", "Failed", "Finished"}
    assert (result.state, result.completion_time) == ("Failed", at(0))
    assert refused(job.metadata, result, "spec.network: no", NOW.replace(hour=13)) == result
    assert not finished(result)
    healed = status(training_job(result, generation=4), seen(child()))
    assert (healed.state, healed.completion_time) == ("Queued", None)
    assert not is_true(healed.conditions, "Failed")
    assert not is_true(healed.conditions, "Finished")


FIRST = {"name": "first", "uri": "s3://results/vision/first/1/"}


@pytest.mark.parametrize(
    ("source", "overtaken", "kept"),
    [
        ({"name": "first"}, False, True),
        ({"name": "other"}, False, False),
        ({"uri": "s3://results/elsewhere"}, False, False),
        (None, False, False),
        ({"name": "other"}, True, True),
    ],
)
def test_what_it_goes_on_from_is_remembered_while_the_spec_names_it(
    source: Any,
    overtaken: bool,  # noqa: FBT001
    kept: bool,  # noqa: FBT001
) -> None:
    """One whose spec was changed too late goes on as it began."""
    job = training_job({"continuedFrom": FIRST}, training=SPEC["training"] | {"continueFrom": source})
    found = status(job, seen(child(), overtaken=overtaken)).continued_from
    assert (found is not None) is kept


def test_the_two_parts_of_a_status_make_the_whole() -> None:
    whole = Status(**dict(status(training_job(), seen(child(), running()))) | dict(reported_status(report(), NOW)))
    assert Status(**dict(leaders_part(whole)) | dict(reports_part(whole))) == whole
    assert leaders_part(whole).progress is None
