"""The schedule of an Experiment's report, and the checkpoints that are deleted with it.

A Job writes the report, at most once a minute: after each new best trial, and at the end, even without a best trial.
The Job also deletes the checkpoints of the dropped trials in the ledger.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from epochal_api.experiment.spec import ExperimentSpec
from epochal_api.experiment.status import ExperimentStatus
from epochal_api.kind import GROUP

from epochal_operator.experiment.actions import CreateReport, DeleteReport
from epochal_operator.experiment.ledger.events import CheckpointsUnneeded, Event, Finished
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.schedule.pruning import promotions
from epochal_operator.experiment.state import completion_time, has_search_result
from epochal_operator.experiment.trial import Trial, rank_trials
from epochal_operator.experiment.trial_job import LEDGER_LENGTH_ANNOTATION
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of

UNNEEDED_CHECKPOINTS_ANNOTATION = f"{GROUP}/given-up"
"""Annotation of the report Job: the numbers of the trials whose checkpoints this or an earlier report Job deletes."""
MIN_INTERVAL = timedelta(seconds=60)
"""The shortest time between two reports."""
MIN_RETRY_DELAY = timedelta(minutes=10)
"""The shortest delay before a new Job replaces a failed report Job. After the end of the search, the delay grows with
the time since then."""
RETRY_PERIOD = timedelta(days=1)
"""The time after the end of the search during which a new Job replaces a failed report Job."""
QUEUE_WAIT = timedelta(minutes=10)
"""The time in a queue after which an Event reports that the report Job waits."""
_FINISHED = frozenset({"Complete", "Failed", "Diverged"})


def next_report_step(
    spec: ExperimentSpec, observed: Observed, *, is_finished: bool, is_complete: bool, end: datetime | None = None
) -> CreateReport | DeleteReport | tuple[CheckpointsUnneeded, ...] | float | None:
    """Return the next step for the report.

    Args:
        spec: The spec of the Experiment.
        observed: The observed state of the Experiment.
        is_finished: Whether the search has ended.
        is_complete: Whether the search has ended without a failure, so that no trial is promoted any more.
        end: The time at which the search ended; None if that is unknown.

    Returns:
        The action that creates or deletes the report Job; or the events to append to the ledger before the Job is
        created; or the seconds until the next step; or None if no report is due or the Job has not ended.
    """
    if not _is_due(spec, observed, is_finished=is_finished, end=end):
        return None
    job = observed.report
    if job is None:
        return drop_events(spec, observed.trials, is_complete=is_complete) or CreateReport(len(observed.ledger.events))
    if not _has_finished(job):
        return None
    created = _created(job)
    delay = retry_delay(created, end) or MIN_RETRY_DELAY if has_failed(job) else MIN_INTERVAL
    seconds = (created + delay - observed.now).total_seconds()
    return seconds if seconds > 0 else DeleteReport(job)


def retry_delay(failed: datetime, end: datetime | None) -> timedelta | None:
    """Return the delay between a failed report and its retry, or None if retries have stopped.

    Args:
        failed: The creation time of the failed report Job, or the time at which the API server refused it.
        end: The time at which the search ended; None while it continues.
    """
    since_end = failed - end if end is not None else timedelta()
    return max(MIN_RETRY_DELAY, since_end) if since_end < RETRY_PERIOD else None


def _is_due(spec: ExperimentSpec, observed: Observed, *, is_finished: bool, end: datetime | None) -> bool:
    """Return whether a report is due: the previous report lacks new results, or its Job failed and must be retried.

    Until the search `is_finished`, results are new only if the best trial has finished its last rung.
    """
    events, report = observed.ledger.events, observed.report
    unreported = events[_reported_events(report, len(events)) :]
    failed = report is not None and has_failed(report)
    if is_finished:
        retries = report is not None and failed and retry_delay(_created(report), end) is not None
        return bool(observed.trials) and bool(unreported or retries)
    ranked = rank_trials(observed.trials, maximize=spec.objective.goal == "Maximize")
    return bool(ranked) and bool(_finishes_last_rung(ranked[0], unreported) or (failed and unreported))


def drop_events(spec: ExperimentSpec, trials: Sequence[Trial], *, is_complete: bool) -> tuple[CheckpointsUnneeded, ...]:
    """Return CheckpointsUnneeded events for the trials that no longer need their checkpoints.

    The best ended trial is kept beside the best trial, because a running trial may become worse. Trials that would be
    promoted if the search continues are kept too.

    Args:
        spec: The spec of the Experiment.
        trials: The trials.
        is_complete: Whether no trial is promoted any more.
    """
    if spec.retain == "All":
        return ()
    ranked = rank_trials(trials, maximize=spec.objective.goal == "Maximize")
    finished = [trial for trial in ranked if trial.state in _FINISHED]
    kept = {trial.number for trial in (*ranked[:1], *finished[:1], *promotions(trials, spec, closed=True))}
    states = {*_FINISHED, *(["Paused"] if is_complete else [])}
    return tuple(
        CheckpointsUnneeded(trial.number)
        for trial in trials
        if trial.state in states and not trial.dropped and trial.number not in kept
    )


def drop_events_of_report(observed: Observed) -> tuple[CheckpointsUnneeded, ...]:
    """Return CheckpointsUnneeded events for the trials that the report Job lists as dropped, but the ledger does not.

    If the ledger has lost events, the operator would otherwise continue a trial whose checkpoints were deleted.
    """
    annotations = (observed.report["metadata"].get("annotations") or {}) if observed.report is not None else {}
    numbers = set(annotations.get(UNNEEDED_CHECKPOINTS_ANNOTATION, "").split(","))
    return tuple(
        CheckpointsUnneeded(trial.number)
        for trial in observed.trials
        if str(trial.number) in numbers and not trial.dropped
    )


def format_dropped(trials: Iterable[Trial]) -> str:
    """Return the numbers of the trials whose checkpoints may be deleted, separated by commas."""
    return ",".join(str(trial.number) for trial in trials if trial.dropped)


def _has_finished(job: Object) -> bool:
    """Return whether a Job has ended and is not being deleted: a finalizer may still occupy its name."""
    has_ended = condition_of(job, "Complete") is not None or has_failed(job)
    return has_ended and job["metadata"].get("deletionTimestamp") is None


def has_failed(job: Object) -> bool:
    """Return whether a Job has failed."""
    return condition_of(job, "Failed") is not None


def seconds_to_live(ttl: int | None, before: ExperimentStatus, report: Object | None, now: datetime) -> float | None:
    """Return the seconds until an ended Experiment is deleted after its TTL, or None if it is never deleted.

    The report is written first, with retries for up to a day. An Experiment with a refused spec is not deleted, because
    another version of Epochal may accept the spec.
    """
    end = completion_time(before)
    if ttl is None or end is None or not has_search_result(before):
        return None
    age = timedelta(seconds=ttl)
    if report is not None and (
        not _has_finished(report) or (has_failed(report) and retry_delay(_created(report), end))
    ):
        age = max(age, RETRY_PERIOD)
    return (end + age - now).total_seconds()


def seconds_until_wait_event(job: Object, now: datetime) -> float | None:
    """Return the seconds until an Event must report that a report Job is suspended; None if it is not suspended."""
    if _has_finished(job) or condition_of(job, "Suspended") is None:
        return None
    return max(0.0, (_created(job) + QUEUE_WAIT - now).total_seconds())


def _created(job: Object) -> datetime:
    return datetime.fromisoformat(job["metadata"]["creationTimestamp"])


def _reported_events(report_job: Object | None, ledger_length: int) -> int:
    """Return how many ledger events the report Job covers: 0 if the ledger is shorter now, because it was lost."""
    annotations = (report_job["metadata"].get("annotations") or {}) if report_job is not None else {}
    text = str(annotations.get(LEDGER_LENGTH_ANNOTATION, "0"))
    number = int(text) if text.isdecimal() else 0
    return number if number <= ledger_length else 0


def _finishes_last_rung(trial: Trial, events: Sequence[Event]) -> bool:
    """Return whether one of the events is the end of the latest rung that a trial has finished."""
    last = len(trial.rungs) - 1
    return any(isinstance(event, Finished) and (event.trial, event.rung) == (trial.number, last) for event in events)
