"""The status fields from a trainer's report, formatted for users."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from epochal_api.condition import timestamp
from epochal_api.printer_columns import Display
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

from epochal_operator.runtime.reasons import clean

MAX_NAMES_BYTES = 1980
"""Limit as JSON. A status has a name up to three times, twice with a value of up to 13 characters: 8 KiB in all."""
MAX_URI_BYTES = 1100
"""Limit of a URI: a bucket's name has at most 63 bytes, and an S3 key 1,024."""
MAX_URI_SIZE = 2 * MAX_URI_BYTES
"""Limit of a URI as JSON in bytes, which escapes few characters with six."""
MAX_MODELS_BYTES = 2560
"""Limit of the models' URIs as JSON, enough for two in any bucket; the rest is for their metrics."""
MAX_EXPORTS_BYTES = 5120
"""Limit of the URIs of exports and the signature as JSON, enough for all of them except with the longest keys."""
_WATCHED = ("val_loss", "loss")
"""Default metrics for the display, for trainers that do not report the metric of the best epoch."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def reported_status(report: Report, now: datetime, before: ReportedStatus | None = None) -> ReportedStatus:
    """Return the status fields for a report.

    Args:
        report: The complete latest state of a trainer.
        now: Time of the report's arrival, with a time zone.
        before: The previous status fields from reports. They stay while a new attempt loads, even without a known
            attempt number, because it has not yet read its checkpoint. The position where it then starts to train
            applies, even if it is earlier.

    Returns:
        All status fields from reports. Numbers that are not integers become strings with six significant digits.
        Metrics beyond the limit of names since the start are omitted, because each becomes a Prometheus series.
    """
    watched = _watched(report.best.metric if report.best else None)
    names = _names(report.metrics or (), known=_known_names(before), first=watched)
    told = _told(report, now, _names(report.test or (), known=names, first=watched), _warnings(report.warnings, before))
    loads = report.stage == "Loading" or report.attempt == 0
    return _with_what_was_reached(told, before) if loads and before else told


def _known_names(before: ReportedStatus | None) -> list[str]:
    named = before.progress.metric_names if before and before.progress else None
    return named or [*((before and before.metrics) or ()), *((before and before.test) or ())]


def _watched(monitored: str | None) -> tuple[str, ...]:
    """Return the metrics to display, the metric of the best epoch before losses."""
    return (monitored, *_WATCHED) if monitored else _WATCHED


def _names(names: Iterable[str], known: Iterable[str], first: Sequence[str]) -> list[str]:
    """Return the names used before, and further names up to the limits, with those in `first` before others."""
    more = sorted(set(names) - set(known), key=lambda name: (name not in first, name))
    result: list[str] = []
    left = MAX_NAMES_BYTES
    for name in dict.fromkeys((*known, *more)):
        size = _json_size(name)
        if len(result) < MAX_NAMES and size <= left:
            result.append(name)
            left -= size
    return result


def _json_size(text: str) -> int:
    """Return the size of a text in the API server's JSON in bytes, which escapes <, > and & with six bytes each."""
    return len(json.dumps(text, ensure_ascii=False).encode()) + 5 * sum(map(text.count, "<>&"))


def _warnings(
    now: Iterable[reports.TrainingWarning] | None, before: ReportedStatus | None
) -> list[TrainingWarning] | None:
    """Return all warnings so far, one for each reason: a new attempt may not yet have repeated its warnings."""
    known = {one.reason: one for one in (before and before.warnings) or ()}
    told = {one.reason: TrainingWarning(reason=one.reason, message=clean(one.message)) for one in now or ()}
    return list((known | told).values())[:MAX_WARNINGS] or None


def _told(report: Report, now: datetime, names: list[str], warnings: list[TrainingWarning] | None) -> ReportedStatus:
    ended = report.stage in {"Storing", "Done"}
    left = None if ended else report.seconds_left
    metrics = _figures(report.metrics, names)
    best = report.best if report.best and report.best.metric in {*names, *_WATCHED} else None
    progress = Progress(
        attempt=report.attempt,
        sequence=report.sequence,
        stage=report.stage,
        epoch=report.epoch,
        epochs=report.epochs,
        step=report.step,
        steps_per_epoch=report.steps_per_epoch,
        percent=100 if ended else _percent(report),
        seconds_per_epoch=None if report.seconds_per_epoch is None else f"{report.seconds_per_epoch:.4g}",
        estimated_completion_time=None if left is None else timestamp(now + timedelta(seconds=min(left, _FAR))),
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
        test=_figures(report.test, names),
        network=report.network and NetworkSize(parameters=report.network.parameters, layers=report.network.layers),
        results=report.artifacts and _stored(report, report.artifacts, names),
        warnings=warnings,
        display=_display(
            progress, metrics, best.metric if best else None, eta=None if left is None else duration(left)
        ),
    )


def _with_what_was_reached(told: ReportedStatus, before: ReportedStatus) -> ReportedStatus:
    """Return the report of a trainer that still loads, completed from the previous status."""
    now, was = told.progress, before.progress
    if now is None or was is None:
        return told
    first, second = told, before
    if (now.epoch, now.step) < (was.epoch, was.step):
        first, second = before, told
        now = now.model_copy(update={name: getattr(was, name) for name in _POSITION})
    if (now.attempt, now.sequence) < (was.attempt, was.sequence):
        now = now.model_copy(update={"attempt": was.attempt, "sequence": was.sequence})
    if now.finish_after_epoch is None:  # It has not been asked yet.
        now = now.model_copy(update={"finish_after_epoch": was.finish_after_epoch})
    fields = {name: getattr(first, name) or getattr(second, name) for name in ReportedStatus.model_fields}
    fields |= {"progress": now, "warnings": told.warnings}
    best: Best | None = fields["best"]
    display = _display(now, fields["metrics"], best.metric if best else None, eta=None)
    return ReportedStatus(**fields | {"display": display})


def final_status(status: ReportedStatus) -> ReportedStatus:
    """Return the status fields of a finished job: the same without the remaining time and the awaited cause."""
    ended = {"estimated_completion_time": None, "waiting": None}
    progress = status.progress and status.progress.model_copy(update=ended)
    display = status.display and status.display.model_copy(update={"eta": None})
    return status.model_copy(update={"progress": progress, "display": display})


def reached_epoch(progress: Progress | None) -> int:
    """Return the epoch that runs, or that has ended last if none runs, by the trainer's reports.

    If an attempt repeats epochs of an earlier attempt, this is the epoch after which the earlier one had to finish.
    """
    if progress is None:
        return 0
    running = progress.epoch + (1 if progress.step else 0)
    return max(running, progress.finish_after_epoch or 0)


def finished_early(progress: Progress | None) -> bool:
    """Return whether a finished training ended early as requested, by its reports."""
    if progress is None or progress.finish_after_epoch is None:
        return False
    return progress.finish_after_epoch <= progress.epoch < progress.epochs


def reported_since(status: Status, since: str) -> Progress | None:
    """Return the progress that the trainer running since a time (RFC 3339) has reported, or None."""
    progress = status.progress
    return progress if progress and (progress.last_report_time or "") >= since else None


def duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as 45s, 1m45s, 2h3m or 3d4h."""
    whole = round(min(seconds, _FAR))
    for unit, letter, below, small in ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "m"), (_MINUTE, "m", 1, "s")):
        if whole >= unit:
            rest = whole % unit // below
            return f"{whole // unit}{letter}" + (f"{rest}{small}" if rest else "")
    return f"{whole}s"


_FAR = 100 * 365 * _DAY
"""Maximum duration: dates must keep four-digit years."""
_POSITION = ("epoch", "step", "steps_per_epoch", "percent", "seconds_per_epoch")


def _waiting(waiting: reports.Waiting, now: datetime) -> Waiting:
    told = abs((waiting.since - now).total_seconds()) < _FAR
    since = waiting.since.astimezone(UTC) if told else now
    return Waiting(reason=waiting.reason, message=clean(waiting.message), since=timestamp(since))


def _stored(report: Report, told: reports.Artifacts, names: list[str]) -> StoredResults | None:
    texts = (told.uri, told.model, told.log)
    uri, model, log = (text if text and _is_uri(text) else None for text in texts)
    if not uri:
        return None
    models = _models(uri, report.models or (), names) or None
    signature = _signature(uri, report.signature or (report.export.signature if report.export else None))
    if report.export is None:
        return StoredResults(uri=uri, model=model, log=log, models=models, signature=signature)
    exports = _exports(uri, report.export, MAX_EXPORTS_BYTES - (_json_size(signature.uri) if signature else 0))
    outcome = Export(reason=report.export.reason, message=clean(report.export.message))
    return StoredResults(
        uri=uri, model=model, log=log, models=models, exports=exports or None, signature=signature, export=outcome
    )


def _models(folder: str, told: Sequence[reports.StoredModel], names: list[str]) -> list[StoredModel]:
    """Return the models in a results folder, with their URIs and metrics. Each name counts once."""
    found: dict[str, StoredModel] = {}
    left = MAX_MODELS_BYTES
    for one in told[:MAX_MODELS]:
        uri = _within(folder, one.name)
        left -= _json_size(uri)
        if left >= 0 and _is_uri(uri):
            found[one.name] = StoredModel(name=one.name, uri=uri, epoch=one.epoch, sha256=one.sha256)
    for one in told[:MAX_MODELS]:
        test = _figures(one.test, names) or {}
        left -= sum(_json_size(name) + _json_size(text) for name, text in test.items())
        if test and left >= 0 and one.name in found:
            found[one.name] = found[one.name].model_copy(update={"test": test})
    return list(found.values())


def _signature(folder: str, sha256: str | None) -> StoredSignature | None:
    """Return the signature in a results folder, or None if none is stored."""
    uri = _within(folder, SIGNATURE)
    return StoredSignature(uri=uri, sha256=sha256) if sha256 is not None and _is_uri(uri) else None


def _exports(folder: str, told: reports.Export, left: int) -> list[ExportedModel]:
    """Return the exported models in a results folder. Each name counts once.

    Args:
        folder: URI of the folder.
        told: The trainer's report about the exports.
        left: Maximum bytes of their URIs as JSON.
    """
    found: dict[str, ExportedModel] = {}
    for one in told.exports[:MAX_EXPORTS]:
        uri = _within(folder, one.name)
        left -= _json_size(uri)
        if left >= 0 and _is_uri(uri):
            found[one.name] = ExportedModel(
                name=one.name,
                model=one.model,
                format=one.format,
                uri=uri,
                sha256=one.sha256,
                difference=None if one.difference is None else f"{one.difference:.2g}",
            )
    return list(found.values())


def _within(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _is_uri(text: str) -> bool:
    return len(text.encode()) <= MAX_URI_BYTES and _json_size(text) <= MAX_URI_SIZE


def _percent(report: Report) -> int:
    if not report.steps_per_epoch:
        done, whole = report.epoch, report.epochs
    else:
        done = report.epoch * report.steps_per_epoch + report.step
        whole = report.epochs * report.steps_per_epoch
    return min(100, 100 * done // whole) if whole else 0


def _figures(values: Values | None, names: Iterable[str]) -> dict[str, str] | None:
    if values is None:
        return None
    kept = frozenset(names)
    return {name: f"{value:.6g}" for name, value in values.items() if name in kept}


def _display(
    progress: Progress, metrics: Mapping[str, str] | None, monitored: str | None, *, eta: str | None
) -> Display:
    metric = None
    if metrics:
        name = next((name for name in _watched(monitored) if name in metrics), next(iter(metrics)))
        metric = f"{name} {short(metrics[name])}"
    return Display(epoch=f"{progress.epoch}/{progress.epochs}", metric=metric, eta=eta)


def short(figure: str) -> str:
    """Return a metric with four significant digits, or unchanged if it is not a number, as from another version."""
    try:
        return f"{float(figure):.4g}"
    except ValueError:
        return figure
