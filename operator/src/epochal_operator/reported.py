"""From a trainer's report to the part of the status that it fills, ready to read."""

from datetime import datetime, timedelta

from epochal_api.progress import Report, Values
from epochal_api.status import Best, Display, NetworkSize, Progress, Reported, Stored

_WATCHED = ("val_loss", "loss")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def reported(report: Report, now: datetime) -> Reported:
    """Returns the status that a report stands for.

    Args:
        report: A trainer's whole latest state.
        now: When it came, with a time zone.

    Returns:
        Every field of the status that comes from reports: numbers that are not whole are strings of six digits.
    """
    ended = report.stage in {"Storing", "Done"}
    left = None if ended else report.seconds_left
    return Reported(
        progress=Progress(
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
        ),
        metrics=_figures(report.metrics),
        best=report.best and Best(epoch=report.best.epoch, metric=report.best.metric, value=f"{report.best.value:.6g}"),
        test=_figures(report.test),
        network=report.network and NetworkSize(parameters=report.network.parameters, layers=report.network.layers),
        results=report.artifacts
        and Stored(uri=report.artifacts.uri, model=report.artifacts.model, log=report.artifacts.log),
        display=Display(
            epoch=f"{report.epoch}/{report.epochs}",
            metric=_watched(report.metrics),
            eta=None if left is None else duration(left),
        ),
    )


def finished(status: Reported) -> Reported:
    """Returns a finished job's figures: the same, without the time it would still take."""
    return Reported(
        progress=status.progress and status.progress.model_copy(update={"estimated_completion_time": None}),
        metrics=status.metrics,
        best=status.best,
        test=status.test,
        network=status.network,
        results=status.results,
        display=status.display and status.display.model_copy(update={"eta": None}),
    )


def timestamp(moment: datetime) -> str:
    """Returns a moment as the API writes it: RFC 3339, UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: float) -> str:
    """Returns a time span in its two largest units, such as 45s, 1m45s, 2h3m or 3d4h."""
    whole = round(min(seconds, _FAR))
    for unit, letter, below, small in ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "m"), (_MINUTE, "m", 1, "s")):
        if whole >= unit:
            rest = whole % unit // below
            return f"{whole // unit}{letter}" + (f"{rest}{small}" if rest else "")
    return f"{whole}s"


_FAR = 100 * 365 * _DAY
"""No estimate reaches further: a date must stay one of four-digit years."""


def _percent(report: Report) -> int:
    if not report.steps_per_epoch:
        done, whole = report.epoch, report.epochs
    else:
        done = report.epoch * report.steps_per_epoch + report.step
        whole = report.epochs * report.steps_per_epoch
    return min(100, 100 * done // whole) if whole else 0


def _figures(values: Values | None) -> dict[str, str] | None:
    return None if values is None else {name: f"{value:.6g}" for name, value in values.items()}


def _watched(metrics: Values | None) -> str | None:
    if not metrics:
        return None
    name = next((name for name in _WATCHED if name in metrics), next(iter(metrics)))
    return f"{name} {metrics[name]:.4g}"
