"""The status of an Experiment, derived from its trials. It is bounded, however many there are."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from epochal_api.condition import Condition, timestamp
from epochal_api.experiment import MAX_PARAMETERS, ExperimentSpec, trial_name
from epochal_api.experiment_status import (
    MAX_STATUS_BYTES,
    MAX_TOP,
    EpochCounts,
    ExperimentDisplay,
    ExperimentResults,
    ExperimentStatus,
    RankedTrial,
    TrialCounts,
)
from epochal_api.kind import Metadata

from epochal_operator.experiment.next import limit
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.phase import Phase, is_trained, refused_phase, refused_start, started
from epochal_operator.experiment.reasons import Reason, StatusCause, effect
from epochal_operator.experiment.schedule import ladder
from epochal_operator.experiment.trials import Trial, best
from epochal_operator.runtime.conditions import get_condition, keep_times, with_finished
from epochal_operator.trainingjob.mutable import Mutable
from epochal_operator.trainingjob.progress_status import short

MAX_MESSAGE = 1024
"""Bytes of a condition's message: several may have the same."""
MAX_UID = 64
"""Characters of an object's uid, and more."""
_ENDS = frozenset({"Complete", "Failed"})
"""Conditions that say how an Experiment has ended."""


def status(
    metadata: Metadata, spec: ExperimentSpec, before: ExperimentStatus, phase: Phase, observed: Observed
) -> ExperimentStatus:
    """Returns the status of an Experiment.

    Args:
        metadata: Its metadata.
        spec: What is searched.
        before: Its status so far: times stay, and so does what only a search can tell.
        phase: Where it is.
        observed: What is seen of it.
    """
    trials = observed.trials
    ranked = best(trials, maximize=spec.objective.goal == "Maximize")[:MAX_TOP]
    top = [ranked_trial(metadata, spec, one) for one in ranked]
    importance = before.importance
    if observed.importance is not None and observed.importance.shares:
        importance = {name: f"{share:.2f}" for name, share in observed.importance.shares.items()}
    made = ExperimentStatus(
        observed_generation=metadata.generation,
        state=phase.state,
        trials=_counts(observed),
        best=top[0] if top else None,
        top=top or None,
        importance=importance,
        epochs=_epochs(spec, trials),
        results=ExperimentResults(uri=_uri(spec, metadata.namespace, metadata.name, metadata.uid)),
        start_time=started(spec, before, observed),
        completion_time=_completion_time(before, phase, observed.now),
        conditions=conditions(metadata.generation, before, observed.now, phase),
        display=ExperimentDisplay(
            trials=f"{len(trials)}/{max(len(trials), limit(spec))}",
            best=f"{spec.objective.metric} {short(top[0].value)}" if top else None,
        ),
    )
    return bounded(made)


def refused(
    metadata: Metadata, before: ExperimentStatus, message: str, observed: Observed, mutable: Mutable
) -> ExperimentStatus:
    """Returns the status of an Experiment that breaks the API's rules.

    What has begun goes on as it is, or waits: another version of Epochal may understand its spec. How a search has
    ended stays, whatever somebody makes of its spec afterwards.

    Args:
        metadata: Its metadata.
        before: Its status so far.
        message: What must hold, naming the field.
        observed: What is seen of it.
        mutable: The fields of its spec that count all the same.
    """
    is_seen, was_over = before.observed_generation == metadata.generation, has_come_to_its_end(before)
    if was_over and is_seen:
        return before  # What is over is not judged again because the rules are others.
    phase = refused_phase(before, message, observed, mutable)
    made = conditions(metadata.generation, before, observed.now, phase)
    ends = {one.type: one for one in before.conditions or [] if was_over and one.type in _ENDS}
    since = before.completion_time if is_seen or was_over else None
    return before.model_copy(
        update={
            "observed_generation": metadata.generation,
            "state": phase.state,
            "trials": _trained(before.trials, observed),
            "start_time": refused_start(before, observed, mutable),
            "conditions": [ends.get(one.type, one) for one in made],
            "completion_time": (since or timestamp(observed.now)) if phase.ended else None,
        }
    )


def conditions(generation: int, before: ExperimentStatus, now: datetime, phase: Phase) -> list[Condition]:
    """Returns the conditions of an Experiment.

    Args:
        generation: Generation of its spec.
        before: Its status so far: a condition keeps the time of its change.
        now: The time, with a time zone.
        phase: Where it is.
    """
    changed = [
        Condition(
            type=kind,
            status="True" if cause is not None else "False",
            reason=cause.reason if cause is not None else otherwise.reason,
            message=_bounded(cause.message if cause is not None else otherwise.message),
            last_transition_time=timestamp(now),
            observed_generation=generation,
        )
        for kind, cause, otherwise in _conditions(phase)
    ]
    return with_finished(keep_times(before.conditions, changed))


def ranked_trial(metadata: Metadata, spec: ExperimentSpec, trial: Trial) -> RankedTrial:
    """Returns a trial that is worth something, as a status lists it.

    Args:
        metadata: The Experiment's metadata.
        spec: What is searched.
        trial: The trial.
    """
    last = trial.rungs[-1]
    return RankedTrial(
        trial=trial.number,
        job_name=trial_name(metadata.name, trial.number, len(trial.rungs) - 1)[:63],
        value=shown(last.value),
        epoch=last.epoch,
        parameters={name[:63]: text[:256] for name, text in list(trial.parameters.items())[:MAX_PARAMETERS]},
        uri=results_uri(metadata, spec, trial),
    )


def results_uri(metadata: Metadata, spec: ExperimentSpec, trial: Trial) -> str | None:
    """Returns the folder of results of the last rung that a trial has finished, if it has finished any.

    Args:
        metadata: The Experiment's metadata.
        spec: What is searched.
        trial: The trial.
    """
    uid = trial.rungs[-1].uid if trial.rungs else ""
    if not 0 < len(uid) <= MAX_UID:  # It is empty where the TrainingJob of a rung is lost.
        return None
    return _uri(spec, metadata.namespace, trial_name(metadata.name, trial.number, len(trial.rungs) - 1), uid)


def shown(value: float | None) -> str:
    """Returns what a trial is worth, as a status has it: numbers that are not whole are texts there."""
    return "" if value is None else f"{value:.10g}"


def bounded(made: ExperimentStatus) -> ExperimentStatus:
    """Returns as much of a status as there is room for: all but some of the top trials, and importance."""
    while _size(made) > MAX_STATUS_BYTES and (made.top or made.importance):
        made = made.model_copy(update={"top": made.top[:-1] or None} if made.top else {"importance": None})
    return made


def _size(made: ExperimentStatus) -> int:
    return len(json.dumps(made.dump(), ensure_ascii=False).encode(errors="replace"))


def _uri(spec: ExperimentSpec, namespace: str, name: str, uid: str) -> str:
    results = spec.template.spec.results
    return f"s3://{results.bucket}/{results.folder(namespace=namespace, name=name, uid=uid)}/"


def _counts(observed: Observed) -> TrialCounts:
    states = [one.state for one in observed.trials]
    running = [one for one in observed.running if is_trained(observed.job(one))]
    return TrialCounts(
        created=len(states),
        queued=states.count("Running") - len(running),
        running=len(running),
        paused=states.count("Paused"),
        complete=states.count("Complete"),
        failed=states.count("Failed"),
        diverged=states.count("Diverged"),
    )


def _trained(before: TrialCounts | None, observed: Observed) -> TrialCounts | None:
    """Returns how many trials are trained now, of those that were before; nothing else is known without a spec."""
    if before is None:
        return None
    running = sum(map(is_trained, observed.jobs.values()))
    return before.model_copy(update={"running": running, "queued": max(0, before.queued + before.running - running)})


def _epochs(spec: ExperimentSpec, trials: Sequence[Trial]) -> EpochCounts:
    """Returns the epochs that were trained, that nobody has to train, and that may have been trained twice at most."""
    epochs = spec.template.spec.training.epochs
    repeated = 0
    for one in trials:
        if not one.lost:
            continue
        rungs = (0, *ladder(one.number, spec.schedule, epochs))
        repeated += sum(rungs[rung + 1] - rungs[rung] for rung in one.lost if rung + 1 < len(rungs))
    return EpochCounts(
        trained=sum(one.epoch for one in trials),
        saved=sum(max(0, epochs - one.epoch) for one in trials if one.state in {"Paused", "Complete"}),
        repeated=repeated,
    )


def _completion_time(before: ExperimentStatus, phase: Phase, now: datetime) -> str | None:
    """Returns when an Experiment ended; one that goes on, and ends again, has ended then."""
    if not phase.ended:
        return None
    if before.state == phase.state and before.completion_time is not None:
        return before.completion_time
    return timestamp(now)


def _conditions(phase: Phase) -> Iterator[tuple[str, StatusCause | None, StatusCause]]:
    """Yields each condition, with why it is True, or else why it is False."""
    known, cause = effect(phase.cause.reason), phase.cause
    suspended = StatusCause(Reason.SUSPENDED, "spec.suspend is true.")
    unfinished = StatusCause(Reason.UNFINISHED, "")
    yield "Ready", cause if known.ready else None, cause
    yield "Stalled", cause if known.stalls else None, StatusCause(Reason.PROGRESSING, "")
    yield "Suspended", suspended if phase.state == "Suspended" else None, StatusCause(Reason.ACTIVE, "")
    yield "Complete", cause if phase.state == "Complete" else None, unfinished
    yield "Failed", cause if phase.state == "Failed" else None, unfinished


def _bounded(message: str) -> str:
    return message.encode(errors="replace")[:MAX_MESSAGE].decode(errors="ignore")


def is_ended(before: ExperimentStatus) -> bool:
    """Returns whether a status says that an Experiment has ended."""
    finished = get_condition(before.conditions, "Finished")
    return finished is not None and finished.status == "True"


def has_come_to_its_end(before: ExperimentStatus) -> bool:
    """Returns whether a status says that a search has ended, be it that it failed, but not by its spec."""
    found = [one for one in before.conditions or [] if one.type in _ENDS and one.status == "True"]
    return any(one.reason != Reason.INVALID_SPEC for one in found)
