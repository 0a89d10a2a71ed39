"""Metrics of TrainingJobs, computed from the objects, and metrics of the progress reports."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from epochal_api.experiment import KIND as EXPERIMENT
from epochal_api.kind import GROUP
from epochal_api.status import CONDITIONS, EXPORTED, STATES, STORAGE
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from epochal_operator.runtime.metrics import (
    OTHER,
    add,
    conditions,
    label_name,
    number,
    part,
    series_key,
    shown,
    time,
)
from epochal_operator.runtime.owners import controller
from epochal_operator.trainingjob.reasons import Reason, as_reason, effect

Object = Mapping[str, Any]

_log = logging.getLogger(__name__)

_PREFIX = "epochal_trainingjob"
_JOB = ("namespace", "name")
_SHOWN = {EXPORTED: ("False",), STORAGE: ("False", "Unknown")}
"""Condition statuses that become a series, for types whose default (True) is not enough."""
_OF_IMAGE = frozenset(
    {
        Reason.IMAGE_PULL_BACK_OFF,
        Reason.INVALID_IMAGE_NAME,
        Reason.CREATE_CONTAINER_ERROR,
        Reason.RUN_CONTAINER_ERROR,
    }
)
_OF_STORAGE = frozenset({Reason.STORAGE_UNAVAILABLE, Reason.ENDPOINT_UNREACHABLE})
"""Reasons with the fault Cluster, unless the spec names an image or endpoint, in which the user may have erred."""
_EPOCH_BUCKETS = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)


def collect(jobs: Iterable[Object], labels: Sequence[str] = ()) -> Iterator[Metric]:
    """Yield the metric families that have a sample for any of the TrainingJobs.

    A TrainingJob has a series for its current state, reason and conditions, and none for others.

    Args:
        jobs: The TrainingJobs as JSON.
        labels: TrainingJob labels that become labels of all its series, for example a team's name to route alerts.
    """
    names = (*_JOB, *map(label_name, labels))
    gauge = partial(_gauge, names)
    info = InfoMetricFamily(_PREFIX, "A TrainingJob.", labels=names)
    state = gauge("state", "The state of the TrainingJob.", "state")
    condition = gauge("condition", "A condition of the TrainingJob that tells something.", "condition", "status")
    reason = gauge("reason", "Why the TrainingJob is where it is, and whose fault that is.", "reason", "fault")
    metric = gauge("metric", "A figure of the last finished epoch.", "metric")
    best = gauge("best_metric", "The best figure so far of the metric that the TrainingJob is judged by.", "metric")
    values = [(gauge(name, text), read) for name, text, read in _VALUES]

    def add_one(job: Object) -> None:
        spec, status, metadata = part(job, "spec"), part(job, "status"), part(job, "metadata")
        key = series_key(metadata, labels)
        info.add_metric(
            key,
            {
                "uid": str(metadata.get("uid", "")),
                "framework": str(spec.get("framework") or ""),
                "queue": str(part(spec, "scheduling").get("queueName") or ""),
                "experiment": _experiment(job),
            },
        )
        if status.get("state") in STATES:
            state.add_metric([*key, status["state"]], 1)
        found = conditions(status)
        for kind, value in shown(found, CONDITIONS, _SHOWN):
            condition.add_metric([*key, kind, value], 1)
        if why := part(found, "Ready").get("reason"):
            reason.add_metric([*key, *_reason(str(why), job)], 1)
        for name, text in part(status, "metrics").items():
            add(metric, [*key, name], number(text))
        if winner := part(status, "best"):
            add(best, [*key, str(winner.get("metric", ""))], number(winner.get("value")))
        for family, read in values:
            add(family, key, read(job))

    for job in jobs:
        try:
            add_one(job)
        except Exception:  # noqa: BLE001 - an invalid object must not remove the series of the others
            _log.exception("a TrainingJob has no series: %s", job.get("metadata"))

    families: list[Metric] = [info, state, condition, reason, metric, best, *(family for family, _ in values)]
    yield from (family for family in families if family.samples)


def _gauge(labels: Sequence[str], name: str, text: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=[*labels, *more])


def _reason(word: str, job: Object) -> tuple[str, str]:
    """Return a reason and its fault. All foreign reasons share one value, which limits the number of series."""
    reason, spec, progress = as_reason(word), part(job, "spec"), _progress(job)
    fault = effect(word).fault or ""
    if reason in _OF_IMAGE and spec.get("image"):
        fault = "User"
    elif reason in _OF_STORAGE and not progress.get("attempt"):  # the storage holds the count, so it was never reached
        awaited = effect(str(part(progress, "waiting").get("reason", "")))
        if part(spec, "storage").get("endpoint") or awaited.fault == "User":
            fault = "User"
    return str(reason) if isinstance(reason, Reason) else OTHER, fault


def _experiment(job: Object) -> str:
    """Return the name of the Experiment that owns a TrainingJob as its trial, or an empty text."""
    owner = controller({"metadata": part(job, "metadata")}, group=GROUP, kind=EXPERIMENT)
    return owner.name if owner is not None else ""


def _progress(job: Object) -> Object:
    return part(part(job, "status"), "progress")


def _epochs(job: Object) -> float | None:
    return number(_progress(job).get("epochs") or part(part(job, "spec"), "training").get("epochs"))


_VALUES: tuple[tuple[str, str, Callable[[Object], float | None]], ...] = (
    ("epoch", "Finished epochs.", lambda job: number(_progress(job).get("epoch", 0))),
    ("epochs", "Epochs in all.", _epochs),
    ("progress_ratio", "Finished part of all steps.", lambda job: (number(_progress(job).get("percent")) or 0) / 100),
    ("attempts", "1 + the restarts so far.", lambda job: number(part(job, "status").get("attempt"))),
    ("gpus", "GPUs that the TrainingJob asks for.", lambda job: number(part(job, "status").get("gpus"))),
    (
        "created_time_seconds",
        "When the TrainingJob was created.",
        lambda job: time(part(job, "metadata").get("creationTimestamp")),
    ),
    (
        "start_time_seconds",
        "When the TrainingJob first started.",
        lambda job: time(part(job, "status").get("startTime")),
    ),
    (
        "completion_time_seconds",
        "When the TrainingJob completed or failed.",
        lambda job: time(part(job, "status").get("completionTime")),
    ),
    (
        "last_report_time_seconds",
        "When the trainer last reported.",
        lambda job: time(_progress(job).get("lastReportTime")),
    ),
)


class ReportMetrics:
    """Metrics of the progress reports that this process receives.

    Args:
        registry: Registry of the metrics.

    Attributes:
        epoch_duration: Seconds of each finished epoch, observed when its report is applied.
        progress_reports: Progress reports by `code`, the HTTP status of the response.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.epoch_duration = Histogram(
            "epochal_epoch_duration_seconds",
            "Seconds of a finished epoch with its validation.",
            buckets=_EPOCH_BUCKETS,
            registry=registry,
        )
        self.progress_reports = Counter(
            "epochal_progress_reports",
            "Progress reports by the HTTP status of the answer.",
            ["code"],
            registry=registry,
        )
