"""Checks that metrics suit the labels and the loss. Otherwise Keras fails or computes meaningless values.

A table lists the metrics of Keras that compare classes, or that read outputs as probabilities. Other metrics are not
affected: those that measure a distance, such as mae, compare numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.report import TrainingWarning

from epochal_trainer.data.labels import BINARY, CATEGORICAL, normalized
from epochal_trainer.lib.failures import warned
from epochal_trainer.model.last_layer import SHARES, SINGLE, last_of, takes_logits

_NO_COUNTERPART = "-"
_THRESHOLD: Mapping[str, Any] = {"threshold": 0}
"""A logit of 0 is a probability of 0.5."""
_THRESHOLDS: Mapping[str, Any] = {"thresholds": 0}
_FROM_LOGITS: Mapping[str, Any] = {"from_logits": True}
_NONE: Mapping[str, Any] = {}


@dataclass(frozen=True)
class _Metric:
    """The labels and outputs that a metric of Keras does not take, and the metrics to use instead.

    Args:
        name: Its class.
        indices: The metric for labels that are class indices; _NO_COUNTERPART if there is none.
        rows: The metric for labels that are one-hot rows.
        one: The metric for a network with a single output: this one uses the greatest of several outputs.
        logits: The argument with which it reads outputs as logits; empty if it takes probabilities only, None if it
            reads logits and probabilities alike.
        exclusive: Whether it takes the outputs of mutually exclusive classes for logits, else each for itself.
    """

    name: str
    indices: str = ""
    rows: str = ""
    one: str = ""
    logits: Mapping[str, Any] | None = None
    exclusive: bool = False


_METRICS = {
    "bce": _Metric("BinaryCrossentropy", logits=_FROM_LOGITS),
    **{
        metric.name.lower(): metric
        for metric in (
            _Metric("AUC", indices=_NO_COUNTERPART, logits=_FROM_LOGITS),
            _Metric("BinaryAccuracy", indices="SparseCategoricalAccuracy", logits=_THRESHOLD),
            _Metric("BinaryCrossentropy", indices="SparseCategoricalCrossentropy", logits=_FROM_LOGITS),
            _Metric("BinaryIoU", indices=_NO_COUNTERPART, logits=_THRESHOLD),
            _Metric("CategoricalAccuracy", indices="SparseCategoricalAccuracy", one="BinaryAccuracy"),
            _Metric(
                "CategoricalCrossentropy",
                indices="SparseCategoricalCrossentropy",
                one="BinaryCrossentropy",
                logits=_FROM_LOGITS,
                exclusive=True,
            ),
            _Metric("F1Score", indices=_NO_COUNTERPART, logits=_NONE),
            _Metric("FBetaScore", indices=_NO_COUNTERPART, logits=_NONE),
            _Metric("FalseNegatives", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
            _Metric("FalsePositives", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
            _Metric("IoU", rows="OneHotIoU", one="BinaryIoU"),
            _Metric("KLDivergence", logits=_NONE),
            _Metric("MeanIoU", rows="OneHotMeanIoU", one="BinaryIoU"),
            _Metric("OneHotIoU", indices=_NO_COUNTERPART, one="BinaryIoU"),
            _Metric("OneHotMeanIoU", indices=_NO_COUNTERPART, one="BinaryIoU"),
            _Metric("Poisson", logits=_NONE),
            _Metric("Precision", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
            _Metric("PrecisionAtRecall", indices=_NO_COUNTERPART, logits=_NONE),
            _Metric("Recall", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
            _Metric("RecallAtPrecision", indices=_NO_COUNTERPART, logits=_NONE),
            _Metric("SensitivityAtSpecificity", indices=_NO_COUNTERPART, logits=_NONE),
            _Metric("SparseCategoricalAccuracy", rows="CategoricalAccuracy", one="BinaryAccuracy"),
            _Metric(
                "SparseCategoricalCrossentropy",
                rows="CategoricalCrossentropy",
                one="BinaryCrossentropy",
                logits=_FROM_LOGITS,
                exclusive=True,
            ),
            _Metric("SparseTopKCategoricalAccuracy", rows="TopKCategoricalAccuracy", one="BinaryAccuracy"),
            _Metric("SpecificityAtSensitivity", indices=_NO_COUNTERPART, logits=_NONE),
            _Metric("TopKCategoricalAccuracy", indices="SparseTopKCategoricalAccuracy", one="BinaryAccuracy"),
            _Metric("TrueNegatives", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
            _Metric("TruePositives", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
        )
    },
}
_ACCURACY = frozenset({"acc", "accuracy"})
"""Short names for which Keras chooses the class. With a single output, that is BinaryAccuracy."""
_OF_CLASSES = _ACCURACY | {name for name, metric in _METRICS.items() if metric.indices or metric.rows or metric.one}
_GREATEST = frozenset({"f1score", "fbetascore"})
"""Metrics that use the greatest output as the class, unless they have a threshold."""
_SPARSE = frozenset({"iou", "meaniou"})
"""Metrics of classes both in labels and in outputs, unless arguments say otherwise."""
_TOP_K = frozenset({"precision", "recall"})
"""Metrics that use the greatest outputs if they have the argument top_k and no thresholds."""


def check_metrics(
    metrics: Sequence[Named], labels: np.ndarray[Any, Any], output: Sequence[int | None]
) -> Iterator[TrainingWarning]:
    """Yield a warning with the metrics that compute meaningless values for these labels.

    Args:
        metrics: The metrics. `compile.check_labels` has refused those that fail for such labels.
        labels: Labels of shape (samples, ...).
        output: Shape of the network's output for one sample; None for an axis of any size.
    """
    if not metrics:
        return
    numbers, shape = are_numbers(labels, output), labels.shape[1:]
    if found := _listed(metrics, [advice_for(metric, shape, output, numbers=numbers) for metric in metrics]):
        yield warned("MetricMismatch", f"{found}. What it computes of other labels means nothing")


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


def advice_for(
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
    name, axes = normalized(metric.name), len(output) - len(labels)
    known = _METRICS.get(name, _Metric(metric.name))
    advice = None
    if numbers and name in _OF_CLASSES:
        advice = "it compares classes, and the labels hold other numbers than 0 and 1: use mae, mse or their like"
    elif metric.name == "Accuracy":
        advice = "it counts outputs that are the very number of their label, which no probability is: use accuracy"
    elif output[-1] == 1:
        if known.one:
            advice = f"it takes several outputs, and the network gives one: use {known.one}"
        elif name in _GREATEST and metric.arguments.get("threshold") is None:
            advice = "give it threshold: 0.5, since of one output the greatest is always that"
    elif axes == 1 or (axes == 0 and labels[-1] == 1):
        advice = _for_indices(known, metric, labels, output)
    elif axes == 0 and known.rows and not (name in _SPARSE and "sparse_y_true" in metric.arguments):
        advice = f"it takes class indices, and the labels are one-hot rows: use {known.rows}"
    return advice


def _for_indices(known: _Metric, metric: Named, labels: Sequence[int], output: Sequence[int | None]) -> str | None:
    """Return advice for a metric of class indices beside several outputs, or None if it may suit."""
    if normalized(metric.name) in _SPARSE and metric.arguments.get("sparse_y_pred") is not False:
        takes = "it takes a class for what the network gives, and that is a value for each class"
        return f"{takes}: add sparse_y_pred: false"
    if known.indices != _NO_COUNTERPART:
        takes = "it takes a value for each output, and the labels are class indices"
        return (known.indices and f"{takes}: use {known.indices}") or None
    y = "y[..., 0]" if len(labels) == len(output) else "y"
    return (
        f"it takes one-hot rows, and the labels are class indices: save y as numpy.eye({output[-1] or 'CLASSES'})[{y}] "
        "and use the loss CategoricalCrossentropy, or take the metric SparseCategoricalAccuracy (accuracy) instead"
    )


class ForLogits(NamedTuple):
    """The class of a metric that reads logits as logits.

    Args:
        name: The class.
        arguments: Its arguments for logits; empty if it has none.
        activation: The activation of the last layer that makes probabilities of logits.
    """

    name: str
    arguments: Mapping[str, Any]
    activation: str

    def __str__(self) -> str:
        if not self.arguments:
            no_argument = "it has no argument for logits, so give the last layer activation: "
            return f"{no_argument}{self.activation} and leave from_logits out"
        arguments = (f"{key}: {str(value).lower()}" for key, value in self.arguments.items())
        return f"write {{name: {self.name}, {', '.join(arguments)}}}"


def check_logits(model: keras.Model, loss: Named, metrics: Sequence[Named]) -> Iterator[TrainingWarning]:
    """Yield a warning with the metrics that read logits as probabilities.

    Args:
        model: The model, built.
        loss: The loss.
        metrics: The metrics.
    """
    last = last_of(model)
    # If the last layer gives probabilities, ActivationMismatch warns instead.
    if not takes_logits(loss) or (last is not None and last.activation in SHARES | SINGLE):
        return
    outputs = model.output.shape[-1] if len(model.output.shape) > 1 else 1
    if found := _listed(metrics, [argument_for_logits(metric, loss.name, outputs=outputs) for metric in metrics]):
        yield warned(
            "MetricOnLogits",
            "spec.training.loss has from_logits: true, so the network gives logits, which these metrics take for "
            f"probabilities: {found}",
        )


def argument_for_logits(metric: Named, loss: str, *, outputs: int | None) -> ForLogits | None:
    """Return the class and arguments of a metric that read logits as logits; None if the metric does so already.

    Args:
        metric: The metric.
        loss: Name of the loss, which takes logits.
        outputs: Number of outputs in the last axis; None if it is unknown.
    """
    name, kind, arguments = normalized(metric.name), normalized(loss), metric.arguments
    if metric.name in _ACCURACY and outputs == 1 and not arguments:
        name = "binaryaccuracy"
    known = _METRICS.get(name)
    if (kind not in BINARY and kind not in CATEGORICAL) or known is None or known.logits is None:
        return None
    thresholds = arguments.get("threshold", arguments.get("thresholds"))
    by_top_k = name in _TOP_K and arguments.get("top_k") is not None
    if thresholds is None and (name in _GREATEST or by_top_k):
        return None  # the greatest output is the same with logits
    exclusive = kind in CATEGORICAL
    if not known.logits or known.exclusive != exclusive:
        return ForLogits(metric.name, {}, "softmax" if exclusive else "sigmoid")
    if all(_is(arguments.get(key), value) for key, value in known.logits.items()):
        return None
    return ForLogits(known.name, known.logits, "softmax" if exclusive else "sigmoid")


def _is(given: Any, expected: Any) -> bool:
    """Return whether an argument, or each value of a list of thresholds, is the expected value."""
    values = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    return bool(values) and all(value is not None and value == expected for value in values)


def _listed(metrics: Sequence[Named], advice: Sequence[object]) -> str:
    """Return the advice for each metric that has one, as text."""
    pairs = enumerate(zip(metrics, advice, strict=True))
    return "; ".join(
        f"spec.training.metrics[{index}] ({metric.name}): {text}" for index, (metric, text) in pairs if text
    )
