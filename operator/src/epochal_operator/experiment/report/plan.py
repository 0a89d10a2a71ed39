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
from epochal_operator.experiment.ledger.events import Dropped, Event, Finished
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.schedule.pruning import promotions
from epochal_operator.experiment.state import end_of, search_has_ended
from epochal_operator.experiment.trial import Trial, best
from epochal_operator.experiment.trial_job import KNOWN_ANNOTATION
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of

GIVEN_UP_ANNOTATION = f"{GROUP}/given-up"
"""Annotation of the report Job: the trials that lost their checkpoints to this Job or to an earlier Job."""
EVERY = timedelta(seconds=60)
"""The shortest time between two reports."""
RETRY = timedelta(minutes=10)
"""The shortest delay after a failed report. After the end of the search, the delay grows with the time since then."""
GIVE_UP = timedelta(days=1)
"""The time after the end of the search at which retries stop: a report that fails later is not written."""
WAITS = timedelta(minutes=10)
"""The time for which a report may wait in a queue before an Event reports the wait."""
_ENDED = frozenset({"Complete", "Failed", "Diverged"})


def report_step(
    spec: ExperimentSpec, observed: Observed, *, ended: bool, complete: bool, end: datetime | None = None
) -> CreateReport | DeleteReport | tuple[Dropped, ...] | float | None:
    """Return the next step for the report.

    Args:
        spec: The spec of the Experiment.
        observed: The observed state of the Experiment.
        ended: Whether the search has ended.
        complete: Whether the search has ended well, so that no trial is promoted any more.
        end: The time at which the search ended; None if that is unknown.

    Returns:
        An action; or events that drop trials before the report; or the seconds until the next step; or None.
    """
    if not _is_due(spec, observed, ended=ended, end=end):
        return None
    job = observed.report
    if job is None:
        return given_up(spec, observed.trials, complete=complete) or CreateReport(len(observed.ledger.events))
    if not _is_over(job):
        return None
    created = _created(job)
    pause = retry(created, end) or RETRY if has_failed(job) else EVERY
    left = (created + pause - observed.now).total_seconds()
    return left if left > 0 else DeleteReport(job)


def retry(failed: datetime, end: datetime | None) -> timedelta | None:
    """Return the delay between a failed report and its retry, or None if retries have stopped.

    Args:
        failed: The creation time of the failed report Job.
        end: The time at which the search ended; None while it continues.
    """
    over = failed - end if end is not None else timedelta()
    return max(RETRY, over) if over < GIVE_UP else None


def _is_due(spec: ExperimentSpec, observed: Observed, *, ended: bool, end: datetime | None) -> bool:
    """Return whether the previous report lacks results, or failed and must be retried."""
    known = _known(observed.report, len(observed.ledger.events))
    is_behind = known != len(observed.ledger.events)
    failed = observed.report if observed.report is not None and has_failed(observed.report) else None
    if ended:
        again = failed is not None and retry(_created(failed), end) is not None
        return bool(observed.trials) and (is_behind or again)
    ranked = best(observed.trials, maximize=spec.objective.goal == "Maximize")
    return bool(ranked) and (_is_new(ranked[0], observed.ledger.events[known:]) or (failed is not None and is_behind))


def given_up(spec: ExperimentSpec, trials: Sequence[Trial], *, complete: bool) -> tuple[Dropped, ...]:
    """Return Dropped events for the trials that no longer need their checkpoints.

    The best ended trial is kept beside the best trial, because a running trial may become worse. Trials that would be
    promoted if the search continues are kept too.

    Args:
        spec: The spec of the Experiment.
        trials: The trials.
        complete: Whether no trial is promoted any more.
    """
    if spec.retain == "All":
        return ()
    ranked = best(trials, maximize=spec.objective.goal == "Maximize")
    ended = [one for one in ranked if one.state in _ENDED]
    kept = {one.number for one in (*ranked[:1], *ended[:1])}
    kept |= {one.number for one in promotions(trials, spec, closed=True)}
    useless = {*_ENDED, *(["Paused"] if complete else [])}
    return tuple(
        Dropped(one.number) for one in trials if one.state in useless and not one.dropped and one.number not in kept
    )


def deleted(observed: Observed) -> tuple[Dropped, ...]:
    """Return Dropped events for the trials that the report Job lists as deleted but the ledger does not.

    Without this list, the operator would continue a trial without a checkpoint after the loss of the ledger or a part.

    Args:
        observed: The observed state of the Experiment.
    """
    annotations = (observed.report["metadata"].get("annotations") or {}) if observed.report is not None else {}
    numbers = set(annotations.get(GIVEN_UP_ANNOTATION, "").split(","))
    return tuple(Dropped(one.number) for one in observed.trials if str(one.number) in numbers and not one.dropped)


def given_up_text(trials: Iterable[Trial]) -> str:
    """Return the numbers of the dropped trials, as the text of an annotation.

    Args:
        trials: The trials.
    """
    return ",".join(str(one.number) for one in trials if one.dropped)


def _is_over(job: Object) -> bool:
    """Return whether a Job has ended and is not being deleted: a finalizer may still occupy its name."""
    ended = condition_of(job, "Complete") is not None or has_failed(job)
    return ended and job["metadata"].get("deletionTimestamp") is None


def has_failed(job: Object) -> bool:
    """Return whether a Job has failed."""
    return condition_of(job, "Failed") is not None


def seconds_to_live(ttl: int | None, before: ExperimentStatus, report: Object | None, now: datetime) -> float | None:
    """Return the seconds until an ended Experiment is deleted, or None if it is never deleted.

    The report is written first, with retries for up to a day. An Experiment with a refused spec is not deleted, because
    another version of Epochal may accept the spec.

    Args:
        ttl: Seconds between its end and its deletion; None to keep it.
        before: The previous status of the Experiment.
        report: The Job that writes its report, or None.
        now: The current time, with a time zone.
    """
    end = end_of(before)
    if ttl is None or end is None or not search_has_ended(before):
        return None
    age = timedelta(seconds=ttl)
    if report is not None and (not _is_over(report) or (has_failed(report) and retry(_created(report), end))):
        age = max(age, GIVE_UP)
    return (end + age - now).total_seconds()


def waits_in(job: Object, now: datetime) -> float | None:
    """Return the seconds until an Event reports a suspended report Job, or None if the Job does not wait.

    Args:
        job: The Job that writes the report.
        now: The current time, with a time zone.
    """
    if _is_over(job) or condition_of(job, "Suspended") is None:
        return None
    return max(0.0, (_created(job) + WAITS - now).total_seconds())


def _created(job: Object) -> datetime:
    return datetime.fromisoformat(job["metadata"]["creationTimestamp"])


def _known(job: Object | None, count: int) -> int:
    """Return the number of ledger events in a report: 0 if the ledger is shorter now, because it was lost."""
    text = str((job["metadata"].get("annotations") or {}).get(KNOWN_ANNOTATION, "0")) if job is not None else "0"
    known = int(text) if text.isdecimal() else 0
    return known if known <= count else 0


def _is_new(trial: Trial, events: Sequence[Event]) -> bool:
    """Return whether one of the events finished the last rung of a trial."""
    last = len(trial.rungs) - 1
    return any(isinstance(one, Finished) and (one.trial, one.rung) == (trial.number, last) for one in events)
