"""The metrics that trials report, according to the metrics in the template."""

import re
from collections.abc import Iterable, Mapping

from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.training import Training

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
"""Numbers at the end of a reported name: Keras numbers repeated metrics and classes."""


def reports_metric(metrics: Iterable[Named], name: str) -> bool:
    """Return whether a training with these metrics reports a metric of this name, which may begin with val_."""
    wanted = _normalize(_NUMBERS.sub("", name.removeprefix("val_")))
    return wanted == "loss" or wanted in map(_reported_name, metrics)


def training_reports(training: Training, name: str) -> bool:
    """Return whether a training reports a metric of this name, which may begin with val_."""
    outputs = training.outputs
    if outputs is None or len(outputs) == 1:
        return reports_metric(outputs[0].metrics if outputs else training.metrics, name)
    wanted = _normalize(_NUMBERS.sub("", name.removeprefix("val_")))
    reported = (
        _normalize(output.name) + of_output
        for output in outputs
        for of_output in ("loss", *map(_reported_name, output.metrics))
    )
    return wanted == "loss" or wanted in reported


def metric_names(training: Training) -> list[str]:
    """Return the metrics of a training as its spec names them; of several outputs, as OUTPUT_loss and OUTPUT_METRIC."""
    outputs = training.outputs
    if outputs is None or len(outputs) == 1:
        return [metric.name for metric in (outputs[0].metrics if outputs else training.metrics)]
    return [
        f"{output.name}_{name}" for output in outputs for name in ("loss", *(metric.name for metric in output.metrics))
    ]


def _reported_name(metric: Named) -> str:
    """Return the name by which the trainer reports a metric, without upper case and underscores."""
    name = _SHORT_NAMES.get(metric.name.lower(), metric.name) if metric.arguments else metric.name
    return _OTHER_NAMES.get(_normalize(name), _normalize(name))


def _normalize(name: str) -> str:
    return name.replace("_", "").lower()
