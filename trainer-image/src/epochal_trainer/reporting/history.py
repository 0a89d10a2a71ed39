"""The epochs so far, and what follows from them: the time left, the line in the log, the table."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from epochal_api.report import MAX_NAME
from epochal_api.text import printable

from epochal_trainer.lib.text import duration, figure

MOST_FIGURES = 64
"""As many as a report holds."""


@dataclass(frozen=True)
class Epoch:
    """A finished epoch.

    Args:
        number: Counted from 1.
        seconds: How long it took, with its validation.
        learning_rate: The optimizer's at its end, where it has one.
        metrics: Its figures by name, those of validation with `val_` before theirs.
        comparable: Whether it may be the best: it is of this training, its loss the one that is trained with now, and
            its weights were not lost.
    """

    number: int
    seconds: float
    learning_rate: float | None
    metrics: Mapping[str, float]
    comparable: bool = True


def figures(logs: Mapping[str, Any]) -> dict[str, float]:
    """Returns the figures that Keras gives at an epoch's end as numbers.

    Args:
        logs: Scalars by name; a metric with a value per class gives an array.

    Returns:
        Numbers by name, losses first, those of validation last. Those of an array are numbered: `f1_score_0`,
        `f1_score_1`, ... The learning rate, which some callbacks add, is left out.
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


def reported(figures: Mapping[str, float], first: str = "loss") -> dict[str, float]:
    """Returns as many figures as a report holds: losses first, those of validation before those of training.

    Args:
        figures: Figures by name, see `reported_name`.
        first: One that is there in any case: what is monitored.
    """
    named = ((reported_name(name), value) for name, value in figures.items())
    figures = {name: value for name, value in named if name}
    before = frozenset({"loss", "val_loss", reported_name(first)})
    names = sorted(figures, key=lambda name: (name not in before, not name.startswith("val_")))
    kept = frozenset(names[:MOST_FIGURES])
    return {name: value for name, value in figures.items() if name in kept}


def reported_name(name: str) -> str:
    """Returns the name of a figure, which a spec may give as it likes, such that the operator takes it: MetricName."""
    return " ".join(printable(name, instead=" ").split())[:MAX_NAME]


def seconds_left(
    *, epochs: int, finished: int, fraction: float, elapsed: float, last_epoch: float | None
) -> float | None:
    """Returns how long training will still take.

    Args:
        epochs: Epochs in all.
        finished: Finished epochs.
        fraction: Finished part of the running epoch, from 0 to 1.
        elapsed: Seconds since the running epoch began.
        last_epoch: Seconds that the last finished epoch took.

    Returns:
        Seconds, or None while there is nothing to go by.
    """
    if last_epoch is not None:
        return max(0.0, last_epoch * (epochs - finished - fraction))
    if fraction <= 0:
        return None
    return elapsed / fraction * (epochs - fraction)


def line(epoch: Epoch, *, epochs: int, left: float | None, best: str | None = None) -> str:
    """Returns the line of an epoch in the log.

    Args:
        epoch: The epoch.
        epochs: Epochs in all.
        left: Seconds that training will still take.
        best: What to call it, if it is the best so far.
    """
    count = f"{epoch.number:>{len(str(epochs))}}/{epochs}"
    parts = [f"Epoch {count}", f"{duration(epoch.seconds):>6}"]
    parts += [f"{name} {figure(value)}" for name, value in epoch.metrics.items()]
    if best and epochs > 1:
        parts.append(best)
    if left:
        parts.append(f"{duration(left)} left")
    return "  ".join(parts)


def table(epochs: Sequence[Epoch]) -> str:
    """Returns the epochs as CSV: a row per epoch, a column per figure."""
    names = list(dict.fromkeys(name for epoch in epochs for name in epoch.metrics))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["epoch", "seconds", "learning_rate", *names])
    for epoch in epochs:
        rate = "" if epoch.learning_rate is None else epoch.learning_rate
        values = [epoch.metrics.get(name, "") for name in names]
        rows.writerow([epoch.number, round(epoch.seconds, 3), rate, *values])
    return text.getvalue()
