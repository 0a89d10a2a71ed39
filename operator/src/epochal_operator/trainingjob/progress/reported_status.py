"""The status fields from a trainer's report, formatted for users."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from epochal_api.condition import timestamp
from epochal_api.display import Display
from epochal_api.trainingjob import report as reports
from epochal_api.trainingjob.report import Report
from epochal_api.trainingjob.status import (
    MAX_WARNINGS,
    Best,
    NetworkSize,
    Progress,
    ReportedStatus,
    Status,
    TrainingWarning,
    Waiting,
)

from epochal_operator.runtime.reasons import sanitize_message
from epochal_operator.trainingjob.progress.reported_metrics import (
    DEFAULT_DISPLAY_METRICS,
    display_metrics,
    format_metric,
    limit_names,
    metric_texts,
)
from epochal_operator.trainingjob.progress.stored_results import stored_results

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def reported_status(
    report: Report, now: datetime, before: ReportedStatus | None = None, *, pod_created: str | None = None
) -> ReportedStatus:
    """Return the status fields for a report.

    Args:
        report: The complete latest state of a trainer.
        now: Time of the report's arrival, with a time zone.
        before: The previous status fields from reports. Their position and results stay while a new attempt loads,
            because the trainer has not yet read its checkpoint. When it trains, its position applies, even if that is
            earlier.
        pod_created: Creation time of the pod that sent the report, RFC 3339.

    Returns:
        All status fields from reports. Numbers that are not integers become strings with six significant digits.
        Metrics beyond the limit of names since the start are omitted, because each becomes a Prometheus series.
    """
    preferred = display_metrics(report.best.metric if report.best else None)
    names = limit_names(report.metrics or (), known=_previous_names(before), preferred=preferred)
    names = limit_names(report.test or (), known=names, preferred=preferred)
    status = _from_report(report, now, names, _warnings(report.warnings, before), pod_created)
    is_loading = report.stage == "Loading" or report.attempt == 0
    return _with_reached_position(status, before) if is_loading and before else status


def _previous_names(before: ReportedStatus | None) -> list[str]:
    names = before.progress.metric_names if before and before.progress else None
    return names or [*((before and before.metrics) or ()), *((before and before.test) or ())]


def _warnings(
    now: Iterable[reports.TrainingWarning] | None, before: ReportedStatus | None
) -> list[TrainingWarning] | None:
    """Return all warnings so far, one for each reason: a new attempt may not yet have repeated its warnings."""
    known = {warning.reason: warning for warning in (before and before.warnings) or ()}
    new = {
        warning.reason: TrainingWarning(reason=warning.reason, message=sanitize_message(warning.message))
        for warning in now or ()
    }
    return list((known | new).values())[:MAX_WARNINGS] or None


def _from_report(
    report: Report, now: datetime, names: list[str], warnings: list[TrainingWarning] | None, pod_created: str | None
) -> ReportedStatus:
    has_ended = report.stage in {"Storing", "Done"}
    completion = eta = None
    if report.seconds_left is not None and not has_ended:
        completion = timestamp(now + timedelta(seconds=min(report.seconds_left, _MAX_SECONDS)))
        eta = format_duration(report.seconds_left)
    metrics = metric_texts(report.metrics, names)
    best = report.best if report.best and report.best.metric in {*names, *DEFAULT_DISPLAY_METRICS} else None
    progress = Progress(
        attempt=report.attempt,
        sequence=report.sequence,
        pod_created=pod_created,
        stage=report.stage,
        start_stage=report.start_stage if report.stage == "Loading" else None,
        epoch=report.epoch,
        epochs=report.epochs,
        step=report.step,
        steps_per_epoch=report.steps_per_epoch,
        percent=100 if has_ended else _percent(report),
        seconds_per_epoch=None if report.seconds_per_epoch is None else f"{report.seconds_per_epoch:.4g}",
        estimated_completion_time=completion,
        last_report_time=timestamp(now),
        metric_names=names or None,
        waiting=report.waiting and _waiting(report.waiting, now),
        finish_after_epoch=report.finish_after_epoch,
        stopped_after_epoch=report.stopped_after_epoch,
    )
    return ReportedStatus(
        progress=progress,
        metrics=metrics,
        best=best and Best(epoch=best.epoch, metric=best.metric, mode=best.mode, value=f"{best.value:.6g}"),
        test=metric_texts(report.test, names),
        network=report.network and NetworkSize(parameters=report.network.parameters, layers=report.network.layers),
        results=report.artifacts and stored_results(report, report.artifacts, names),
        warnings=warnings,
        display=_display(progress, metrics, best.metric if best else None, eta=eta),
    )


def _with_reached_position(new: ReportedStatus, before: ReportedStatus) -> ReportedStatus:
    """Return the fields of a trainer that still loads, with the later position of `new` and `before`."""
    progress, previous = new.progress, before.progress
    if progress is None or previous is None:
        return new
    later, earlier = new, before
    if (progress.epoch, progress.step) < (previous.epoch, previous.step):
        later, earlier = before, new
        progress = progress.model_copy(update={name: getattr(previous, name) for name in _POSITION})
    if progress.attempt < previous.attempt:
        progress = progress.model_copy(update={name: getattr(previous, name) for name in _ORDER})
    if progress.finish_after_epoch is None:  # It has not been asked yet.
        progress = progress.model_copy(update={"finish_after_epoch": previous.finish_after_epoch})
    fields = {name: getattr(later, name) or getattr(earlier, name) for name in ReportedStatus.model_fields}
    fields |= {"progress": progress, "warnings": new.warnings}
    best: Best | None = fields["best"]
    display = _display(progress, fields["metrics"], best.metric if best else None, eta=None)
    return ReportedStatus(**fields | {"display": display})


def final_status(status: ReportedStatus) -> ReportedStatus:
    """Return the status fields of an ended TrainingJob, without the remaining time and the cause of a wait."""
    cleared = {"estimated_completion_time": None, "waiting": None}
    progress = status.progress and status.progress.model_copy(update=cleared)
    display = status.display and status.display.model_copy(update={"eta": None})
    return status.model_copy(update={"progress": progress, "display": display})


def reached_epoch(progress: Progress | None) -> int:
    """Return the epoch that runs, or that has ended last if none runs, by the trainer's reports.

    If an earlier attempt was requested to finish after a later epoch, return that epoch.
    """
    if progress is None:
        return 0
    running = progress.epoch + (1 if progress.step else 0)
    return max(running, progress.finish_after_epoch or 0)


def is_finished_early(progress: Progress | None) -> bool:
    """Return whether a finished training ended early as requested, by its reports."""
    if progress is None or progress.finish_after_epoch is None:
        return False
    return progress.finish_after_epoch <= progress.epoch < progress.epochs


def progress_since(status: Status, since: str) -> Progress | None:
    """Return the progress if its last report came at or after a trainer's start time (RFC 3339), else None."""
    progress = status.progress
    return progress if progress and (progress.last_report_time or "") >= since else None


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as 45s, 1m45s, 2h3m or 3d4h."""
    total = round(min(seconds, _MAX_SECONDS))
    for unit, letter, below, small in ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "m"), (_MINUTE, "m", 1, "s")):
        if total >= unit:
            remainder = total % unit // below
            return f"{total // unit}{letter}" + (f"{remainder}{small}" if remainder else "")
    return f"{total}s"


_MAX_SECONDS = 100 * 365 * _DAY
"""Maximum duration: dates must keep four-digit years."""
_ORDER = ("attempt", "sequence", "pod_created")
_POSITION = ("epoch", "step", "steps_per_epoch", "percent", "seconds_per_epoch")


def _waiting(waiting: reports.Waiting, now: datetime) -> Waiting:
    is_plausible = abs((waiting.since - now).total_seconds()) < _MAX_SECONDS
    since = waiting.since.astimezone(UTC) if is_plausible else now
    return Waiting(reason=waiting.reason, message=sanitize_message(waiting.message), since=timestamp(since))


def _percent(report: Report) -> int:
    if not report.steps_per_epoch:
        done, total = report.epoch, report.epochs
    else:
        done = report.epoch * report.steps_per_epoch + report.step
        total = report.epochs * report.steps_per_epoch
    return min(100, 100 * done // total) if total else 0


def _display(
    progress: Progress, metrics: Mapping[str, str] | None, monitored: str | None, *, eta: str | None
) -> Display:
    metric = None
    if metrics:
        name = next((name for name in display_metrics(monitored) if name in metrics), next(iter(metrics)))
        metric = f"{name} {format_metric(metrics[name])}"
    return Display(epoch=f"{progress.epoch}/{progress.epochs}", metric=metric, eta=eta)
