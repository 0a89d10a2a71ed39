"""What is observed of the TrainingJobs of an Experiment, and not in its ledger yet."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from epochal_api.experiment import MAX_TRIALS, ExperimentSpec, Objective
from epochal_api.parameter import Parameter

from epochal_operator.experiment.domains import Choice, domain_of
from epochal_operator.experiment.ledger import (
    CHECKPOINT_LOST,
    MAX_EVENTS,
    MAX_NUMBER,
    MAX_WORD,
    Created,
    Diverged,
    Event,
    Failed,
    Finished,
    Started,
)
from epochal_operator.experiment.reasons import Reason
from epochal_operator.experiment.schedule import ladder
from epochal_operator.experiment.trial_job import KNOWN_ANNOTATION, PARAMETERS_ANNOTATION
from epochal_operator.experiment.trials import Trial, finite
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.runtime.resource import Object
from epochal_operator.trainingjob.reasons import Reason as TrialReason

_TRIAL = re.compile(r"-(0|[1-9][0-9]{0,8})-r(0|[1-9][0-9]{0,3})")

MAX_FIGURES = 32
"""Figures that are named in place of one that there is not."""

BEGUN_SECONDS = 5.0
"""Training time of a rung after which its start is written by itself. Before, it waits for the next event."""

PLACES = 4096
"""Names of which it is remembered whose trial they are."""

_BEFORE_TRAINING = frozenset({"Queued", "Starting"})

_CHECKPOINT_LOST = frozenset({TrialReason.CHECKPOINT_MISSING, TrialReason.CHECKPOINT_TOO_NEW})
"""Failures of a later rung that end a trial and are no fault of it. After a rollback, checkpoints are too new."""

Jobs = Mapping[tuple[int, int], Object]
"""TrainingJobs by their trials and rungs."""


@lru_cache(maxsize=PLACES)
def place_of(name: str, experiment: str) -> tuple[int, int] | None:
    """Returns trial and rung of a TrainingJob by its name, if it is a trial's. Nobody can change a name.

    Args:
        name: Its name.
        experiment: Name of the Experiment.
    """
    found = _TRIAL.fullmatch(name, len(experiment)) if name.startswith(experiment) else None
    return (int(found[1]), int(found[2])) if found else None


def jobs_of(things: Iterable[Object], metadata: Object) -> dict[tuple[int, int], Object]:
    """Returns those TrainingJobs that are an Experiment's own, by trial and rung.

    Args:
        things: TrainingJobs that bear its name in a label, which is anybody's to write.
        metadata: The Experiment's metadata.
    """
    own = (one for one in things if controller_uid(one) == metadata["uid"])
    return {place: one for one in own if (place := place_of(one["metadata"]["name"], metadata["name"])) is not None}


def observe(spec: ExperimentSpec, trials: Sequence[Trial], jobs: Jobs) -> tuple[Event, ...]:
    """Returns what the TrainingJobs of an Experiment tell that its ledger does not, in the order in which it happened.

    A ledger that is lost is made anew by it, as far as there are TrainingJobs.

    Args:
        spec: What is searched.
        trials: The trials that the ledger tells of.
        jobs: The TrainingJobs.
    """
    by_number = {one.number: one for one in trials}
    found: list[_Told] = []
    for number, rung in sorted(place for place in jobs if may_tell(by_number.get(place[0]), place[1])):
        trial = by_number.get(number)
        if trial is None:
            job = jobs[number, rung]
            if (event := _created(spec, number, job)) is None:
                continue
            found.append(_Told(_time(job, "creationTimestamp"), number, 0, event))
            trial = by_number[number] = Trial(number, event.parameters, event.known)
        if may_tell(trial, rung):
            found += _told(spec, trial, rung, jobs)
    return tuple(one.event for one in sorted(found, key=lambda one: one[:3]))


def has_begun(job: Object) -> bool:
    """Returns whether a container of a TrainingJob has run."""
    return bool((job.get("status") or {}).get("startTime"))


def is_refused(job: Object) -> bool:
    """Returns whether a TrainingJob has the reason InvalidSpec before a container has run: it may still train.

    Another version of Epochal, or a corrected spec, ends this state.
    """
    failed = condition_of(job, "Failed")
    return failed is not None and failed.get("reason") == TrialReason.INVALID_SPEC and not has_begun(job)


def has_ended(job: Object) -> bool:
    """Returns whether a TrainingJob is Complete or Failed, and never trains again."""
    is_failed = condition_of(job, "Failed") is not None and not is_refused(job)
    return is_failed or condition_of(job, "Complete") is not None


def is_idle(job: Object) -> bool:
    """Returns whether a TrainingJob trains nothing now: it is suspended, refused, or has ended."""
    return state_of(job) == "Suspended" or is_refused(job) or has_ended(job)


def figures(job: Object | None) -> str:
    """Returns the figures that a TrainingJob has told, as people read them.

    Args:
        job: The TrainingJob, if there is one.
    """
    status = (job or {}).get("status") or {}
    best = (status.get("best") or {}).get("metric")
    names = sorted({*(status.get("metrics") or {}), *([best] if best else [])})
    return ", ".join(map(str, names[:MAX_FIGURES])) or "none"


def is_due(event: Event, jobs: Jobs, now: datetime) -> bool:
    """Returns whether an event needs a write of the ledger at once: see `due_in`.

    Args:
        event: The event.
        jobs: The TrainingJobs.
        now: The time, with a time zone.
    """
    return due_in(event, jobs, now) == 0


def due_in(event: Event, jobs: Jobs, now: datetime) -> float | None:
    """Returns the seconds until an event needs a write of the ledger, or None before its TrainingJob trains.

    The start of a rung can be written with a later event. The only loss: if its TrainingJob is deleted before, the
    operator does not know that the rung was trained, for BEGUN_SECONDS at most.

    Args:
        event: The event.
        jobs: The TrainingJobs.
        now: The time, with a time zone.
    """
    job = jobs.get((event.trial, event.rung)) if isinstance(event, Started) else None
    if job is None:
        return 0
    if state_of(job) in _BEFORE_TRAINING:
        return None
    try:
        trained = (now - datetime.fromisoformat(job["status"]["startTime"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return 0
    return 0 if trained < 0 else max(0.0, BEGUN_SECONDS - trained)  # Below 0, the clock of the node is ahead.


def state_of(job: Object) -> str:
    """Returns the state of a trial's TrainingJob."""
    return str((job.get("status") or {}).get("state", "Queued"))


class _Told(NamedTuple):
    """An event, and where it belongs among others.

    Args:
        time: When it happened, RFC 3339.
        trial: The trial.
        order: Its place among those of the trial.
        event: The event.
    """

    time: str
    trial: int
    order: int
    event: Event


def may_tell(trial: Trial | None, rung: int) -> bool:
    """Returns whether the TrainingJob of a rung may tell what the ledger does not."""
    return trial is None or (trial.state in {"Running", "Paused"} and rung >= len(trial.rungs))


def _told(spec: ExperimentSpec, trial: Trial, rung: int, jobs: Jobs) -> Iterator[_Told]:
    """Yields what the TrainingJob of a rung tells."""
    number, job = trial.number, jobs[trial.number, rung]
    epochs = ladder(number, spec.schedule, spec.template.spec.training.epochs)
    if rung >= len(epochs):
        return
    created, uid = _time(job, "creationTimestamp"), job["metadata"]["uid"]
    for passed in range(len(trial.rungs), rung):  # Nobody begins a rung before the one below is complete.
        if (number, passed) not in jobs:
            lost = Finished(number, passed, epochs[passed], None, "", 0, ended=False)
            yield _Told(created, number, 2 * passed + 2, lost)
    if uid not in trial.uids:
        yield _Told(created, number, 2 * rung + 1, Started(number, rung, uid))
    if (outcome := _outcome(spec.objective, number, rung, job)) is not None:
        if isinstance(outcome, Finished) and rung == len(epochs) - 1:
            outcome = replace(outcome, ended=True)  # Users may have set spec.training.stopAfterEpoch there.
        yield _Told(_time(job, "completionTime") or created, number, 2 * rung + 2, outcome)


def _outcome(objective: Objective, trial: int, rung: int, job: Object) -> Finished | Diverged | Failed | None:
    """Returns how the TrainingJob of a rung has ended, if it has.

    All its figures are known then: the operator writes them before Complete, and takes no report afterwards.
    """
    status, uid = job.get("status") or {}, job["metadata"]["uid"]
    if not has_ended(job):
        return None
    if failed := condition_of(job, "Failed"):
        reason = str(failed.get("reason", ""))
        if reason == TrialReason.NON_FINITE_LOSS:
            return Diverged(trial, rung, uid)
        is_lost = rung and reason in _CHECKPOINT_LOST
        return Failed(trial, rung, uid, CHECKPOINT_LOST if is_lost else reason)
    complete, value = condition_of(job, "Complete") or {}, _value(objective, job)
    if value is None:
        return Failed(trial, rung, uid, Reason.METRIC_UNAVAILABLE.value)
    if finite(value) is None:
        return Diverged(trial, rung, uid)
    ended = complete.get("reason") != TrialReason.STOPPED_AFTER_EPOCH
    return Finished(trial, rung, _epoch(status), value, uid, _seconds(status), ended)


def reports_best(objective: Objective, job: Object) -> bool:
    """Returns whether a trainer has reported the best epoch by the objective's metric: earlier images do not."""
    return ((job.get("status") or {}).get("best") or {}).get("metric") == objective.metric


def _value(objective: Objective, job: Object) -> str | None:
    """Returns the figure that a trial is judged by, if it has told it."""
    status = job.get("status") or {}
    if objective.strategy == "Best" and reports_best(objective, job):
        return str(status["best"]["value"]) if "value" in status["best"] else None
    value = (status.get("metrics") or {}).get(objective.metric)
    return None if value is None else str(value)


def _epoch(status: Object) -> int:
    epoch = (status.get("progress") or {}).get("epoch")
    return min(epoch, MAX_NUMBER) if type(epoch) is int and epoch > 0 else 0


def _seconds(status: Object) -> int:
    try:
        start, end = (datetime.fromisoformat(status[name]) for name in ("startTime", "completionTime"))
        return min(max(0, round((end - start).total_seconds())), MAX_NUMBER)
    except (KeyError, TypeError, ValueError):
        return 0


def _time(job: Object, field: str) -> str:
    return str(job["metadata"].get(field) or (job.get("status") or {}).get(field) or "")


def _created(spec: ExperimentSpec, number: int, job: Object) -> Created | None:
    """Returns that a trial was decided upon, by the annotations of one of its TrainingJobs.

    Users may write these, so they count only if the search could have suggested them.
    """
    annotations = job["metadata"].get("annotations") or {}
    if number >= MAX_TRIALS:
        return None
    try:
        parameters, known = json.loads(annotations[PARAMETERS_ANNOTATION]), int(annotations[KNOWN_ANNOTATION])
    except (KeyError, ValueError, RecursionError):
        return None
    if not 0 <= known <= MAX_EVENTS or not isinstance(parameters, dict):
        return None
    by_name = {one.name: one for one in spec.parameters}
    if not all(name in by_name and _may_be(by_name[name], text) for name, text in parameters.items()):
        return None
    return Created(number, parameters, known)


def _may_be(parameter: Parameter, text: object) -> bool:
    """Returns whether a trial may have a value, which the template or an initial trial may set beyond the range."""
    if not isinstance(text, str) or len(text) > MAX_WORD or not text.isprintable():
        return False
    domain = domain_of(parameter)
    return isinstance(domain, Choice) or text == "null" or domain.parse(text) is not None
