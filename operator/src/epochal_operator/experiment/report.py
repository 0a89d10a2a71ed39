"""When an Experiment's report is written, and whose checkpoints are given up for it.

A Job writes it, at most one a minute: after each new best, and at the end, also of a search of which nothing came. It
also deletes what the ledger gives up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from epochal_api.experiment import ExperimentSpec
from epochal_api.kind import GROUP

from epochal_operator.experiment.ledger import Dropped, Event, Finished
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.schedule import promotions
from epochal_operator.experiment.trial_job import KNOWN_ANNOTATION
from epochal_operator.experiment.trials import Trial, best
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.resource import Object

GIVEN_UP_ANNOTATION = f"{GROUP}/given-up"
"""Annotation of the Job that writes a report: the trials whose checkpoints it deletes, or those before it did."""
EVERY = timedelta(seconds=60)
"""Between two reports."""
RETRY = timedelta(minutes=10)
"""After one that has failed; once the search is over as long again as it has been so by then."""
GIVE_UP = timedelta(days=1)
"""After the end of the search: a report that fails then fails for good, and nothing waits for one any more."""
WAITS = timedelta(minutes=10)
"""How long a report waits in a queue before that is told."""
_ENDED = frozenset({"Complete", "Failed", "Diverged"})


@dataclass(frozen=True)
class CreateReport:
    """Create the Job that writes the report.

    Args:
        known: Events of the ledger that it knows.
    """

    known: int


@dataclass(frozen=True)
class DeleteReport:
    """Delete the Job of the report before.

    Args:
        job: The Job as seen.
    """

    job: Object


def report_step(
    spec: ExperimentSpec, observed: Observed, *, ended: bool, complete: bool, end: datetime | None = None
) -> CreateReport | DeleteReport | tuple[Dropped, ...] | float | None:
    """Returns what is to be done about the report next.

    Args:
        spec: What is searched.
        observed: What is seen of the Experiment.
        ended: Whether the search is over.
        complete: Whether it has ended well: then nobody is promoted any more.
        end: When it was over, as far as that is known.

    Returns:
        A step; or whose checkpoints are given up first; or the seconds until there is something to be done.
    """
    if not is_due(spec, observed, ended=ended, end=end):
        return None
    job = observed.report
    if job is None:
        return given_up(spec, observed.trials, complete=complete) or CreateReport(len(observed.events))
    if not is_over(job):
        return None
    created = _created(job)
    pause = retry(created, end) or RETRY if has_failed(job) else EVERY
    left = (created + pause - observed.now).total_seconds()
    return left if left > 0 else DeleteReport(job)


def retry(failed: datetime, end: datetime | None) -> timedelta | None:
    """Returns how long after a report that has failed it is tried again; None if it is not.

    Args:
        failed: When that was.
        end: When the search was over, if it is.
    """
    over = failed - end if end is not None else timedelta()
    return max(RETRY, over) if over < GIVE_UP else None


def is_due(spec: ExperimentSpec, observed: Observed, *, ended: bool, end: datetime | None = None) -> bool:
    """Returns whether the report of before lacks something that is to be reported.

    Args:
        spec: What is searched.
        observed: What is seen of the Experiment.
        ended: Whether the search is over.
        end: When it was over, as far as that is known.
    """
    known = _known(observed.report, len(observed.events))
    is_behind = known != len(observed.events)
    failed = observed.report if observed.report is not None and has_failed(observed.report) else None
    if ended:
        again = failed is not None and retry(_created(failed), end) is not None
        return bool(observed.trials) and (is_behind or again)
    ranked = best(observed.trials, maximize=spec.objective.goal == "Maximize")
    return bool(ranked) and (_is_new(ranked[0], observed.events[known:]) or (failed is not None and is_behind))


def given_up(spec: ExperimentSpec, trials: Sequence[Trial], *, complete: bool) -> tuple[Dropped, ...]:
    """Returns the trials whose checkpoints nobody needs any more, and that nobody has said so of.

    A trial that goes on may become worse than it was, so the best of those that have ended is kept beside the best. A
    search that is over may go on, so whoever would be promoted then is kept, too.

    Args:
        spec: What is searched.
        trials: The trials.
        complete: Whether nobody is promoted any more.
    """
    if spec.retain == "All":
        return ()
    ranked = best(trials, maximize=spec.objective.goal == "Maximize")
    ended = [one for one in ranked if one.state in _ENDED]
    kept = {one.number for one in (*ranked[:1], *ended[:1])}
    kept |= {one.trial for one in promotions(trials, spec, closed=True)}
    useless = {*_ENDED, *(["Paused"] if complete else [])}
    return tuple(
        Dropped(one.number) for one in trials if one.state in useless and not one.dropped and one.number not in kept
    )


def deleted(observed: Observed) -> tuple[Dropped, ...]:
    """Returns whose checkpoints the report has deleted by what it says itself, and the ledger does not tell.

    So a ledger that is lost, or a part of it, brings nobody back who has nothing to go on from.

    Args:
        observed: What is seen of the Experiment.
    """
    annotations = (observed.report["metadata"].get("annotations") or {}) if observed.report is not None else {}
    numbers = set(annotations.get(GIVEN_UP_ANNOTATION, "").split(","))
    return tuple(Dropped(one.number) for one in observed.trials if str(one.number) in numbers and not one.dropped)


def given_up_text(trials: Iterable[Trial]) -> str:
    """Returns the trials whose checkpoints are given up, as a report's annotation has them.

    Args:
        trials: The trials.
    """
    return ",".join(str(one.number) for one in trials if one.dropped)


def is_over(job: Object) -> bool:
    """Returns whether a Job has ended, and is not going yet: while a finalizer is awaited, its name is taken."""
    ended = condition_of(job, "Complete") is not None or has_failed(job)
    return ended and job["metadata"].get("deletionTimestamp") is None


def has_failed(job: Object) -> bool:
    """Returns whether a Job has failed."""
    return condition_of(job, "Failed") is not None


def is_unwritten(job: Object, end: datetime) -> bool:
    """Returns whether a Job may write its report yet, or another one in its place, as it has failed.

    Args:
        job: The Job.
        end: When the search was over.
    """
    return not is_over(job) or (has_failed(job) and retry(_created(job), end) is not None)


def waits_in(job: Object, now: datetime) -> float | None:
    """Returns the seconds until it is to be told that a report waits in a queue: 0 once it is; None if it does not.

    Args:
        job: The Job that writes it.
        now: The time, with a time zone.
    """
    if is_over(job) or condition_of(job, "Suspended") is None:
        return None
    return max(0.0, (_created(job) + WAITS - now).total_seconds())


def _created(job: Object) -> datetime:
    return datetime.fromisoformat(job["metadata"]["creationTimestamp"])


def _known(job: Object | None, count: int) -> int:
    """Returns how many events of the ledger a report knows: none if the ledger was lost, and is shorter by now."""
    text = str((job["metadata"].get("annotations") or {}).get(KNOWN_ANNOTATION, "0")) if job is not None else "0"
    known = int(text) if text.isdecimal() else 0
    return known if known <= count else 0


def _is_new(trial: Trial, events: Sequence[Event]) -> bool:
    """Returns whether a trial has become what it is by some events."""
    last = len(trial.rungs) - 1
    return any(isinstance(one, Finished) and (one.trial, one.rung) == (trial.number, last) for one in events)
