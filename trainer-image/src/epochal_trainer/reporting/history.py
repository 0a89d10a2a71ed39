"""Finished epochs with their metric values, and the log lines, CSV table and remaining time computed from them."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from epochal_api.text import printable
from epochal_api.trainingjob.report import MAX_NAME
from epochal_lib.digests import sha256_of
from pydantic import ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from epochal_trainer.lib.text import format_duration, format_number

MAX_METRICS = 64
"""Maximum number of metrics in a report. Further metrics are left out."""


@dataclass(frozen=True)
class Epoch:
    """A finished epoch with its metric values, also in the format of checkpoints.

    Args:
        number: Number of the epoch, from 1.
        seconds: Duration of the epoch, including validation.
        learning_rate: The optimizer's learning rate at the end of the epoch, if it has one.
        metrics: Metric values by name; names of validation metrics start with `val_`.
        eligible: Whether the epoch may be selected as the best. False for an epoch of another training, with another
            loss, or from before the weights of the best epoch were lost.
    """

    __pydantic_config__ = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True, ser_json_inf_nan="strings"
    )

    number: Annotated[int, Field(ge=0, le=2**53)]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    learning_rate: float | None
    metrics: Mapping[Annotated[str, StringConstraints(max_length=4096)], float]
    eligible: Annotated[bool, Field(alias="comparable")] = True


def metric_values(logs: Mapping[str, Any]) -> dict[str, float]:
    """Return the metric values in Keras' logs of an epoch, training before validation, and the loss first in each.

    The values of an array are numbered: `f1_score_0`, `f1_score_1`, ... The learning rate, which some callbacks add, is
    left out.
    """
    result: dict[str, float] = {}
    for name, value in logs.items():
        if name in {"learning_rate", "lr"}:
            continue
        if getattr(value, "ndim", 0):
            result |= {f"{name}_{index}": float(part) for index, part in enumerate(value.reshape(-1))}
        else:
            result[name] = float(value)
    names = sorted(result, key=lambda name: (name.startswith("val_"), name.removeprefix("val_") != "loss"))
    return {name: result[name] for name in names}


def report_metrics(metrics: Mapping[str, float], first: str = "loss") -> dict[str, float]:
    """Return at most MAX_METRICS metric values for a report, by `reported_name`, in the order of `metrics`.

    If there are more, the losses and the monitored metric are included first, then validation metrics, then others.

    Args:
        metrics: Values by the metrics' names in Keras.
        first: The monitored metric.
    """
    named = ((reported_name(name), value) for name, value in metrics.items())
    metrics = {name: value for name, value in named if name}
    before = frozenset({"loss", "val_loss", reported_name(first)})
    names = sorted(metrics, key=lambda name: (name not in before, not name.startswith("val_")))
    included = frozenset(names[:MAX_METRICS])
    return {name: value for name, value in metrics.items() if name in included}


def reported_name(name: str) -> str:
    """Convert a metric's name, which may be any text, to a name that the operator accepts in a report (MetricName).

    Spaces replace unprintable characters. A name that is too long is cut and ends with its digest, so that names which
    begin alike stay different.
    """
    shown = " ".join(printable(name, instead=" ").split())
    if len(shown) <= MAX_NAME:
        return shown
    end = f"-{sha256_of([shown.encode()])[:8]}"
    return shown[: MAX_NAME - len(end)] + end


def seconds_left(
    *, epochs: int, finished: int, fraction: float, elapsed: float, last_epoch: float | None
) -> float | None:
    """Return an estimate of the remaining seconds of the training, or None before the end of its first step.

    Args:
        epochs: Number of the last epoch to train.
        finished: Number of finished epochs.
        fraction: Finished part of the running epoch, from 0 to 1.
        elapsed: Seconds since the running epoch began.
        last_epoch: Duration of the last finished epoch in seconds; None in the first epoch.
    """
    if last_epoch is not None:
        return max(0.0, last_epoch * (epochs - finished - fraction))
    if fraction <= 0:
        return None
    return elapsed / fraction * (epochs - fraction)


def log_line(epoch: Epoch, *, epochs: int, left: float | None, best: str | None = None) -> str:
    """Return the log line of a finished epoch: number, duration, metric values, `best` label, and `left` seconds."""
    count = f"{epoch.number:>{len(str(epochs))}}/{epochs}"
    parts = [f"Epoch {count}", f"{format_duration(epoch.seconds):>6}"]
    parts += [f"{name} {format_number(value)}" for name, value in epoch.metrics.items()]
    if best and epochs > 1:
        parts.append(best)
    if left:
        parts.append(f"{format_duration(left)} left")
    return "  ".join(parts)


def to_csv(epochs: Sequence[Epoch]) -> str:
    """Return the epochs as CSV, with a row per epoch and a column per metric."""
    names = list(dict.fromkeys(name for epoch in epochs for name in epoch.metrics))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["epoch", "seconds", "learning_rate", *names])
    for epoch in epochs:
        rate = "" if epoch.learning_rate is None else epoch.learning_rate
        values = [epoch.metrics.get(name, "") for name in names]
        rows.writerow([epoch.number, round(epoch.seconds, 3), rate, *values])
    return text.getvalue()
