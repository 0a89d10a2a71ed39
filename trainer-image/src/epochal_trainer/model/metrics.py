"""Checks that metrics suit the labels and the loss. Otherwise Keras fails or computes meaningless values.

A table lists the metrics of Keras that compare classes, or that read outputs as probabilities. Other metrics compare
numbers, such as mae, and need no check.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.report import TrainingWarning

from epochal_trainer.data.arrays import Array, OutputShape
from epochal_trainer.data.labels import BINARY_LOSSES, CATEGORICAL_LOSSES, normalize_name
from epochal_trainer.lib.failures import training_warning
from epochal_trainer.model.last_layer import SIGMOID_ACTIVATIONS, SOFTMAX_ACTIVATIONS, find_last_layer, takes_logits

_NO_COUNTERPART = "-"
_THRESHOLD: Mapping[str, Any] = {"threshold": 0}
"""Argument with which a metric of probabilities can read logits: a logit of 0 is a probability of 0.5."""
_THRESHOLDS: Mapping[str, Any] = {"thresholds": 0}
_FROM_LOGITS: Mapping[str, Any] = {"from_logits": True}
_NO_ARGUMENT: Mapping[str, Any] = {}


@dataclass(frozen=True)
class _Metric:
    """The labels and outputs that a metric of Keras does not support, and the metrics to use instead.

    Args:
        name: Class of the metric.
        indices: The metric to use instead if labels are class indices; "" if the metric supports these, _NO_COUNTERPART
            if no metric does.
        rows: The metric to use instead if labels are one-hot rows; "" if the metric supports these.
        single_output: The metric to use instead if the network has a single output, because this metric uses the
            greatest of several outputs; "" if the metric supports a single output.
        logits: The argument with which the metric reads outputs as logits; empty if it can read only probabilities,
            None if its value is correct for both.
        is_exclusive: Whether the metric, when it reads logits, applies a softmax (the classes exclude each other), and
            not a sigmoid to each output.
    """

    name: str
    indices: str = ""
    rows: str = ""
    single_output: str = ""
    logits: Mapping[str, Any] | None = None
    is_exclusive: bool = False


_METRICS = {
    "bce": _Metric("BinaryCrossentropy", logits=_FROM_LOGITS),
    **{
        metric.name.lower(): metric
        for metric in (
            _Metric("AUC", indices=_NO_COUNTERPART, logits=_FROM_LOGITS),
            _Metric("BinaryAccuracy", indices="SparseCategoricalAccuracy", logits=_THRESHOLD),
            _Metric("BinaryCrossentropy", indices="SparseCategoricalCrossentropy", logits=_FROM_LOGITS),
            _Metric("BinaryIoU", indices=_NO_COUNTERPART, logits=_THRESHOLD),
            _Metric("CategoricalAccuracy", indices="SparseCategoricalAccuracy", single_output="BinaryAccuracy"),
            _Metric(
                "CategoricalCrossentropy",
                indices="SparseCategoricalCrossentropy",
                single_output="BinaryCrossentropy",
                logits=_FROM_LOGITS,
                is_exclusive=True,
            ),
            _Metric("F1Score", indices=_NO_COUNTERPART, logits=_NO_ARGUMENT),
            _Metric("FBetaScore", indices=_NO_COUNTERPART, logits=_NO_ARGUMENT),
            _Metric("FalseNegatives", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
            _Metric("FalsePositives", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
            _Metric("IoU", rows="OneHotIoU", single_output="BinaryIoU"),
            _Metric("KLDivergence", logits=_NO_ARGUMENT),
            _Metric("MeanIoU", rows="OneHotMeanIoU", single_output="BinaryIoU"),
            _Metric("OneHotIoU", indices=_NO_COUNTERPART, single_output="BinaryIoU"),
            _Metric("OneHotMeanIoU", indices=_NO_COUNTERPART, single_output="BinaryIoU"),
            _Metric("Poisson", logits=_NO_ARGUMENT),
            _Metric("Precision", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
            _Metric("PrecisionAtRecall", indices=_NO_COUNTERPART, logits=_NO_ARGUMENT),
            _Metric("Recall", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
            _Metric("RecallAtPrecision", indices=_NO_COUNTERPART, logits=_NO_ARGUMENT),
            _Metric("SensitivityAtSpecificity", indices=_NO_COUNTERPART, logits=_NO_ARGUMENT),
            _Metric("SparseCategoricalAccuracy", rows="CategoricalAccuracy", single_output="BinaryAccuracy"),
            _Metric(
                "SparseCategoricalCrossentropy",
                rows="CategoricalCrossentropy",
                single_output="BinaryCrossentropy",
                logits=_FROM_LOGITS,
                is_exclusive=True,
            ),
            _Metric("SparseTopKCategoricalAccuracy", rows="TopKCategoricalAccuracy", single_output="BinaryAccuracy"),
            _Metric("SpecificityAtSensitivity", indices=_NO_COUNTERPART, logits=_NO_ARGUMENT),
            _Metric("TopKCategoricalAccuracy", indices="SparseTopKCategoricalAccuracy", single_output="BinaryAccuracy"),
            _Metric("TrueNegatives", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
            _Metric("TruePositives", indices=_NO_COUNTERPART, logits=_THRESHOLDS),
        )
    },
}
_ACCURACY_NAMES = frozenset({"acc", "accuracy"})
"""Short names for which Keras chooses the class of the metric. With a single output, it is BinaryAccuracy."""
_CLASS_METRICS = _ACCURACY_NAMES | {
    name for name, metric in _METRICS.items() if metric.indices or metric.rows or metric.single_output
}
_ARGMAX_METRICS = frozenset({"f1score", "fbetascore"})
"""Metrics that use the greatest output as the predicted class, unless they have the argument `threshold`."""
_SPARSE_METRICS = frozenset({"iou", "meaniou"})
"""Metrics that expect class indices both as labels and as outputs, unless sparse_y_true or sparse_y_pred is set."""
_TOP_K_METRICS = frozenset({"precision", "recall"})
"""Metrics that use the greatest outputs if they have the argument top_k and no thresholds."""


def check_metrics(
    metrics: Sequence[Named], labels: Array, output: OutputShape, field: str = "spec.training"
) -> Iterator[TrainingWarning]:
    """Yield one warning that lists the metrics whose values are meaningless for these labels, if there are any.

    `compile.dry_run_metrics` has already refused metrics that fail for these labels. `field` is the part of the spec
    that has the metrics.
    """
    if not metrics:
        return
    numeric, shape = are_numeric_labels(labels, output), labels.shape[1:]
    advice = [metric_advice(metric, shape, output, numeric=numeric) for metric in metrics]
    if found := _format_advice(field, metrics, advice):
        yield training_warning("MetricMismatch", f"{found}. For these labels, the values of the metric are meaningless")


def are_numeric_labels(labels: Array, output: OutputShape) -> bool:
    """Return whether labels are numbers and not classes.

    For a single output, these are labels other than 0 and 1. For several outputs, these are rows as long as the output
    with values below 0 or above 1.
    """
    shape = labels.shape[1:]
    if output and output[-1] == 1:
        return not bool(((labels == 0) | (labels == 1)).all())
    if len(shape) != len(output) or not shape or shape[-1] == 1:
        return False
    return bool(((labels < 0) | (labels > 1)).any())


def metric_advice(
    metric: Named, label_shape: Sequence[int], output: OutputShape, *, numeric: bool = False
) -> str | None:
    """Return why a metric does not suit these labels or this output, with advice, or None if it may suit.

    Args:
        metric: The metric.
        label_shape: Shape of the labels of one sample.
        output: Shape of the network's output for one sample.
        numeric: Whether the labels are numbers and not classes, see `are_numeric_labels`.
    """
    if not output:
        return None
    name, axes = normalize_name(metric.name), len(output) - len(label_shape)
    known = _METRICS.get(name, _Metric(metric.name))
    advice = None
    if numeric and name in _CLASS_METRICS:
        advice = "the metric compares classes, but the labels are numbers other than 0 and 1: use mae or mse"
    elif metric.name == "Accuracy":
        advice = "the metric counts outputs that are equal to their label, but outputs are probabilities: use accuracy"
    elif output[-1] == 1:
        if known.single_output:
            advice = f"the metric expects several outputs, but the network has one: use {known.single_output}"
        elif name in _ARGMAX_METRICS and metric.arguments.get("threshold") is None:
            advice = "add threshold: 0.5, since a single output is always the greatest"
    elif axes == 1 or (axes == 0 and label_shape[-1] == 1):
        advice = _advice_for_indices(known, metric, label_shape, output)
    elif axes == 0 and known.rows and not (name in _SPARSE_METRICS and "sparse_y_true" in metric.arguments):
        advice = f"the metric expects class indices, but the labels are one-hot rows: use {known.rows}"
    return advice


def _advice_for_indices(known: _Metric, metric: Named, label_shape: Sequence[int], output: OutputShape) -> str | None:
    """Return advice for a metric if labels are class indices and there are several outputs, or None if it may suit."""
    if normalize_name(metric.name) in _SPARSE_METRICS and metric.arguments.get("sparse_y_pred") is not False:
        size = output[-1] or "several"
        return (
            "the metric expects the index of a class as output of the network, but the output has "
            f"{size} values, one for each class: add sparse_y_pred: false to the metric"
        )
    if known.indices != _NO_COUNTERPART:
        expected = "the metric expects labels with a value for each output, but the labels are class indices"
        return (known.indices and f"{expected}: use {known.indices}") or None
    y = "y[..., 0]" if len(label_shape) == len(output) else "y"
    return (
        "the metric expects one-hot rows, but the labels are class indices: save y as "
        f"numpy.eye({output[-1] or 'CLASSES'})[{y}] and use the loss CategoricalCrossentropy, or use the metric "
        "SparseCategoricalAccuracy (accuracy) instead"
    )


class LogitsMetric(NamedTuple):
    """Advice to replace a metric that reads logits as if they were probabilities.

    Args:
        name: The class of the metric to use.
        arguments: Arguments with which this class reads outputs as logits; empty if it cannot read logits.
        activation: The activation that converts logits to probabilities, to use in the last layer if `arguments` is
            empty.
    """

    name: str
    arguments: Mapping[str, Any]
    activation: str

    def __str__(self) -> str:
        if not self.arguments:
            no_argument = "the metric has no argument for logits, so write activation: "
            return f"{no_argument}{self.activation} for the last layer, and remove from_logits"
        arguments = (f"{key}: {str(value).lower()}" for key, value in self.arguments.items())
        return f"write {{name: {self.name}, {', '.join(arguments)}}}"


def check_logits_metrics(
    model: keras.Model, loss: Named, metrics: Sequence[Named], *, index: int = 0, field: str = "spec.training"
) -> Iterator[TrainingWarning]:
    """Yield one warning that lists the metrics that read the logits of an output as if they were probabilities.

    Args:
        model: The network.
        loss: The loss of the output.
        metrics: The metrics of the output.
        index: Index of the output in the model.
        field: The part of the spec that has loss and metrics.
    """
    last = find_last_layer(model, index)
    # If the last layer gives probabilities, ActivationMismatch warns instead.
    if not takes_logits(loss) or (last is not None and last.activation in SOFTMAX_ACTIVATIONS | SIGMOID_ACTIVATIONS):
        return
    shape = model.outputs[index].shape
    outputs = shape[-1] if len(shape) > 1 else 1
    if found := _format_advice(
        field, metrics, [logits_metric(metric, loss.name, outputs=outputs) for metric in metrics]
    ):
        yield training_warning(
            "MetricOnLogits",
            f"{field}.loss has from_logits: true, so the outputs are logits, but these metrics expect probabilities: "
            f"{found}",
        )


def logits_metric(metric: Named, loss: str, *, outputs: int | None) -> LogitsMetric | None:
    """Return advice for a metric that reads logits as if they were probabilities, or None if its value is correct.

    Args:
        metric: The metric.
        loss: Name of a loss that expects logits.
        outputs: Size of the output's last axis; None if it is unknown.
    """
    name, loss_name, arguments = normalize_name(metric.name), normalize_name(loss), metric.arguments
    if metric.name in _ACCURACY_NAMES and outputs == 1 and not arguments:
        name = "binaryaccuracy"
    known = _METRICS.get(name)
    if loss_name not in {*BINARY_LOSSES, *CATEGORICAL_LOSSES} or known is None or known.logits is None:
        return None
    thresholds = arguments.get("threshold", arguments.get("thresholds"))
    has_top_k = name in _TOP_K_METRICS and arguments.get("top_k") is not None
    if thresholds is None and (name in _ARGMAX_METRICS or has_top_k):
        return None  # the greatest output is the same with logits
    is_exclusive = loss_name in CATEGORICAL_LOSSES
    activation = "softmax" if is_exclusive else "sigmoid"
    if not known.logits or known.is_exclusive != is_exclusive:
        return LogitsMetric(metric.name, {}, activation)
    if all(_equals(arguments.get(key), value) for key, value in known.logits.items()):
        return None
    return LogitsMetric(known.name, known.logits, activation)


def _equals(argument: Any, expected: Any) -> bool:
    """Return whether an argument, or each value of an argument that is a list, equals the expected value."""
    values = argument if isinstance(argument, Sequence) and not isinstance(argument, str) else [argument]
    return bool(values) and all(value is not None and value == expected for value in values)


def _format_advice(field: str, metrics: Sequence[Named], advice: Sequence[object]) -> str:
    """Return a text with the field and the advice for each metric. A metric without advice is left out."""
    pairs = enumerate(zip(metrics, advice, strict=True))
    return "; ".join(f"{field}.metrics[{index}] ({metric.name}): {text}" for index, (metric, text) in pairs if text)
