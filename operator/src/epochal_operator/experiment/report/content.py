"""The content of an Experiment's report: its trials, the best TrainingJob, and checkpoints to delete."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from epochal_api.experiment.parameter import Parameter
from epochal_api.experiment.report import (
    MAX_TEXT,
    ExperimentReport,
    ReportedParameter,
    ReportedRung,
    ReportedTrial,
    TrialFolder,
    encode,
)
from epochal_api.experiment.spec import ExperimentSpec
from epochal_api.experiment.status import ExperimentStatus
from epochal_api.kind import Metadata
from epochal_api.read_status import read_status
from epochal_api.text import printable
from pydantic import ValidationError

from epochal_operator.experiment.ledger.events import Diverged, Event, Failed, Finished, Started
from epochal_operator.experiment.ledger.trials import fold
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial import Rung, Trial, best
from epochal_operator.experiment.trial_job import training_job

Object = dict[str, Any]

_LONGEST = 256
"""Characters of a value. A value in the template may be longer than any value of the search."""


def content(
    experiment: Mapping[str, Any], spec: ExperimentSpec, events: Sequence[Event], endpoint: str | None
) -> ExperimentReport:
    """Return the report of an Experiment.

    Args:
        experiment: The Experiment, as JSON.
        spec: Its spec.
        events: The events of its ledger.
        endpoint: The S3 endpoint for Experiments that name none; None if there is no default.
    """
    metadata, template = Metadata.model_validate(experiment["metadata"]), spec.template.spec
    trials = fold(events)
    ranked = best(trials, maximize=spec.objective.goal == "Maximize")
    gone = freed(spec, trials, events, kept=ranked[0] if ranked else None)
    names = [one.name for one in spec.parameters]
    found = {one.number: _reported(one, gone.get(one.number, []), names) for one in trials}
    reported = [one for one in found.values() if one is not None]
    winner = next((one for one in ranked if found[one.number] is not None), None)
    storage = template.storage
    if storage.endpoint is None and endpoint is not None:
        storage = storage.model_copy(update={"endpoint": endpoint})
    importance = read_status(ExperimentStatus, experiment.get("status")).importance or {}
    return ExperimentReport(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        storage=storage,
        results=template.results,
        metric=spec.objective.metric,
        goal=spec.objective.goal,
        axes=[_axis(one) for one in spec.parameters],
        trials=reported,
        omitted=len(trials) - len(reported),
        importance={one: _line(importance[one]) for one in names if one in importance},
        best=winner.number if winner else None,
        job=best_job(experiment, spec, winner) if winner else None,
    )


def freed(
    spec: ExperimentSpec, trials: Iterable[Trial], events: Iterable[Event], *, kept: Trial | None
) -> dict[int, list[tuple[int, str]]]:
    """Return the rungs that no longer need their checkpoints, by trial, with the uids of their TrainingJobs.

    The checkpoints of a rung are needed until its trial finishes the next rung or is dropped.

    Args:
        spec: The spec of the Experiment.
        trials: The trials.
        events: The events of the ledger from which the trials are computed.
        kept: The best trial, which keeps the checkpoints of its last rung in any case.
    """
    if spec.retain == "All":
        return {}
    begun: dict[int, dict[tuple[int, str], None]] = {}
    for event in events:
        if isinstance(event, Started | Finished | Diverged | Failed) and event.uid:
            begun.setdefault(event.trial, {})[event.rung, event.uid] = None
    return {
        trial.number: [one for one in begun.get(trial.number, {}) if _is_free(one, trial, is_kept=trial is kept)]
        for trial in trials
    }


def best_job(experiment: Mapping[str, Any], spec: ExperimentSpec, trial: Trial) -> Object:
    """Return a TrainingJob that trains all epochs with the parameters of a trial, ready for `kubectl apply`.

    Args:
        experiment: The Experiment, as JSON.
        spec: Its spec.
        trial: The trial.
    """
    space = Space.of(spec.parameters)
    made = training_job(experiment, spec, space, Trial(trial.number, trial.parameters, trial.known))
    metadata: Object = {"name": f"{experiment['metadata']['name']}-best", "namespace": made["metadata"]["namespace"]}
    if spec.template.metadata.labels:
        metadata["labels"] = dict(spec.template.metadata.labels)
    return made | {
        "metadata": metadata,
        "spec": {name: value for name, value in made["spec"].items() if name != "suspend"},
    }


def bounded(report: ExperimentReport, most: int = MAX_TEXT) -> str:
    """Return a report as text; the worst trials are omitted if the text is too long.

    The best TrainingJob is omitted only if the report is too long without any trial.

    Args:
        report: The report.
        most: The largest number of bytes.
    """
    text = encode(report)
    if len(text) > most and len(encode(report.model_copy(update={"trials": []}))) > most:
        report = report.model_copy(update={"job": None})
        text = encode(report)
    while len(text) > most and report.trials:
        kept = min(len(report.trials) - 1, len(report.trials) * most // len(text))
        ranked = sorted(report.trials, key=lambda one: _rank(one, maximize=report.maximize))[:kept]
        report = report.model_copy(
            update={
                "trials": sorted(ranked, key=lambda one: one.number),
                "omitted": report.omitted + len(report.trials) - kept,
            }
        )
        text = encode(report)
    return text


def _is_free(rung: tuple[int, str], trial: Trial, *, is_kept: bool) -> bool:
    index, uid = rung
    last = trial.rungs[-1] if trial.rungs else None
    if last is not None and index < len(trial.rungs) and uid != last.uid:
        return True
    return trial.dropped and not is_kept


def _axis(parameter: Parameter) -> ReportedParameter:
    numbers = parameter.float_ or parameter.int_
    return ReportedParameter(
        name=parameter.name, log=numbers is not None and numbers.scale == "Log", values=parameter.values
    )


def _reported(trial: Trial, gone: Sequence[tuple[int, str]], parameters: Sequence[str]) -> ReportedTrial | None:
    """Return a trial as it is reported, or None if it breaks the schema of the report."""
    texts = {one: trial.parameters[one] for one in parameters if one in trial.parameters}
    lost = trial.uids[-1] if trial.uids and trial.state in {"Failed", "Diverged"} else None
    try:
        return ReportedTrial(
            number=trial.number,
            state=trial.state,
            parameters={one: _line(text) for one, text in texts.items()},
            rungs=[_rung(one) for one in trial.rungs],
            failed=TrialFolder(rung=len(trial.rungs), uid=lost) if lost else None,
            freed=[TrialFolder(rung=rung, uid=uid) for rung, uid in gone],
        )
    except ValidationError:
        return None


def _line(text: str) -> str:
    """Return a text on one line."""
    return " ".join(printable(text, instead=" ").split())[:_LONGEST]


def _rung(rung: Rung) -> ReportedRung:
    worth = None if rung.value is None else f"{rung.value:.10g}"
    return ReportedRung(uid=rung.uid or None, epoch=rung.epoch, value=worth, seconds=rung.seconds)


def _rank(trial: ReportedTrial, *, maximize: bool) -> tuple[float, int]:
    """Return the sort key of a trial: best value first, trials without a value last."""
    if trial.value is None:
        return float("inf"), trial.number
    return (-float(trial.value) if maximize else float(trial.value)), trial.number
