"""The time of each report, and the trials whose checkpoints are dropped."""

from datetime import timedelta
from typing import Any

import pytest
from epochal_operator.experiment.actions import CreateReport, DeleteReport
from epochal_operator.experiment.ledger.events import CheckpointsUnneeded, Event
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.report.plan import (
    drop_events,
    drop_events_of_report,
    format_dropped,
    next_report_step,
)
from epochal_operator.experiment.trial import Trial

from tests.unit.operator.experiment.searches import created, diverged, failed, finished, ledger, spec, trial
from tests.unit.operator.objects import NOW, at

EVENTS: list[Event] = [created(0), created(1), finished(0, "0.5"), finished(1, "0.6")]


def report(known: int, condition: str = "Complete", *, age: float = 0) -> Any:
    conditions = [{"type": condition, "status": "True"}] if condition else []
    metadata = {
        "name": "search-report",
        "annotations": {"epochal.dev/known": str(known)},
        "creationTimestamp": at(-age),
    }
    return {"metadata": metadata, "status": {"conditions": conditions}}


def step(events: list[Event], job: Any = None, *, ended: bool = False, end: float | None = None, **changes: Any) -> Any:
    observed = Observed(NOW, ledger(events), trials=apply_events(events), report=job)
    over = NOW + timedelta(seconds=end) if end is not None else None
    return next_report_step(spec(**changes), observed, is_finished=ended, is_complete=ended, end=over)


@pytest.mark.parametrize(
    ("events", "job", "expected"),
    [
        (EVENTS[:2], None, None),
        (EVENTS, None, CreateReport(4)),
        (EVENTS, report(4), None),
        (EVENTS, report(3, ""), None),  # the Job is running
        (EVENTS, report(3, age=20), 40.0),
        (EVENTS, report(3, age=60), DeleteReport(report(3, age=60))),
        (EVENTS, report(3, "Failed", age=60), 540.0),
        (EVENTS, report(3, "Failed", age=600), DeleteReport(report(3, "Failed", age=600))),
        (EVENTS, report(4, "Failed", age=600), None),  # no new events
        ([*EVENTS, created(2), finished(2, "0.4")], report(4, age=60), None),  # no new best trial
        ([*EVENTS, created(2), finished(2, "0.7")], report(4, age=60), DeleteReport(report(4, age=60))),
        (EVENTS, report(4) | {"metadata": {"creationTimestamp": at(-60)}}, "delete"),
    ],
)
def test_next_step_while_the_search_runs(events: list[Event], job: Any, expected: Any) -> None:
    found = step(events, job)
    assert found == (DeleteReport(job) if expected == "delete" else expected)


@pytest.mark.parametrize(("known", "expected"), [(6, None), (5, "delete")])
def test_the_end_reports_all_events(known: int, expected: str | None) -> None:
    events = [*EVENTS, created(2), finished(2, "0.4")]
    job = report(known, age=60)
    assert step(events, job, ended=True) == (DeleteReport(job) if expected else None)


@pytest.mark.parametrize(
    ("age", "end", "expected"),
    [
        (60, -50, 540.0),  # before the end
        (60, -60, 540.0),
        (600, -600, "delete"),
        (60, -3660, 3540.0),  # an hour after the end, the same delay
        (3600, -7200, "delete"),
        (60, -86_000, 86_000.0 - 60 - 60),
        (60, -87_000, None),  # a day after the end
        (900_000, -987_000, None),
        (60, None, 540.0),
    ],
)
def test_failed_reports_are_retried_with_backoff_for_a_day(age: float, end: float | None, expected: Any) -> None:
    job = report(4, "Failed", age=age)
    assert step(EVENTS, job, ended=True, end=end, retain="All") == (
        DeleteReport(job) if expected == "delete" else expected
    )
    later = [*EVENTS, created(2), failed(2)]
    assert step(later, job, ended=True, end=end, retain="All") is not None, "new events are reported"


def test_a_search_without_a_best_trial_is_reported_at_the_end() -> None:
    events = [created(0), failed(0), created(1), diverged(1)]
    assert step(events) is None
    assert step(events, ended=True) == (CheckpointsUnneeded(0), CheckpointsUnneeded(1))
    assert step([*events, CheckpointsUnneeded(0), CheckpointsUnneeded(1)], ended=True) == CreateReport(6)
    assert step(events, report(4), ended=True, retain="All") is None
    assert step([], ended=True) is None, "no trials to report"


def test_a_terminating_report_job_blocks_the_next() -> None:
    job = report(3, age=60)
    job["metadata"]["deletionTimestamp"] = at(0)
    assert step(EVENTS, job) is None


def test_trials_are_dropped_before_the_report() -> None:
    ended = [*EVENTS, created(2), failed(2)]
    assert step(ended) == (CheckpointsUnneeded(2),)
    assert step([*ended, CheckpointsUnneeded(2)]) == CreateReport(len(ended) + 1)
    assert step(ended, retain="All") == CreateReport(len(ended))


@pytest.mark.parametrize(
    ("text", "events", "expected"),
    [
        ("0,1", [], [0, 1]),
        ("0,1,7", [CheckpointsUnneeded(0)], [1]),
        ("", [], []),
        ("1" * 9999 + ",x,1", [], [1]),
    ],
)
def test_drop_events_of_the_report_job(text: str, events: list[Event], expected: list[int]) -> None:
    job = report(4)
    job["metadata"]["annotations"]["epochal.dev/given-up"] = text
    found = Observed(NOW, trials=apply_events([*EVENTS, *events]), report=job)
    assert drop_events_of_report(found) == tuple(map(CheckpointsUnneeded, expected))
    assert (
        drop_events_of_report(Observed(NOW, trials=apply_events(EVENTS)))
        == drop_events_of_report(Observed(NOW, report=report(4)))
        == ()
    )


def test_format_dropped() -> None:
    assert format_dropped([trial(0, dropped=True), trial(1), trial(2, dropped=True)]) == "0,2"


@pytest.mark.parametrize(
    ("trials", "complete", "expected"),
    [
        ([trial(1, 0.5), trial(2, 0.6)], False, []),  # both may be promoted
        ([trial(1, 0.5), trial(2, 0.6)], True, [1]),
        # Promotable trials and trial 0 are kept.
        ([trial(0, 0.1), *(trial(number, number / 10) for number in range(1, 8))], True, [1, 2, 3, 4, 5]),
        ([trial(1, 0.5, 0.6, 0.7), trial(2, 0.1, 0.2, 0.3)], False, [2]),
        ([trial(1, 0.5), trial(2)], True, []),
        ([trial(1, state="Failed"), trial(2, state="Diverged"), trial(3)], False, [1, 2]),
        ([trial(1, 0.9, state="Failed"), trial(2, 0.5)], False, []),  # the best trial, although it has failed
        ([trial(1, 0.9, state="Diverged"), trial(2, 0.1, 0.2, 0.3)], False, [2]),
        # The best trial may become worse; then the best finished trial is the best.
        ([trial(1, 0.9), trial(2, 0.1, 0.2, 0.3), trial(3, 0.2, 0.3, 0.4)], False, [2]),
        ([trial(1, 0.9, state="Running"), trial(2, 0.1, 0.2, 0.3)], True, []),
        ([trial(1, 0.5, dropped=True), trial(2, 0.6)], True, []),
    ],
)
def test_drop_events(trials: list[Trial], complete: bool, expected: list[int]) -> None:  # noqa: FBT001
    assert drop_events(spec(), trials, is_complete=complete) == tuple(map(CheckpointsUnneeded, expected))


def test_a_diverged_trial_is_dropped() -> None:
    events = [*EVENTS, created(2), diverged(2)]
    assert step(events) == (CheckpointsUnneeded(2),)
