"""The metrics of a trainer's report: the limits of their names, and their values as texts."""

import json
from collections.abc import Iterable, Sequence

from epochal_api.trainingjob.report import Values
from epochal_api.trainingjob.status import MAX_NAMES

MAX_NAMES_BYTES = 1980
"""Maximum bytes of all metric names as JSON. Further names are left out. A status has each name up to three times: 8
KiB in all with values."""
DEFAULT_DISPLAY_METRICS = ("val_loss", "loss")
"""Names of the metrics to display if a trainer does not report the name of the metric that decides the best epoch."""


def limit_names(names: Iterable[str], known: Iterable[str], preferred: Sequence[str]) -> list[str]:
    """Return metric names for a status: the `known` names, then new names (`preferred` first), up to a maximum size."""
    new_names = sorted(set(names) - set(known), key=lambda name: (name not in preferred, name))
    result: list[str] = []
    bytes_left = MAX_NAMES_BYTES
    for name in dict.fromkeys((*known, *new_names)):
        size = json_size(name)
        if len(result) < MAX_NAMES and size <= bytes_left:
            result.append(name)
            bytes_left -= size
    return result


def display_metrics(monitored: str | None) -> tuple[str, ...]:
    """Return the metrics for the display, the preferred first: the metric of the best epoch, then the defaults."""
    return (monitored, *DEFAULT_DISPLAY_METRICS) if monitored else DEFAULT_DISPLAY_METRICS


def metric_texts(values: Values | None, names: Iterable[str]) -> dict[str, str] | None:
    """Return the values of the metrics in `names` as texts with six significant digits; None without values."""
    if values is None:
        return None
    included = frozenset(names)
    return {name: f"{value:.6g}" for name, value in values.items() if name in included}


def format_metric(figure: str) -> str:
    """Return a metric with four significant digits; a text of another version that is not a number stays unchanged."""
    try:
        return f"{float(figure):.4g}"
    except ValueError:
        return figure


def json_size(text: str) -> int:
    """Return the size of a text in the API server's JSON in bytes, which escapes <, > and & with six bytes each."""
    return len(json.dumps(text, ensure_ascii=False).encode()) + 5 * sum(map(text.count, "<>&"))
