"""The series of every TrainingJob, computed from the objects, and those of the reports on them."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from epochal_api.status import CONDITIONS, STATES
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

Object = Mapping[str, Any]

CONDITION_STATUSES = ("True", "False", "Unknown")

_log = logging.getLogger(__name__)

_PREFIX = "epochal_trainingjob"
_JOB = ("namespace", "name")
_EPOCH_BUCKETS = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)


def collect(jobs: Iterable[Object]) -> Iterator[Metric]:
    """Yields the metric families that have a value for any of some TrainingJobs.

    Args:
        jobs: The TrainingJobs as JSON.
    """
    info = InfoMetricFamily(_PREFIX, "A TrainingJob.", labels=_JOB)
    state = _gauge("state", "Whether the TrainingJob is in this state.", "state")
    condition = _gauge("condition", "Whether the condition has this status.", "condition", "status")
    metric = _gauge("metric", "A figure of the last finished epoch.", "metric")
    best = _gauge("best_metric", "The best figure so far of the metric that the TrainingJob is judged by.", "metric")
    values = [(_gauge(name, text), read) for name, text, read in _VALUES]

    def add(job: Object) -> None:
        spec, status, metadata = _part(job, "spec"), _part(job, "status"), _part(job, "metadata")
        key = [str(metadata.get("namespace", "")), str(metadata.get("name", ""))]
        info.add_metric(
            key,
            {
                "uid": str(metadata.get("uid", "")),
                "framework": str(spec.get("framework", "")),
                "queue": str(_part(spec, "scheduling").get("queueName", "")),
            },
        )
        for one in STATES:
            state.add_metric([*key, one], status.get("state") == one)
        entries = status.get("conditions")
        found = {
            str(entry.get("type")): entry.get("status")
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, Mapping)
        }
        for kind in CONDITIONS:
            for value in CONDITION_STATUSES:
                condition.add_metric([*key, kind, value], found.get(kind) == value)
        for name, text in _part(status, "metrics").items():
            _add(metric, [*key, name], _number(text))
        if winner := _part(status, "best"):
            _add(best, [*key, str(winner.get("metric", ""))], _number(winner.get("value")))
        for family, read in values:
            _add(family, key, read(job))

    for job in jobs:
        try:
            add(job)
        except Exception:  # noqa: BLE001 - whatever is wrong with one of them, the others have their series
            _log.exception("a TrainingJob has no series: %s", job.get("metadata"))

    families: list[Metric] = [info, state, condition, metric, best, *(family for family, _ in values)]
    yield from (family for family in families if family.samples)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=[*_JOB, *labels])


def _add(family: GaugeMetricFamily, labels: list[str], value: float | None) -> None:
    if value is not None:
        family.add_metric(labels, value)


def _part(node: Object, name: str) -> Object:
    """Returns a part of an object; empty where there is none, or where another version wrote something else there."""
    found = node.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _time(value: Any) -> float | None:
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _progress(job: Object) -> Object:
    return _part(_part(job, "status"), "progress")


def _epochs(job: Object) -> float | None:
    return _number(_progress(job).get("epochs") or _part(_part(job, "spec"), "training").get("epochs"))


_VALUES: tuple[tuple[str, str, Callable[[Object], float | None]], ...] = (
    ("epoch", "Finished epochs.", lambda job: _number(_progress(job).get("epoch", 0))),
    ("epochs", "Epochs in all.", _epochs),
    ("progress_ratio", "Finished part of all steps.", lambda job: (_number(_progress(job).get("percent")) or 0) / 100),
    ("attempts", "1 + the restarts so far.", lambda job: _number(_part(job, "status").get("attempt"))),
    ("gpus", "GPUs that the TrainingJob asks for.", lambda job: _number(_part(job, "status").get("gpus"))),
    (
        "created_time_seconds",
        "When the TrainingJob was created.",
        lambda job: _time(_part(job, "metadata").get("creationTimestamp")),
    ),
    (
        "start_time_seconds",
        "When the TrainingJob first started.",
        lambda job: _time(_part(job, "status").get("startTime")),
    ),
    (
        "completion_time_seconds",
        "When the TrainingJob completed or failed.",
        lambda job: _time(_part(job, "status").get("completionTime")),
    ),
    (
        "last_report_time_seconds",
        "When the trainer last reported.",
        lambda job: _time(_progress(job).get("lastReportTime")),
    ),
)


class ReportMetrics:
    """What this process counts and measures of the reports that it takes.

    Args:
        registry: Where the series are registered.

    Attributes:
        epoch_duration: Seconds of each finished epoch, observed when its report is applied.
        progress_reports: Progress reports by `code`, the HTTP status of the answer.
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
