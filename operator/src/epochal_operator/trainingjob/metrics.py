"""Metrics of TrainingJobs, computed from the objects, and metrics of the progress reports."""

from collections.abc import Iterator, Mapping
from typing import Any

from epochal_api.experiment.spec import KIND as EXPERIMENT
from epochal_api.kind import GROUP
from epochal_api.trainingjob.spec import KIND
from epochal_api.trainingjob.status import CONDITIONS, EXPORTED, STATES, STORAGE
from prometheus_client import CollectorRegistry, Counter, Histogram

from epochal_operator.runtime.api.resource import part
from epochal_operator.runtime.metrics import KindMetrics, created_time, number, status_number, status_time, time
from epochal_operator.runtime.owners import controller_owner
from epochal_operator.trainingjob.reasons import Reason, as_reason, effect

Object = Mapping[str, Any]

_IMAGE_REASONS = frozenset(
    {Reason.IMAGE_PULL_BACK_OFF, Reason.INVALID_IMAGE_NAME, Reason.CREATE_CONTAINER_ERROR, Reason.RUN_CONTAINER_ERROR}
)
_STORAGE_REASONS = frozenset({Reason.STORAGE_UNAVAILABLE, Reason.ENDPOINT_UNREACHABLE})
"""Reasons with the fault Cluster; the fault is User if the spec sets the image or endpoint, which may be wrong."""
_EPOCH_BUCKETS = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)


def _fault(reason_text: str, training_job: Object) -> str | None:
    reason, spec, progress = as_reason(reason_text), part(training_job, "spec"), _progress(training_job)
    if reason in _IMAGE_REASONS and spec.get("image"):
        return "User"
    # The storage holds the number of attempts, so without it the storage was never reached.
    if reason in _STORAGE_REASONS and not progress.get("attempt"):
        waiting_effect = effect(str(part(progress, "waiting").get("reason", "")))
        if part(spec, "storage").get("endpoint") or waiting_effect.fault == "User":
            return "User"
    return effect(reason_text).fault


def _info(training_job: Object) -> dict[str, str]:
    spec = part(training_job, "spec")
    trial_owner = controller_owner({"metadata": part(training_job, "metadata")}, group=GROUP, kind=EXPERIMENT)
    return {
        "framework": str(spec.get("framework") or ""),
        "queue": str(part(spec, "scheduling").get("queueName") or ""),
        "experiment": trial_owner.name if trial_owner is not None else "",
    }


def _metrics(training_job: Object) -> Iterator[tuple[str, float | None]]:
    for name, text in part(part(training_job, "status"), "metrics").items():
        yield name, number(text)


def _best(training_job: Object) -> Iterator[tuple[str, float | None]]:
    if best := part(part(training_job, "status"), "best"):
        yield str(best.get("metric", "")), number(best.get("value"))


def _progress(training_job: Object) -> Object:
    return part(part(training_job, "status"), "progress")


def _epochs(training_job: Object) -> float | None:
    return number(_progress(training_job).get("epochs") or part(part(training_job, "spec"), "training").get("epochs"))


METRICS = KindMetrics(
    kind=KIND,
    states=STATES,
    conditions=CONDITIONS,
    statuses={EXPORTED: ("False",), STORAGE: ("False", "Unknown")},
    reasons=Reason,
    fault=_fault,
    info=_info,
    labelled=(
        ("metric", "A metric of the last finished epoch.", "metric", _metrics),
        (
            "best_metric",
            "The best value so far of the metric that decides the best epoch (spec.training.monitor).",
            "metric",
            _best,
        ),
    ),
    values=(
        ("epoch", "Finished epochs.", lambda training_job: number(_progress(training_job).get("epoch", 0))),
        ("epochs", "Epochs of the whole training.", _epochs),
        (
            "progress_ratio",
            "Finished steps divided by all steps of the training, from 0 to 1.",
            lambda training_job: (number(_progress(training_job).get("percent")) or 0) / 100,
        ),
        ("attempts", "Attempts so far: 1 + the restarts.", status_number("attempt")),
        ("gpus", "GPUs that the TrainingJob requests.", status_number("gpus")),
        ("created_time_seconds", "When the TrainingJob was created.", created_time),
        ("start_time_seconds", "When the TrainingJob first started.", status_time("startTime")),
        ("completion_time_seconds", "When the TrainingJob completed or failed.", status_time("completionTime")),
        (
            "last_report_time_seconds",
            "When the trainer last reported.",
            lambda training_job: time(_progress(training_job).get("lastReportTime")),
        ),
    ),
)


class ReportMetrics:
    """Metrics of the progress reports that this process receives.

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
            "Progress reports by the HTTP status of the response.",
            ["code"],
            registry=registry,
        )
