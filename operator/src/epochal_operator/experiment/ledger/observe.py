"""The events of an Experiment's TrainingJobs that are not in its ledger yet."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from epochal_api.experiment.spec import MAX_TRIALS, ExperimentSpec, Objective

from epochal_operator.experiment.ledger.events import (
    CHECKPOINT_LOST,
    MAX_EVENTS,
    MAX_NUMBER,
    MAX_STRING,
    Created,
    Diverged,
    Event,
    Failed,
    Finished,
    Started,
)
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.reasons import Reason
from epochal_operator.experiment.schedule.pruning import trial_rungs
from epochal_operator.experiment.search_space.domains import Choice, Domain, domain_of
from epochal_operator.experiment.trial import Trial, parse_finite
from epochal_operator.experiment.trial_job import LEDGER_LENGTH_ANNOTATION, PARAMETERS_ANNOTATION
from epochal_operator.experiment.trial_state import Jobs, has_ended, reports_best_epoch, state_of
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.trainingjob.interface import Reason as TrialReason

START_WRITE_SECONDS = 5.0
"""Seconds of training after which the Started event of a rung is written to the ledger, even without another event."""

_TimedEvent = tuple[str, int, int, Event]
"""The time of an event (RFC 3339), its trial, its position among the events of the trial, and the event."""
_BEFORE_TRAINING = frozenset({"Queued", "Starting"})

_CHECKPOINT_LOST = frozenset({TrialReason.CHECKPOINT_MISSING, TrialReason.CHECKPOINT_TOO_NEW})
"""Reasons for which a later rung fails without a fault of the trial: the checkpoint is missing, or a later version of
Epochal wrote it. The second reason follows a rollback of Epochal to an earlier version."""


def observe_jobs(spec: ExperimentSpec, trials: Sequence[Trial], jobs: Jobs) -> tuple[Event, ...]:
    """Return the events of TrainingJobs that are not in the ledger, in the order of their times.

    If the ledger has no trials, for example after its loss, they are rebuilt from the existing TrainingJobs. Otherwise
    TrainingJobs of unknown trials are ignored: each trial is in the ledger before its TrainingJob is created, so users
    have created these TrainingJobs.
    """
    by_number = {trial.number: trial for trial in trials}
    domains = None if trials else {parameter.name: domain_of(parameter) for parameter in spec.parameters}
    timed_events: list[_TimedEvent] = []
    for number, rung in sorted(jobs):
        trial = by_number.get(number)
        if trial is None:
            job = jobs[number, rung]
            if domains is None or (event := _created(spec, domains, number, job)) is None:
                continue
            timed_events.append((_time(job, "creationTimestamp"), number, 0, event))
            trial = by_number[number] = Trial(number, event.parameters, event.known_events)
        if may_have_new_events(trial, rung):
            timed_events += _events_of_rung(spec, trial, rung, jobs)
    return tuple(_effective(sorted(timed_events, key=lambda timed: timed[:3]), trials))


def _effective(timed_events: Sequence[_TimedEvent], before: Sequence[Trial]) -> Iterator[Event]:
    """Yield the events that change their trial.

    All others would be written again and again, for example those of a TrainingJob that a user has created for a later
    rung than the current one.
    """
    trials: dict[int, tuple[Trial, ...]] = {trial.number: (trial,) for trial in before}
    for _, number, _, event in timed_events:
        known = trials.get(number, ())
        if (after := apply_events((event,), known)) != known:
            trials[number] = after
            yield event


def seconds_until_due(event: Event, jobs: Jobs, now: datetime) -> float | None:
    """Return the seconds until an event must be written to the ledger: 0 for each event except Started.

    A Started event can wait for a later event, up to START_WRITE_SECONDS of training; the result is None before its
    TrainingJob trains. If the TrainingJob is deleted before the write, the operator does not know that the rung was
    trained.
    """
    job = jobs.get((event.trial, event.rung)) if isinstance(event, Started) else None
    if job is None:
        return 0
    if state_of(job) in _BEFORE_TRAINING:
        return None
    try:
        seconds = (now - datetime.fromisoformat(job["status"]["startTime"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return 0
    return 0 if seconds < 0 else max(0.0, START_WRITE_SECONDS - seconds)  # Below 0, the clock of the node is ahead.


def may_have_new_events(trial: Trial, rung: int) -> bool:
    """Return whether a rung's TrainingJob can add events: its trial may continue, and has not finished this rung."""
    return trial.state in {"Running", "Paused"} and rung >= len(trial.rungs)


def _events_of_rung(spec: ExperimentSpec, trial: Trial, rung: int, jobs: Jobs) -> Iterator[_TimedEvent]:
    number, job = trial.number, jobs[trial.number, rung]
    epochs = trial_rungs(number, spec.schedule, spec.template.spec.training.epochs)
    if rung >= len(epochs):
        return
    created, uid = _time(job, "creationTimestamp"), job["metadata"]["uid"]
    for skipped in range(len(trial.rungs), rung):  # A rung begins only after the previous rung is complete.
        if (number, skipped) not in jobs:
            lost = Finished(number, skipped, epochs[skipped], None, "", 0, is_last=False)
            yield created, number, 2 * skipped + 2, lost
    if uid not in trial.uids:
        yield created, number, 2 * rung + 1, Started(number, rung, uid)
    if (outcome := _outcome(spec.objective, number, rung, job)) is not None:
        if isinstance(outcome, Finished) and rung == len(epochs) - 1:
            outcome = replace(outcome, is_last=True)  # Users may have set spec.training.stopAfterEpoch there.
        yield _time(job, "completionTime") or created, number, 2 * rung + 2, outcome


def _outcome(objective: Objective, trial: int, rung: int, job: Object) -> Finished | Diverged | Failed | None:
    """Return the event for the end of a rung's TrainingJob, or None if the TrainingJob has not ended.

    The metrics of an ended TrainingJob are final: the operator writes them before the condition Complete, and accepts
    no report afterwards.
    """
    status, uid = job.get("status") or {}, job["metadata"]["uid"]
    if not has_ended(job):
        return None
    if failed := condition_of(job, "Failed"):
        reason = str(failed.get("reason", ""))
        if reason == TrialReason.NON_FINITE_LOSS:
            return Diverged(trial, rung, uid)
        is_lost = rung and reason in _CHECKPOINT_LOST
        return Failed(trial, rung, uid, CHECKPOINT_LOST if is_lost else reason[:MAX_STRING])
    complete, (value, epoch) = condition_of(job, "Complete") or {}, _value(objective, job)
    if value is None or len(value) > MAX_STRING:
        return Failed(trial, rung, uid, Reason.METRIC_UNAVAILABLE.value)
    if parse_finite(value) is None:
        return Diverged(trial, rung, uid)
    is_last = complete.get("reason") != TrialReason.STOPPED_AFTER_EPOCH
    return Finished(trial, rung, _epoch(status, "progress"), value, uid, _seconds(status), is_last, epoch or None)


def _value(objective: Objective, job: Object) -> tuple[str | None, int]:
    """Return the objective value in a TrainingJob's status, or None, and the epoch of this value, 0 if unknown."""
    status = job.get("status") or {}
    if objective.strategy == "Best" and reports_best_epoch(objective, job):
        return str(status["best"]["value"]) if "value" in status["best"] else None, _epoch(status, "best")
    value = (status.get("metrics") or {}).get(objective.metric)
    return None if value is None else str(value), _epoch(status, "progress")


def _epoch(status: Object, part: str) -> int:
    """Return the field `epoch` in a part of a TrainingJob's status, or 0 if it is missing or invalid."""
    epoch = (status.get(part) or {}).get("epoch")
    return min(epoch, MAX_NUMBER) if type(epoch) is int and epoch > 0 else 0


def _seconds(status: Object) -> int:
    try:
        start, end = (datetime.fromisoformat(status[name]) for name in ("startTime", "completionTime"))
        return min(max(0, round((end - start).total_seconds())), MAX_NUMBER)
    except (KeyError, TypeError, ValueError):
        return 0


def _time(job: Object, field: str) -> str:
    return str(job["metadata"].get(field) or (job.get("status") or {}).get(field) or "")


def _created(spec: ExperimentSpec, domains: Mapping[str, Domain], number: int, job: Object) -> Created | None:
    """Return the Created event of a trial, read from the annotations of a TrainingJob; None if they are invalid.

    Users can write these annotations. They are valid only if the search could have suggested these parameters.
    """
    annotations = job["metadata"].get("annotations") or {}
    if number >= MAX_TRIALS:
        return None
    try:
        parameters = json.loads(annotations[PARAMETERS_ANNOTATION])
        known_events = int(annotations[LEDGER_LENGTH_ANNOTATION])
    except (KeyError, ValueError, RecursionError):
        return None
    if not 0 <= known_events <= MAX_EVENTS or not isinstance(parameters, dict):
        return None
    is_given = number <= len(spec.initial_trials)
    for name, text in parameters.items():
        if name not in domains or not _is_possible_value(domains[name], text, is_given=is_given):
            return None
    # A listed value is the text of the spec, so that large annotations take no further memory.
    return Created(number, {name: domains[name].canonical(text) for name, text in parameters.items()}, known_events)


def _is_possible_value(domain: Domain, text: object, *, is_given: bool) -> bool:
    """Return whether a trial may have this value of a parameter.

    Args:
        domain: The domain, which is immutable from the first trial on.
        text: The value.
        is_given: Whether the trial is trial 0 or from `initialTrials`, and so may have a value outside the domain.
    """
    if not isinstance(text, str) or len(text) > MAX_STRING or not text.isprintable():
        return False
    if not is_given:
        return domain.canonical(text) == text and domain.contains(text)
    return isinstance(domain, Choice) or text == "null" or domain.parse(text) is not None
