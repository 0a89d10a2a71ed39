"""Builds the row of a run in the list of runs (RunSummary)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from epochal.views import progress

from epochal_studio.runs.values import Readable, count, items, mapping, number, readable, text, time
from epochal_studio.wire.common import RunKey
from epochal_studio.wire.runs import MAX_SPARKLINE, MetricValue, RunSummary, ServerSummary

MAX_NAME = 253
MAX_METRIC_NAME = 128
MAX_URI = 2048
EXPERIMENT_LABEL = "epochal.dev/experiment"
_NO_NAME = "?"
"""Name that is shown for an object without a name, which the API server never sends."""
_COUNTS = ("created", "running", "complete", "failed")
"""States whose numbers of trials are shown even if they are 0."""


def summary(found: Mapping[str, Any], now: datetime, sparkline: Sequence[float] = ()) -> RunSummary:
    """Return the row of a TrainingJob, Experiment or ModelServer in the list of runs.

    Args:
        found: The object, with any content.
        now: The current time, which replaces a missing creation time.
        sparkline: Values of the monitored metric, oldest first.
    """
    run = readable(found)
    document, status = run.document(), run.status
    reported = mapping(status.get("progress"))
    state = progress.state(document)
    best = _best(run)
    finite = [value for value in sparkline[-MAX_SPARKLINE:] if number(value) is not None]
    return RunSummary(
        **_key(run),
        uid=text(run.metadata.get("uid"), MAX_NAME),
        resource_version=text(run.metadata.get("resourceVersion"), MAX_NAME),
        generation=count(run.metadata.get("generation")) or 0,
        created=time(run.metadata.get("creationTimestamp")) or now.astimezone(UTC),
        state=state,
        reason=progress.reason(document),
        warnings=len(items(status.get("warnings"))),
        start_time=time(status.get("startTime")),
        completion_time=time(status.get("completionTime")),
        estimated_completion_time=None if state in progress.FINISHED else time(reported.get("estimatedCompletionTime")),
        percent=min(100, max(0, progress.percent(document))),
        epoch=count(reported.get("epoch")),
        epochs=count(reported.get("epochs")) or count(mapping(run.spec.get("training")).get("epochs")),
        metrics=_metrics(run, best),
        best=best,
        sparkline=finite,
        trials=_trials(run),
        experiment=text(mapping(run.metadata.get("labels")).get(EXPERIMENT_LABEL), MAX_NAME) or None,
        has_model=_has_model(run),
        server=_server(run),
    )


def key(found: Mapping[str, Any]) -> RunKey:
    """Return the kind, namespace and name of an object with any content.

    The kind is TrainingJob if it is invalid. The namespace or the name is _NO_NAME if it is invalid.
    """
    return RunKey(**_key(readable({"kind": found.get("kind"), "metadata": found.get("metadata")})))


def monitored(row: RunSummary) -> MetricValue | None:
    """Return the metric for a run's sparkline, with its last value; None before the status has a best epoch or trial.

    For a TrainingJob, it is the metric that decides which epoch is the best. For an Experiment, it is the objective,
    with the value of the best trial.
    """
    best = row.best
    if best is None or row.kind == "Experiment":
        return best
    return next((metric for metric in row.metrics if metric.name == best.name), MetricValue(name=best.name, value=None))


def _key(run: Readable) -> dict[str, Any]:
    names = {name: text(run.metadata.get(name), MAX_NAME) or _NO_NAME for name in ("namespace", "name")}
    return {"kind": run.kind, **names}


def _best(run: Readable) -> MetricValue | None:
    best = mapping(run.status.get("best"))
    metric = mapping(run.spec.get("objective")).get("metric") if run.kind == "Experiment" else best.get("metric")
    name = text(metric, MAX_METRIC_NAME)
    return MetricValue(name=name, value=number(best.get("value"))) if best and name else None


def _metrics(run: Readable, best: MetricValue | None) -> list[MetricValue]:
    if run.kind == "Experiment":
        return [best] if best is not None else []
    values = mapping(run.status.get("metrics"))
    # The monitored metric is always among them.
    first = [best.name] if best is not None and best.name in [*values][progress.MAX_METRICS :] else []
    names = [*first, *(name for name in values if name not in first)][: progress.MAX_METRICS]
    return [MetricValue(name=text(name, MAX_METRIC_NAME), value=number(values[name])) for name in names]


def _trials(run: Readable) -> dict[str, int] | None:
    if run.kind != "Experiment":
        return None
    counts = {name: found for name, value in mapping(run.status.get("trials")).items() if (found := count(value))}
    return {
        **dict.fromkeys(_COUNTS, 0),
        **counts,
        "total": count(run.spec.get("maxTrials")) or counts.get("created", 0),
    }


def _server(run: Readable) -> ServerSummary | None:
    if run.kind != "ModelServer":
        return None
    model = mapping(run.status.get("model"))
    return ServerSummary(
        url=text(run.status.get("url"), MAX_URI),
        model=text(model.get("uri"), MAX_URI),
        source=_source(run, model),
        replicas=count(run.status.get("replicas")) or 0,
        ready_replicas=count(run.status.get("readyReplicas")) or 0,
    )


def _source(run: Readable, model: Mapping[str, Any]) -> RunKey | None:
    """Return the key of the run that produced a ModelServer's model, or None.

    For a model of a trial, it is the Experiment and not the trial's TrainingJob, because users name the Experiment.
    """
    namespace = text(run.metadata.get("namespace"), MAX_NAME) or _NO_NAME
    if name := text(model.get("experimentName"), MAX_NAME):
        return RunKey(kind="Experiment", namespace=namespace, name=name)
    if name := text(model.get("trainingJobName"), MAX_NAME):
        return RunKey(kind="TrainingJob", namespace=namespace, name=name)
    return None


def _has_model(run: Readable) -> bool:
    """Return whether a ModelServer can serve a model of this run: the run is Complete, and its status lists a model.

    An Experiment must have the TrainingJob of its best trial. The operator uses the same rule.
    """
    if run.status.get("state") != "Complete":
        return False
    if run.kind == "Experiment":
        return bool(mapping(run.status.get("best")).get("jobName"))
    return bool(items(mapping(run.status.get("results")).get("models")))
