"""The status of an Experiment, computed from its trials. Its size is limited for any number of trials."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from epochal_api.condition import Condition, timestamp
from epochal_api.display import ExperimentDisplay
from epochal_api.experiment.spec import MAX_PARAMETERS, ExperimentSpec, trial_name
from epochal_api.experiment.status import (
    MAX_STATUS_BYTES,
    MAX_TOP,
    EpochCounts,
    ExperimentResults,
    ExperimentStatus,
    RankedTrial,
    TrialCounts,
)
from epochal_api.kind import Metadata

from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.reasons import Reason, StatusCause, effect
from epochal_operator.experiment.schedule.pruning import trial_rungs
from epochal_operator.experiment.state import Phase
from epochal_operator.experiment.trial import Trial, max_trials, rank_trials
from epochal_operator.experiment.trial_state import is_training
from epochal_operator.runtime.conditions import ConditionStatus, make_conditions, stays_suspended, with_finished
from epochal_operator.trainingjob.interface import format_metric

MAX_EXPERIMENT_MESSAGE_BYTES = 1024
"""Maximum bytes of the message of an Experiment's condition. A longer message is cut: conditions may repeat it."""
MAX_UID = 64
"""Maximum characters of a uid: more than Kubernetes uses."""


def derive_status(
    metadata: Metadata, spec: ExperimentSpec, before: ExperimentStatus, phase: Phase, observed: Observed
) -> ExperimentStatus:
    """Return the status of an Experiment with a valid spec."""
    trials = observed.trials
    ranked = rank_trials(trials, maximize=spec.objective.goal == "Maximize")[:MAX_TOP]
    top = [ranked_trial(metadata, spec, trial) for trial in ranked]
    importance = before.importance
    if observed.importance and observed.importance.shares:
        importance = {name: f"{share:.2f}" for name, share in observed.importance.shares.items()}
    result = ExperimentStatus(
        observed_generation=metadata.generation,
        state=phase.state,
        trials=_counts(observed),
        best=top[0] if top else None,
        top=top or None,
        importance=importance,
        epochs=_epochs(spec, trials),
        results=ExperimentResults(uri=_uri(spec, metadata.namespace, metadata.name, metadata.uid)),
        start_time=phase.start,
        completion_time=_completion_time(before, phase, observed.now),
        conditions=conditions(metadata.generation, before, observed.now, phase, suspend=spec.suspend),
        display=ExperimentDisplay(
            trials=f"{len(trials)}/{max(len(trials), max_trials(spec))}",
            best=f"{spec.objective.metric} {format_metric(top[0].value)}" if top else None,
        ),
    )
    return limit_size(result)


def conditions(
    generation: int, before: ExperimentStatus, now: datetime, phase: Phase, *, suspend: bool
) -> list[Condition]:
    """Return the conditions of an Experiment. `suspend` is spec.suspend."""
    is_suspended = not phase.is_finished and stays_suspended(before.conditions, suspend=suspend)
    values = _conditions(phase, is_suspended=is_suspended or phase.state == "Suspended")
    limit = MAX_EXPERIMENT_MESSAGE_BYTES
    return with_finished(make_conditions(values, before.conditions, generation=generation, now=now, max_bytes=limit))


def ranked_trial(metadata: Metadata, spec: ExperimentSpec, trial: Trial) -> RankedTrial:
    """Return the status entry of a trial that has an objective value."""
    last = trial.rungs[-1]
    return RankedTrial(
        trial=trial.number,
        job_name=trial_name(metadata.name, trial.number, len(trial.rungs) - 1)[:63],
        value=format_value(last.value),
        epoch=last.value_epoch,
        parameters={name[:63]: text[:256] for name, text in list(trial.parameters.items())[:MAX_PARAMETERS]},
        uri=results_uri(metadata, spec, trial),
    )


def results_uri(metadata: Metadata, spec: ExperimentSpec, trial: Trial) -> str | None:
    """Return the URI of the results folder of the last rung that a trial has finished, or None."""
    uid = trial.rungs[-1].uid if trial.rungs else ""
    if not 0 < len(uid) <= MAX_UID:  # The uid is empty if the TrainingJob of a rung was lost.
        return None
    return _uri(spec, metadata.namespace, trial_name(metadata.name, trial.number, len(trial.rungs) - 1), uid)


def format_value(value: float | None) -> str:
    """Return an objective value as the text in a status, where fractions are not allowed as numbers."""
    return "" if value is None else f"{value:.10g}"


def limit_size(status: ExperimentStatus) -> ExperimentStatus:
    """Return a status within MAX_STATUS_BYTES: the last top trials are removed first, then the importances."""
    while (status.top or status.importance) and _size(status) > MAX_STATUS_BYTES:
        status = status.model_copy(update={"top": status.top[:-1] or None} if status.top else {"importance": None})
    return status


def _size(status: ExperimentStatus) -> int:
    return len(json.dumps(status.dump(), ensure_ascii=False).encode(errors="replace"))


def _uri(spec: ExperimentSpec, namespace: str, name: str, uid: str) -> str:
    results = spec.template.spec.results
    return f"s3://{results.bucket}/{results.folder(namespace=namespace, name=name, uid=uid)}/"


def _counts(observed: Observed) -> TrialCounts:
    states = [trial.state for trial in observed.trials]
    running = sum(is_training(observed.job(trial)) for trial in observed.running)
    return TrialCounts(
        created=len(states),
        queued=states.count("Running") - running,
        running=running,
        paused=states.count("Paused"),
        complete=states.count("Complete"),
        failed=states.count("Failed"),
        diverged=states.count("Diverged"),
    )


def _epochs(spec: ExperimentSpec, trials: Sequence[Trial]) -> EpochCounts:
    """Return the numbers of epochs that were trained, were not trained in ended or paused trials, or were repeated."""
    epochs = spec.template.spec.training.epochs
    repeated = 0
    for trial in trials:
        if trial.lost_rungs:
            rungs = (0, *trial_rungs(trial.number, spec.schedule, epochs))
            repeated += sum(rungs[rung + 1] - rungs[rung] for rung in trial.lost_rungs if rung + 1 < len(rungs))
    return EpochCounts(
        trained=sum(trial.epoch for trial in trials),
        saved=sum(max(0, epochs - trial.epoch) for trial in trials if trial.state in {"Paused", "Complete"}),
        repeated=repeated,
    )


def _completion_time(before: ExperimentStatus, phase: Phase, now: datetime) -> str | None:
    """Return the completion time of an Experiment, or None. An Experiment that ends again gets a new time."""
    if not phase.is_finished:
        return None
    if before.state == phase.state and before.completion_time is not None:
        return before.completion_time
    return timestamp(now)


def _conditions(phase: Phase, *, is_suspended: bool) -> Iterator[tuple[str, ConditionStatus, StatusCause]]:
    """Yield the type, status and cause of each condition."""
    effects, cause, state = effect(phase.cause.reason), phase.cause, phase.state
    suspended, unfinished = StatusCause(Reason.SUSPENDED, "spec.suspend is true."), StatusCause(Reason.UNFINISHED, "")
    yield "Ready", "True" if effects.ready else "False", cause
    yield "Stalled", *(("True", cause) if effects.needs_user_action else ("False", StatusCause(Reason.PROGRESSING, "")))
    yield "Suspended", *(("True", suspended) if is_suspended else ("False", StatusCause(Reason.ACTIVE, "")))
    yield "Complete", *(("True", cause) if state == "Complete" else ("False", unfinished))
    yield "Failed", *(("True", cause) if state == "Failed" else ("False", unfinished))
