"""The status fields from a trainer's report, formatted for users."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from epochal_api.condition import timestamp
from epochal_api.display import Display
from epochal_api.signature import SIGNATURE
from epochal_api.trainingjob import report as reports
from epochal_api.trainingjob.report import Report, Values
from epochal_api.trainingjob.status import (
    MAX_EXPORTS,
    MAX_MODELS,
    MAX_NAMES,
    MAX_WARNINGS,
    Best,
    Export,
    ExportedModel,
    NetworkSize,
    Progress,
    ReportedStatus,
    Status,
    StoredModel,
    StoredResults,
    StoredSignature,
    TrainingWarning,
    Waiting,
)

from epochal_operator.runtime.reasons import sanitize_message

MAX_NAMES_BYTES = 1980
"""Maximum bytes of all metric names as JSON. A status has each name up to three times: 8 KiB in all with values."""
MAX_URI_BYTES = 1100
"""Maximum bytes of a URI: a bucket's name has at most 63 bytes, and an S3 key 1,024."""
MAX_URI_SIZE = 2 * MAX_URI_BYTES
"""Maximum bytes of a URI as JSON, which needs six bytes for some characters."""
MAX_MODELS_BYTES = 2560
"""Maximum bytes of the models' URIs and test metrics as JSON: enough for two URIs in any bucket."""
MAX_EXPORTS_BYTES = 5120
"""Maximum bytes of the URIs of exports and the signature as JSON: enough unless the S3 keys are very long."""
_DEFAULT_DISPLAY_METRICS = ("val_loss", "loss")
"""Default metrics for the display, for trainers that do not report the metric of the best epoch."""
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
    preferred = _display_metrics(report.best.metric if report.best else None)
    names = _metric_names(report.metrics or (), known=_previous_names(before), preferred=preferred)
    names = _metric_names(report.test or (), known=names, preferred=preferred)
    status = _from_report(report, now, names, _warnings(report.warnings, before), pod_created)
    is_loading = report.stage == "Loading" or report.attempt == 0
    return _with_reached_position(status, before) if is_loading and before else status


def _previous_names(before: ReportedStatus | None) -> list[str]:
    names = before.progress.metric_names if before and before.progress else None
    return names or [*((before and before.metrics) or ()), *((before and before.test) or ())]


def _display_metrics(monitored: str | None) -> tuple[str, ...]:
    return (monitored, *_DEFAULT_DISPLAY_METRICS) if monitored else _DEFAULT_DISPLAY_METRICS


def _metric_names(names: Iterable[str], known: Iterable[str], preferred: Sequence[str]) -> list[str]:
    """Return the names used before, and further names up to the limits, with those in `preferred` before others."""
    new_names = sorted(set(names) - set(known), key=lambda name: (name not in preferred, name))
    result: list[str] = []
    bytes_left = MAX_NAMES_BYTES
    for name in dict.fromkeys((*known, *new_names)):
        size = _json_size(name)
        if len(result) < MAX_NAMES and size <= bytes_left:
            result.append(name)
            bytes_left -= size
    return result


def _json_size(text: str) -> int:
    """Return the size of a text in the API server's JSON in bytes, which escapes <, > and & with six bytes each."""
    return len(json.dumps(text, ensure_ascii=False).encode()) + 5 * sum(map(text.count, "<>&"))


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
    metrics = _metric_texts(report.metrics, names)
    best = report.best if report.best and report.best.metric in {*names, *_DEFAULT_DISPLAY_METRICS} else None
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
        test=_metric_texts(report.test, names),
        network=report.network and NetworkSize(parameters=report.network.parameters, layers=report.network.layers),
        results=report.artifacts and _stored_results(report, report.artifacts, names),
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


def _stored_results(report: Report, artifacts: reports.Artifacts, names: list[str]) -> StoredResults | None:
    texts = (artifacts.uri, artifacts.model, artifacts.log)
    uri, model, log = (text if text and _is_uri_within_limits(text) else None for text in texts)
    if not uri:
        return None
    models = _models(uri, report.models or (), names) or None
    signature = _signature(uri, report.signature or (report.export.signature if report.export else None))
    if report.export is None:
        return StoredResults(uri=uri, model=model, log=log, models=models, signature=signature)
    exports = _exports(uri, report.export, MAX_EXPORTS_BYTES - (_json_size(signature.uri) if signature else 0))
    export = Export(reason=report.export.reason, message=sanitize_message(report.export.message))
    return StoredResults(
        uri=uri, model=model, log=log, models=models, exports=exports or None, signature=signature, export=export
    )


def _models(folder: str, reported: Sequence[reports.StoredModel], names: list[str]) -> list[StoredModel]:
    models: dict[str, StoredModel] = {}
    bytes_left = MAX_MODELS_BYTES
    for model in reported[:MAX_MODELS]:
        uri = _object_uri(folder, model.name)
        bytes_left -= _json_size(uri)
        if bytes_left >= 0 and _is_uri_within_limits(uri):
            models[model.name] = StoredModel(name=model.name, uri=uri, epoch=model.epoch, sha256=model.sha256)
    for model in reported[:MAX_MODELS]:
        test = _metric_texts(model.test, names) or {}
        bytes_left -= sum(_json_size(name) + _json_size(text) for name, text in test.items())
        if test and bytes_left >= 0 and model.name in models:
            models[model.name] = models[model.name].model_copy(update={"test": test})
    return list(models.values())


def _signature(folder: str, sha256: str | None) -> StoredSignature | None:
    uri = _object_uri(folder, SIGNATURE)
    return StoredSignature(uri=uri, sha256=sha256) if sha256 is not None and _is_uri_within_limits(uri) else None


def _exports(folder: str, reported: reports.Export, bytes_left: int) -> list[ExportedModel]:
    exports: dict[str, ExportedModel] = {}
    for export in reported.exports[:MAX_EXPORTS]:
        uri = _object_uri(folder, export.name)
        bytes_left -= _json_size(uri)
        if bytes_left >= 0 and _is_uri_within_limits(uri):
            exports[export.name] = ExportedModel(
                name=export.name,
                model=export.model,
                format=export.format,
                uri=uri,
                sha256=export.sha256,
                difference=None if export.difference is None else f"{export.difference:.2g}",
            )
    return list(exports.values())


def _object_uri(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _is_uri_within_limits(text: str) -> bool:
    return len(text.encode()) <= MAX_URI_BYTES and _json_size(text) <= MAX_URI_SIZE


def _percent(report: Report) -> int:
    if not report.steps_per_epoch:
        done, total = report.epoch, report.epochs
    else:
        done = report.epoch * report.steps_per_epoch + report.step
        total = report.epochs * report.steps_per_epoch
    return min(100, 100 * done // total) if total else 0


def _metric_texts(values: Values | None, names: Iterable[str]) -> dict[str, str] | None:
    if values is None:
        return None
    included = frozenset(names)
    return {name: f"{value:.6g}" for name, value in values.items() if name in included}


def _display(
    progress: Progress, metrics: Mapping[str, str] | None, monitored: str | None, *, eta: str | None
) -> Display:
    metric = None
    if metrics:
        name = next((name for name in _display_metrics(monitored) if name in metrics), next(iter(metrics)))
        metric = f"{name} {format_metric(metrics[name])}"
    return Display(epoch=f"{progress.epoch}/{progress.epochs}", metric=metric, eta=eta)


def format_metric(figure: str) -> str:
    """Return a metric with four significant digits; a text of another version that is not a number stays unchanged."""
    try:
        return f"{float(figure):.4g}"
    except ValueError:
        return figure
