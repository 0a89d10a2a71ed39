"""Requeues of a TrainingJob for causes that no watch reports, and delayed status writes."""

from datetime import timedelta
from typing import Any

import pytest
from epochal_api.trainingjob.report import INTERVAL_SECONDS
from epochal_api.trainingjob.status import Status
from epochal_operator.runtime.actions import ApplyStatus, CreateChild, DeleteSelf
from epochal_operator.trainingjob.plan import Action, Plan, make_plan
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.status.requeue import STAGE_DELAY_SECONDS, START_DELAY_SECONDS
from epochal_operator.trainingjob.status.status import derive_status

from tests.unit.operator.objects import (
    COMPLETE,
    DOUBTFUL_LABELS,
    INSTALLATION,
    NO_SUCH_LABELS,
    NOW,
    at,
    child,
    deleting,
    failed,
    pod,
    report,
    running,
    seen,
    succeeded,
    training_job,
    true,
    unmatched,
    unready,
    unscheduled,
    waits,
)
from tests.unit.operator.planned import steps

STARTED = {"startTime": at(-60)}
DONE = derive_status(training_job(), seen(COMPLETE, succeeded()))
SOON = NOW + timedelta(seconds=8)


@pytest.mark.parametrize(
    ("reason", "seconds"),
    [
        ("NameConflict", 30),
        ("JobRejected", 60),
        ("Cleanup", 1),
        ("ContinueFromNotFound", None),
        ("ContinueFromUnfinished", None),
        ("ContinueFromFailed", None),
        ("ContinueFromCircular", 30),
    ],
)
def test_requeue_of_a_blocked_job(reason: Any, seconds: float | None) -> None:
    observed = seen(blocked=StatusCause(Reason(reason), "x"))
    first = make_plan(training_job(), observed, INSTALLATION)
    assert CreateChild not in [type(action) for action in first.actions]
    assert first.requeue_after == seconds
    before = derive_status(training_job(), observed)
    assert make_plan(training_job(before), observed, INSTALLATION).requeue_after == seconds


LACKS_NODE = unscheduled(NO_SUCH_LABELS, -3600)


@pytest.mark.parametrize(
    ("job", "observed", "seconds"),
    [
        *(
            (training_job(), seen(child(startTime=at(since)), *pods), seconds)
            for since, pods, seconds in (
                (0, (), 3.0),
                (-2, (), 1.0),
                (-3, (), None),
                (-900, (), None),
                (-900, (running(),), None),
            )
        ),
        (training_job(), seen(child(startTime=at(-900)), pod_rejection="quota"), 600),
        (training_job(), seen(child(), running()), None),
        (training_job(), seen(child(), deleting(running(), 60)), 75),
        (training_job(), seen(child(), deleting(running(), -15)), None),
        (training_job(), seen(child(), failed()), None),
        (training_job(), seen(child(), unready(-100)), 20),
        (training_job(), seen(child(), unready(-120)), None),
        (training_job(), seen(child(), unready(-500)), None),
        (unmatched(-100), seen(child(), LACKS_NODE), 800),
        (unmatched(-900), seen(child(), LACKS_NODE), None),
        (training_job(), seen(child(), unscheduled(DOUBTFUL_LABELS[0], -100)), 800),
        (unmatched(-100), seen(child(), unscheduled(DOUBTFUL_LABELS[0], -3600)), 800),
        (unmatched(-900), seen(child(), unscheduled(DOUBTFUL_LABELS[0], -3600)), None),
        (training_job(), seen(child(), unscheduled("no GPU", -100)), None),
        (training_job(), seen(child(), unscheduled("no GPU", -900)), None),
    ],
)
def test_requeue_of_a_job_without_a_running_pod(job: Any, observed: Any, seconds: float | None) -> None:
    assert make_plan(job, observed, INSTALLATION).requeue_after == seconds


def test_requeue_after_the_correction_backoff() -> None:
    conflict = StatusCause(Reason.FIELD_CONFLICT, "x")
    held = seen(child(), backoff_end=SOON, blocked=conflict)
    assert make_plan(training_job(suspend=True), held, INSTALLATION).requeue_after == 8
    before = derive_status(training_job(), held)
    assert make_plan(training_job(before), held, INSTALLATION).requeue_after == 8


@pytest.mark.parametrize(
    ("ttl", "after", "expected", "requeue"),
    [
        (None, 10**9, [], None),
        (60, 50, [], 7.0),
        (60, 57, [DeleteSelf], None),
        (0, 0, [DeleteSelf], None),
        (60, 10**7, [DeleteSelf], None),
    ],
)
def test_ttl_after_finished(ttl: int | None, after: int, expected: list[type[Action]], requeue: float | None) -> None:
    job = training_job(DONE, ttlSecondsAfterFinished=ttl)
    todo = make_plan(job, seen(COMPLETE, succeeded(), now=NOW + timedelta(seconds=after)), INSTALLATION)
    assert [type(action) for action in todo.actions] == expected
    assert todo.requeue_after == requeue


def test_ttl_does_not_delete_an_unfinished_job() -> None:
    job = training_job(STARTED, ttlSecondsAfterFinished=0)
    assert DeleteSelf not in steps(job, seen(child(), running()))


def made(age: float, **status: Any) -> dict[str, Any]:
    """Returns a Job of an age in seconds."""
    job = child(**status)
    job["metadata"]["creationTimestamp"] = at(-age)
    return job


def scheduled(pod: dict[str, Any], age: float) -> dict[str, Any]:
    """Returns a pod that got its node some seconds ago."""
    pod["status"]["conditions"] = [true("PodScheduled", since=-age)]
    return pod


@pytest.mark.parametrize("pods", [(), (pod(node=None),), (pod(),)], ids=["no pod", "no node", "starting"])
@pytest.mark.parametrize(
    ("age", "written"), [(0, False), (1, False), (-1, False), (START_DELAY_SECONDS, True), (60, True), (-60, True)]
)
def test_first_status_is_delayed_while_the_pod_starts(age: float, written: bool, pods: Any) -> None:  # noqa: FBT001
    found = make_plan(training_job(), seen(made(age), *pods), INSTALLATION)
    assert (ApplyStatus in [type(one) for one in found.actions]) is written
    if not written:
        assert found == Plan(requeue_after=START_DELAY_SECONDS - age)


@pytest.mark.parametrize(
    "observed",
    [
        seen(made(1), running()),
        seen(made(1), succeeded()),
        seen(made(1), failed()),
        seen(made(1), waits("ErrImagePull")),
        seen(made(1), unscheduled("0/1 nodes are available: 1 Insufficient cpu.")),
        seen(made(1) | COMPLETE, succeeded()),
        seen(made(1), blocked=StatusCause(Reason.JOB_REJECTED, "x")),
        seen(made(1), pod_rejection="exceeded quota"),
    ],
)
def test_other_first_status_is_written_at_once(observed: Any) -> None:
    found = make_plan(training_job(), observed, INSTALLATION)
    assert ApplyStatus in [type(one) for one in found.actions]


@pytest.mark.parametrize(
    ("ran", "reported", "stage", "attempt", "delay"),
    [
        (2, 1, "LoadingData", 1, START_DELAY_SECONDS - 2),
        (6, 1, "LoadingData", 1, STAGE_DELAY_SECONDS - 1),
        (6, STAGE_DELAY_SECONDS, "LoadingData", 1, None),
        (6, -2, "LoadingData", 1, None),  # by the clock of another replica
        (2, 1, None, 1, None),  # it trains
        (2, 1, "LoadingData", 2, None),  # of another pod
    ],
)
def test_short_stages_of_a_start_are_not_written(
    ran: float, reported: float, stage: str | None, attempt: int, delay: float | None
) -> None:
    trainer = pod(phase="Running", running={"startedAt": at(-ran)})
    before = derive_status(training_job(), seen(made(60), trainer))
    stages = report(stage="Loading" if stage else "Training", start_stage=stage, attempt=attempt)
    progress = reported_status(stages, NOW - timedelta(seconds=reported))
    job = training_job(Status(**dict(before) | dict(progress)))
    found = make_plan(job, seen(made(60), trainer), INSTALLATION)
    if delay is None:
        assert ApplyStatus in [type(action) for action in found.actions]
    else:
        assert found == Plan(requeue_after=delay)


def test_delay_of_a_stage_ends_before_the_next_report() -> None:
    assert STAGE_DELAY_SECONDS < INTERVAL_SECONDS


def test_resume_is_written_at_once() -> None:
    observed, suspended = seen(made(1), pod(node=None)), made(1)
    suspended["spec"]["suspend"] = True
    before = derive_status(training_job(suspend=True), seen(suspended))
    assert before.state == "Suspended"
    assert ApplyStatus in [type(one) for one in make_plan(training_job(before), observed, INSTALLATION).actions]


@pytest.mark.parametrize(
    ("pod", "held"),
    [
        (pod(node=None, age=1), 4.0),
        (pod(age=1), 4.0),
        (pod(age=60), None),
        (scheduled(pod(age=60), 2), 3.0),
        (running(age=1), None),
    ],
    ids=["new pod", "new pod with a node", "old pod", "node found", "running"],
)
def test_each_start_step_delays_the_next_status(pod: Any, held: float | None) -> None:
    queued = derive_status(training_job(), seen(made(60)))
    found = make_plan(training_job(queued), seen(made(60), pod), INSTALLATION)
    if held is None:
        assert ApplyStatus in [type(action) for action in found.actions]
    else:
        assert found == Plan(requeue_after=held)


def test_changed_spec_is_written_at_once() -> None:
    queued = derive_status(training_job(), seen(made(60)))
    found = make_plan(training_job(queued, generation=2), seen(made(60), pod(age=1)), INSTALLATION)
    assert ApplyStatus in [type(action) for action in found.actions]
