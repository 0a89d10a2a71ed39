"""The metrics that trials report, according to the metrics in the template."""

import re
from collections.abc import Callable

from epochal_api.catalogue.classes import METRICS, catalogue, metric_name
from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.training import Training

_NUMBERS = re.compile(r"(_\d+)*$")
"""Numbers at the end of a reported name: Keras numbers repeated metrics and classes."""


def reported_name(training: Training, name: str) -> str | None:
    """Return the name by which a training reports the metric `name`; None if it reports no such metric.

    Upper case and underscores of `name` do not count, so that the returned name can correct it.
    `name` may begin with val_, and end with the number of a repeated metric or of a class, as the returned name does:
    `val_AUC_2` gives `val_auc_2` for two metrics AUC.
    """
    base = name.removeprefix("val_")
    stem = _NUMBERS.sub("", base)
    names = ["loss", *_names(training, _reported_metric)]
    if stem in names:
        return name
    found = next((each for each in names if _normalize(each) == _normalize(stem)), None)
    return None if found is None else name.removesuffix(base) + found + base.removeprefix(stem)


def metric_names(training: Training) -> list[str]:
    """Return the metrics of a training as its spec names them; of several outputs, as OUTPUT_loss and OUTPUT_METRIC."""
    return _names(training, lambda metric: metric.name)


def _names(training: Training, name_of: Callable[[Named], str]) -> list[str]:
    """Return the names of the metrics by `name_of`; of several outputs, as OUTPUT_loss and OUTPUT_METRIC."""
    outputs = training.outputs
    if outputs is None or len(outputs) == 1:
        return [name_of(metric) for metric in (outputs[0].metrics if outputs else training.metrics)]
    return [f"{output.name}_{name}" for output in outputs for name in ("loss", *map(name_of, output.metrics))]


def _reported_metric(metric: Named) -> str:
    """Return the name by which the trainer reports a metric: for a short name without arguments, this short name."""
    module, name = catalogue().modules[METRICS], metric.name
    if metric.arguments:
        name = module.names.get(name) or name
    return metric_name(name) if name in module.classes else name


def _normalize(name: str) -> str:
    return name.replace("_", "").lower()
