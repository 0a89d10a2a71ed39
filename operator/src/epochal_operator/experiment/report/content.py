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
from epochal_api.trainingjob.spec import TrainingJobSpec
from pydantic import ValidationError

from epochal_operator.experiment.ledger.events import Diverged, Event, Failed, Finished, Started
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial import Rung, Trial, rank_trials
from epochal_operator.experiment.trial_job import training_job

Object = dict[str, Any]

_MAX_VALUE = 256
"""Maximum characters of a value in the report. A value in the template may be longer than any value of the search."""


def build_report(
    experiment: Mapping[str, Any], spec: ExperimentSpec, events: Sequence[Event], endpoint: str | None
) -> ExperimentReport:
    """Return the report of an Experiment."""
    metadata, template = Metadata.model_validate(experiment["metadata"]), spec.template.spec
    trials = apply_events(events)
    ranked = rank_trials(trials, maximize=spec.objective.goal == "Maximize")
    unneeded = unneeded_checkpoints(spec, trials, events, kept=ranked[0] if ranked else None)
    names = [parameter.name for parameter in spec.parameters]
    reported = {trial.number: _reported_trial(trial, unneeded.get(trial.number, []), names) for trial in trials}
    valid = [trial for trial in reported.values() if trial is not None]
    winner = next((trial for trial in ranked if reported[trial.number] is not None), None)
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
        axes=[_axis(parameter) for parameter in spec.parameters],
        trials=valid,
        omitted=len(trials) - len(valid),
        importance={name: _single_line(importance[name]) for name in names if name in importance},
        best=winner.number if winner else None,
        job=best_job(experiment, spec, winner) if winner else None,
    )


def unneeded_checkpoints(
    spec: ExperimentSpec, trials: Iterable[Trial], events: Iterable[Event], *, kept: Trial | None
) -> dict[int, list[tuple[int, str]]]:
    """Return by trial the rung and the uid of each TrainingJob whose checkpoints may be deleted.

    The checkpoints of a rung are needed until its trial finishes the next rung or is dropped.

    Args:
        spec: The spec of the Experiment.
        trials: The trials.
        events: The events of the ledger from which the trials are computed.
        kept: The best trial, which keeps the checkpoints of its last rung in any case.
    """
    if spec.retain == "All":
        return {}
    started: dict[int, dict[tuple[int, str], None]] = {}
    for event in events:
        if isinstance(event, Started | Finished | Diverged | Failed) and event.uid:
            started.setdefault(event.trial, {})[event.rung, event.uid] = None
    return {
        trial.number: [
            rung for rung in started.get(trial.number, {}) if _is_unneeded(rung, trial, is_kept=trial is kept)
        ]
        for trial in trials
    }


def best_job(experiment: Mapping[str, Any], spec: ExperimentSpec, trial: Trial) -> Object:
    """Return a TrainingJob that trains all epochs with the parameters of a trial, ready for `kubectl apply`."""
    space = Space.of(spec.parameters)
    job = training_job(experiment, spec, space, Trial(trial.number, trial.parameters, trial.known_events))
    metadata: Object = {"name": f"{experiment['metadata']['name']}-best", "namespace": job["metadata"]["namespace"]}
    if spec.template.metadata.labels:
        metadata["labels"] = dict(spec.template.metadata.labels)
    return job | {"metadata": metadata, "spec": _concise(job["spec"])}


def _concise(spec: Object) -> Object:
    """Return the spec of a TrainingJob without default values, as a user would write it.

    Defaults are omitted, fields have the order of the schema, and a Keras object without arguments is its name.
    """
    parsed = TrainingJobSpec.model_validate(spec)
    concise = parsed.model_dump(mode="json", exclude_defaults=True, exclude={"suspend"})
    training = _with_names(concise["training"])
    if "outputs" in training:
        training["outputs"] = [_with_names(output) for output in training["outputs"]]
    return concise | {"training": training}


def _with_names(training: Object) -> Object:
    """Return `spec.training`, or one of its outputs, with only the name of each Keras object without arguments."""
    named: Object = {name: _name_or_object(training[name]) for name in ("optimizer", "loss") if name in training}
    if "metrics" in training:
        named["metrics"] = [_name_or_object(metric) for metric in training["metrics"]]
    return training | named


def _name_or_object(keras_object: Object) -> Object | str:
    return str(keras_object["name"]) if len(keras_object) == 1 else keras_object


def encode_bounded(report: ExperimentReport, max_bytes: int = MAX_TEXT) -> str:
    """Return a report as text; the worst trials are omitted if the text is too long.

    The best TrainingJob is omitted only if the report is too long without any trial.
    """
    text = encode(report)
    if len(text) > max_bytes and len(encode(report.model_copy(update={"trials": []}))) > max_bytes:
        report = report.model_copy(update={"job": None})
        text = encode(report)
    while len(text) > max_bytes and report.trials:
        kept = min(len(report.trials) - 1, len(report.trials) * max_bytes // len(text))
        ranked = sorted(report.trials, key=lambda trial: _sort_key(trial, maximize=report.maximize))[:kept]
        report = report.model_copy(
            update={
                "trials": sorted(ranked, key=lambda trial: trial.number),
                "omitted": report.omitted + len(report.trials) - kept,
            }
        )
        text = encode(report)
    return text


def _is_unneeded(rung: tuple[int, str], trial: Trial, *, is_kept: bool) -> bool:
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


def _reported_trial(
    trial: Trial, unneeded: Sequence[tuple[int, str]], parameters: Sequence[str]
) -> ReportedTrial | None:
    """Return the entry of a trial in the report, or None if it is invalid by the schema of the report."""
    uid = trial.uids[-1] if trial.uids and trial.state in {"Failed", "Diverged"} else None
    try:
        return ReportedTrial(
            number=trial.number,
            state=trial.state,
            parameters={name: _single_line(trial.parameters[name]) for name in parameters if name in trial.parameters},
            rungs=[_reported_rung(rung) for rung in trial.rungs],
            failed=TrialFolder(rung=len(trial.rungs), uid=uid) if uid else None,
            freed=[TrialFolder(rung=rung, uid=uid) for rung, uid in unneeded],
        )
    except ValidationError:
        return None


def _single_line(text: str) -> str:
    return " ".join(printable(text, instead=" ").split())[:_MAX_VALUE]


def _reported_rung(rung: Rung) -> ReportedRung:
    value = None if rung.value is None else f"{rung.value:.10g}"
    epochs = {"epoch": rung.epoch, "value_epoch": rung.value_epoch}
    return ReportedRung(uid=rung.uid or None, value=value, seconds=rung.seconds, **epochs)


def _sort_key(trial: ReportedTrial, *, maximize: bool) -> tuple[float, int]:
    """Return the sort key of a trial: best value first, trials without a value last."""
    if trial.value is None:
        return float("inf"), trial.number
    return (-float(trial.value) if maximize else float(trial.value)), trial.number
