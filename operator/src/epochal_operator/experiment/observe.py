"""What is observed of the TrainingJobs of an Experiment, and not in its ledger yet."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from epochal_api.experiment import MAX_PARAMETERS, ExperimentSpec, Objective

from epochal_operator.experiment.ledger import CHECKPOINT_LOST, Created, Diverged, Event, Failed, Finished, Started
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

LATE = timedelta(minutes=5)
"""How long a trainer's last report may take after its TrainingJob is Complete."""

BEGUN_SECONDS = 5.0
"""Training time of a rung after which its start is written by itself. Before, it waits for the next event."""

PLACES = 4096
"""Names of which it is remembered whose trial they are."""

_BEFORE_TRAINING = frozenset({"Queued", "Starting"})

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


def observe(spec: ExperimentSpec, trials: Sequence[Trial], jobs: Jobs, now: datetime) -> tuple[Event, ...]:
    """Returns what the TrainingJobs of an Experiment tell that its ledger does not, in the order in which it happened.

    A ledger that is lost is made anew by it, as far as there are TrainingJobs.

    Args:
        spec: What is searched.
        trials: The trials that the ledger tells of.
        jobs: The TrainingJobs.
        now: The time, with a time zone.
    """
    by_number = {one.number: one for one in trials}
    found: list[_Told] = []
    for number, rung in sorted(place for place in jobs if _may_tell(by_number.get(place[0]), place[1])):
        trial = by_number.get(number)
        if trial is None:
            job = jobs[number, rung]
            if (event := _created(number, job)) is None:
                continue
            found.append(_Told(_time(job, "creationTimestamp"), number, 0, event))
            trial = by_number[number] = Trial(number, event.parameters, event.known)
        if _may_tell(trial, rung):
            found += _told(spec, trial, rung, jobs, now)
    return tuple(one.event for one in sorted(found, key=lambda one: one[:3]))


def is_awaited(job: Object, now: datetime) -> bool:
    """Returns whether a TrainingJob is Complete whose last figures may still come."""
    status = job.get("status") or {}
    if condition_of(job, "Complete") is None or _stage(status) == "Done":
        return False
    try:
        return now < datetime.fromisoformat(status["completionTime"]) + LATE
    except (KeyError, TypeError, ValueError):
        return False


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


def _may_tell(trial: Trial | None, rung: int) -> bool:
    """Returns whether the TrainingJob of a rung may tell what the ledger does not."""
    return trial is None or (trial.state in {"Running", "Paused"} and rung >= len(trial.rungs))


def _told(spec: ExperimentSpec, trial: Trial, rung: int, jobs: Jobs, now: datetime) -> Iterator[_Told]:
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
    if (outcome := _outcome(spec.objective, number, rung, job, now)) is not None:
        yield _Told(_time(job, "completionTime") or created, number, 2 * rung + 2, outcome)


def _outcome(
    objective: Objective, trial: int, rung: int, job: Object, now: datetime
) -> Finished | Diverged | Failed | None:
    """Returns how the TrainingJob of a rung has ended, if it has."""
    status, uid = job.get("status") or {}, job["metadata"]["uid"]
    if failed := condition_of(job, "Failed"):
        reason = str(failed.get("reason", ""))
        if reason == TrialReason.NON_FINITE_LOSS:
            return Diverged(trial, rung, uid)
        is_lost = rung and reason == TrialReason.CHECKPOINT_MISSING
        return Failed(trial, rung, uid, CHECKPOINT_LOST if is_lost else reason)
    complete, value = condition_of(job, "Complete"), _value(objective, status)
    # What was told last may be of an epoch before, as long as its trainer was at one.
    awaited = (value is None or _stage(status) in {"Loading", "Training"}) and is_awaited(job, now)
    if complete is None or awaited:
        return None
    if value is None:
        return Failed(trial, rung, uid, Reason.METRIC_UNAVAILABLE.value)
    if finite(value) is None:
        return Diverged(trial, rung, uid)
    ended = complete.get("reason") != TrialReason.STOPPED_AFTER_EPOCH
    return Finished(trial, rung, _epoch(status), value, uid, _seconds(status), ended)


def _value(objective: Objective, status: Object) -> str | None:
    """Returns the figure that a trial is judged by, if it has told it."""
    best = status.get("best") or {}
    if objective.strategy == "Best" and best.get("metric") == objective.metric:
        return str(best["value"]) if "value" in best else None
    value = (status.get("metrics") or {}).get(objective.metric)
    return None if value is None else str(value)


def _stage(status: Object) -> object:
    return (status.get("progress") or {}).get("stage")


def _epoch(status: Object) -> int:
    epoch = (status.get("progress") or {}).get("epoch")
    return epoch if type(epoch) is int and epoch > 0 else 0


def _seconds(status: Object) -> int:
    try:
        start, end = (datetime.fromisoformat(status[name]) for name in ("startTime", "completionTime"))
        return max(0, round((end - start).total_seconds()))
    except (KeyError, TypeError, ValueError):
        return 0


def _time(job: Object, field: str) -> str:
    return str(job["metadata"].get(field) or (job.get("status") or {}).get(field) or "")


def _created(number: int, job: Object) -> Created | None:
    """Returns that a trial was decided upon, as one of its TrainingJobs bears it."""
    annotations = job["metadata"].get("annotations") or {}
    try:
        parameters, known = json.loads(annotations[PARAMETERS_ANNOTATION]), int(annotations[KNOWN_ANNOTATION])
    except (KeyError, ValueError, RecursionError):
        return None
    if not isinstance(parameters, dict) or len(parameters) > MAX_PARAMETERS or known < 0:
        return None
    return Created(number, {name: str(text) for name, text in parameters.items()}, known)
