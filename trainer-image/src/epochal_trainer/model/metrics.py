"""Checks that metrics suit the kind of labels. With other labels, Keras fails or computes meaningless values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from epochal_api.network import Named
from epochal_api.report import Warned

from epochal_trainer.lib.warned import warned

_OF_INDICES: Mapping[str, str] = {
    "binaryaccuracy": "SparseCategoricalAccuracy",
    "binarycrossentropy": "SparseCategoricalCrossentropy",
    "categoricalaccuracy": "SparseCategoricalAccuracy",
    "categoricalcrossentropy": "SparseCategoricalCrossentropy",
    "topkcategoricalaccuracy": "SparseTopKCategoricalAccuracy",
}
"""Metrics that do not take class indices, and the metrics to use instead."""
_OF_ROWS_ALONE = frozenset(
    [
        "auc",
        "binaryiou",
        "f1score",
        "falsenegatives",
        "falsepositives",
        "fbetascore",
        "onehotiou",
        "onehotmeaniou",
        "precision",
        "precisionatrecall",
        "recall",
        "recallatprecision",
        "sensitivityatspecificity",
        "specificityatsensitivity",
        "truenegatives",
        "truepositives",
    ]
)
"""Metrics that do not take class indices, without a counterpart that does."""
_OF_ROWS: Mapping[str, str] = {
    "sparsecategoricalaccuracy": "CategoricalAccuracy",
    "sparsecategoricalcrossentropy": "CategoricalCrossentropy",
    "sparsetopkcategoricalaccuracy": "TopKCategoricalAccuracy",
}
"""Metrics that do not take one-hot rows, and the metrics to use instead."""
_OF_ONE: Mapping[str, str] = {
    "categoricalaccuracy": "BinaryAccuracy",
    "categoricalcrossentropy": "BinaryCrossentropy",
    "iou": "BinaryIoU",
    "meaniou": "BinaryIoU",
    "onehotiou": "BinaryIoU",
    "onehotmeaniou": "BinaryIoU",
    "sparsecategoricalaccuracy": "BinaryAccuracy",
    "sparsecategoricalcrossentropy": "BinaryCrossentropy",
    "sparsetopkcategoricalaccuracy": "BinaryAccuracy",
    "topkcategoricalaccuracy": "BinaryAccuracy",
}
"""Metrics that use the greatest of several outputs, and the metrics for a single output."""
_OF_CLASSES = frozenset({"acc", "accuracy", *_OF_INDICES, *_OF_ROWS_ALONE, *_OF_ROWS, *_OF_ONE})
_OF_THRESHOLD = frozenset({"f1score", "fbetascore"})
"""Metrics that use the greatest output as the class, unless they have a threshold."""
_SPARSE: Mapping[str, str] = {"iou": "OneHotIoU", "meaniou": "OneHotMeanIoU"}
"""Metrics that expect a class as the network's output, and the metrics that expect one-hot rows."""


def what_suits(
    metric: Named, labels: Sequence[int], output: Sequence[int | None], *, numbers: bool = False
) -> str | None:
    """Return why a metric does not suit these labels, and which metric does; None if it may suit.

    Args:
        metric: The metric.
        labels: Shape of the labels of one sample.
        output: Shape of the network's output for one sample; None for an axis of any size.
        numbers: Whether labels are numbers that are not classes, see `are_numbers`.
    """
    if not output:
        return None
    name, axes = metric.name.lower().replace("_", ""), len(output) - len(labels)
    suits = None
    if numbers and name in _OF_CLASSES:
        suits = "it compares classes, and the labels hold other numbers than 0 and 1: use mae, mse or their like"
    elif metric.name == "Accuracy":
        suits = "it counts outputs that are the very number of their label, which no probability is: use accuracy"
    elif output[-1] == 1:
        suits = _for_one(metric, name)
    elif axes == 1 or (axes == 0 and labels[-1] == 1):
        suits = _for_indices(metric, name, labels, output)
    elif axes == 0:
        suits = _for_rows(metric, name)
    return suits


def are_numbers(labels: np.ndarray[Any, Any], output: Sequence[int | None]) -> bool:
    """Return whether labels are numbers that are not classes.

    Beside one output, these are labels other than 0 and 1. Beside several outputs, these are rows with values outside
    of 0 to 1.

    Args:
        labels: Labels of shape (samples, ...), which the loss compares with the output.
        output: Shape of the network's output for one sample; None for an axis of any size.
    """
    shape = labels.shape[1:]
    if output and output[-1] == 1:
        return not bool(((labels == 0) | (labels == 1)).all())
    if len(shape) != len(output) or not shape or shape[-1] == 1:
        return False
    return bool(((labels < 0) | (labels > 1)).any())


def check_metrics(
    metrics: Sequence[Named], labels: np.ndarray[Any, Any], output: Sequence[int | None]
) -> Iterator[Warned]:
    """Yield a warning with the metrics that compute meaningless values for these labels.

    Args:
        metrics: The metrics. `compile.check_labels` has refused those that fail for such labels.
        labels: Labels of shape (samples, ...).
        output: Shape of the network's output for one sample; None for an axis of any size.
    """
    if not metrics:
        return
    numbers, shape = are_numbers(labels, output), labels.shape[1:]
    found = ((index, one.name, what_suits(one, shape, output, numbers=numbers)) for index, one in enumerate(metrics))
    told = [f"spec.training.metrics[{index}] ({name}): {text}" for index, name, text in found if text]
    if told:
        yield warned("MetricMismatch", f"{'; '.join(told)}. What it computes of other labels means nothing")


def _for_one(metric: Named, name: str) -> str | None:
    """Return advice for a metric beside a single output, or None if it may suit."""
    if suits := _OF_ONE.get(name):
        return f"it takes several outputs, and the network gives one: use {suits}"
    if name in _OF_THRESHOLD and metric.arguments.get("threshold") is None:
        return "give it threshold: 0.5, since of one output the greatest is always that"
    return None


def _for_indices(metric: Named, name: str, labels: Sequence[int], output: Sequence[int | None]) -> str | None:
    """Return advice for a metric of class indices beside several outputs, or None if it may suit."""
    if suits := _OF_INDICES.get(name):
        return f"it takes a value for each output, and the labels are class indices: use {suits}"
    if name in _SPARSE and metric.arguments.get("sparse_y_pred") is not False:
        takes = "it takes a class for what the network gives, and that is a value for each class"
        return f"{takes}: add sparse_y_pred: false"
    if name not in _OF_ROWS_ALONE:
        return None
    y = "y[..., 0]" if len(labels) == len(output) else "y"
    return (
        f"it takes one-hot rows, and the labels are class indices: save y as numpy.eye({output[-1] or 'CLASSES'})[{y}] "
        "and use the loss CategoricalCrossentropy, or take the metric SparseCategoricalAccuracy (accuracy) instead"
    )


def _for_rows(metric: Named, name: str) -> str | None:
    """Return advice for a metric of one-hot rows, or None if it may suit."""
    suits = _OF_ROWS.get(name) or (None if "sparse_y_true" in metric.arguments else _SPARSE.get(name))
    return suits and f"it takes class indices, and the labels are one-hot rows: use {suits}"
