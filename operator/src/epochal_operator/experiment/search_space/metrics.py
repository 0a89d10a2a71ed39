"""The metrics that trials report, according to the metrics in the template."""

import re
from collections.abc import Iterable, Mapping

from epochal_api.trainingjob.network import Named

_SHORT_NAMES: Mapping[str, str] = {
    "bce": "BinaryCrossentropy",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "mse": "MeanSquaredError",
    "msle": "MeanSquaredLogarithmicError",
}
"""Classes of keras.metrics by their short names. A metric with arguments is reported by the name of its class."""
_OTHER_NAMES: Mapping[str, str] = {"logcosherror": "logcosh"}
"""Names that Keras gives to metrics instead of the name of their class, without upper case and underscores."""
_NUMBERS = re.compile(r"(_\d+)+$")
"""The end of a name: the number of a repeated metric, and of a class."""


def reports_metric(metrics: Iterable[Named], name: str) -> bool:
    """Return whether a training with these metrics reports a metric of this name, which may begin with val_."""
    wanted = _normalize(_NUMBERS.sub("", name.removeprefix("val_")))
    return wanted == "loss" or wanted in map(_reported_name, metrics)


def _reported_name(metric: Named) -> str:
    """Return the name by which the trainer reports a metric, without upper case and underscores."""
    name = _SHORT_NAMES.get(metric.name.lower(), metric.name) if metric.arguments else metric.name
    return _OTHER_NAMES.get(_normalize(name), _normalize(name))


def _normalize(name: str) -> str:
    return name.replace("_", "").lower()
