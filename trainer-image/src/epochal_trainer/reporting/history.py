"""Finished epochs, and their metric values, remaining time, log lines and CSV table."""

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

from epochal_trainer.lib.text import duration, figure

MAX_METRICS = 64
"""Maximum number of metrics in a report."""


@dataclass(frozen=True)
class Epoch:
    """A finished epoch with its metric values, also in the format of checkpoints.

    Args:
        number: Counted from 1.
        seconds: Its duration, including validation.
        learning_rate: The optimizer's learning rate at the end of the epoch, if it has one.
        metrics: Its metric values by name; names of validation metrics start with `val_`.
        eligible: Whether it may be the best epoch. False for an epoch of another training or loss, or from before
            the best weights were lost.
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
    """Return the metric values that Keras passes at the end of an epoch: losses first, validation metrics last.

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
    """Return the metric values for a report, at most MAX_METRICS: losses first, then validation, then training.

    Args:
        metrics: Values by name, see `reported_name`.
        first: The monitored metric, which is always included.
    """
    named = ((reported_name(name), value) for name, value in metrics.items())
    metrics = {name: value for name, value in named if name}
    before = frozenset({"loss", "val_loss", reported_name(first)})
    names = sorted(metrics, key=lambda name: (name not in before, not name.startswith("val_")))
    included = frozenset(names[:MAX_METRICS])
    return {name: value for name, value in metrics.items() if name in included}


def reported_name(name: str) -> str:
    """Return a metric's name in the form that the operator accepts (MetricName). A spec may contain any name.

    A name that is too long ends with its digest: val_loss and val_accuracy of an output with a long name differ.
    """
    shown = " ".join(printable(name, instead=" ").split())
    if len(shown) <= MAX_NAME:
        return shown
    end = f"-{sha256_of([shown.encode()])[:8]}"
    return shown[: MAX_NAME - len(end)] + end


def seconds_left(
    *, epochs: int, finished: int, fraction: float, elapsed: float, last_epoch: float | None
) -> float | None:
    """Return the remaining seconds of the training, or None while there is no measurement.

    Args:
        epochs: Total number of epochs.
        finished: Number of finished epochs.
        fraction: Finished part of the running epoch, from 0 to 1.
        elapsed: Seconds since the running epoch began.
        last_epoch: Seconds that the last finished epoch took.
    """
    if last_epoch is not None:
        return max(0.0, last_epoch * (epochs - finished - fraction))
    if fraction <= 0:
        return None
    return elapsed / fraction * (epochs - fraction)


def log_line(epoch: Epoch, *, epochs: int, left: float | None, best: str | None = None) -> str:
    """Return the log line of an epoch."""
    count = f"{epoch.number:>{len(str(epochs))}}/{epochs}"
    parts = [f"Epoch {count}", f"{duration(epoch.seconds):>6}"]
    parts += [f"{name} {figure(value)}" for name, value in epoch.metrics.items()]
    if best and epochs > 1:
        parts.append(best)
    if left:
        parts.append(f"{duration(left)} left")
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
