"""Finds metrics that read logits as probabilities beside a loss with `from_logits: true`: Keras reports no error.

Other metrics are not affected: those that measure a distance, such as mae, compare numbers, and those that use the
greatest output find the same output with logits.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
from epochal_api.network import Named
from epochal_api.report import Warned

from epochal_trainer.data.labels import normalized
from epochal_trainer.lib.warned import warned
from epochal_trainer.model.last_layer import BINARY, CATEGORICAL, SHARES, SINGLE, last_of, takes_logits

_THRESHOLD: Mapping[str, Any] = {"threshold": 0}
_THRESHOLDS: Mapping[str, Any] = {"thresholds": 0}
_FROM_LOGITS: Mapping[str, Any] = {"from_logits": True}
_OF_SIGMOID: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "auc": ("AUC", _FROM_LOGITS),
    "bce": ("BinaryCrossentropy", _FROM_LOGITS),
    "binaryaccuracy": ("BinaryAccuracy", _THRESHOLD),
    "binarycrossentropy": ("BinaryCrossentropy", _FROM_LOGITS),
    "binaryiou": ("BinaryIoU", _THRESHOLD),
    "falsenegatives": ("FalseNegatives", _THRESHOLDS),
    "falsepositives": ("FalsePositives", _THRESHOLDS),
    "precision": ("Precision", _THRESHOLDS),
    "recall": ("Recall", _THRESHOLDS),
    "truenegatives": ("TrueNegatives", _THRESHOLDS),
    "truepositives": ("TruePositives", _THRESHOLDS),
}
"""Metrics of outputs that are each true or false, with their class and its argument for logits.

A logit of 0 is a probability of 0.5.
"""
_OF_SOFTMAX: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "categoricalcrossentropy": ("CategoricalCrossentropy", _FROM_LOGITS),
    "sparsecategoricalcrossentropy": ("SparseCategoricalCrossentropy", _FROM_LOGITS),
}
"""Metrics of mutually exclusive classes, with their class and its argument for logits."""
_WITHOUT = frozenset(
    [
        "f1score",
        "fbetascore",
        "kldivergence",
        "poisson",
        "precisionatrecall",
        "recallatprecision",
        "sensitivityatspecificity",
        "specificityatsensitivity",
    ]
)
"""Metrics of probabilities that have no argument for logits."""
_BY_TEXT = frozenset({"acc", "accuracy"})
"""Short names for which Keras uses BinaryAccuracy with a single output."""
_UNLESS: Mapping[str, str] = {"precision": "top_k", "recall": "top_k"}
"""Arguments with which a metric uses the greatest outputs, unless it also has thresholds."""


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
        told = (f"{key}: {str(value).lower()}" for key, value in self.arguments.items())
        return f"write {{name: {self.name}, {', '.join(told)}}}"


def check_logits(model: keras.Model, loss: Named, metrics: Sequence[Named]) -> Iterator[Warned]:
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
    told = [
        f"spec.training.metrics[{index}] ({one.name}): {advice}"
        for index, one in enumerate(metrics)
        if (advice := argument_for_logits(one, loss.name, outputs=outputs))
    ]
    if told:
        yield warned(
            "MetricOnLogits",
            "spec.training.loss has from_logits: true, so the network gives logits, which these metrics take for "
            f"probabilities: {'; '.join(told)}",
        )


def argument_for_logits(metric: Named, loss: str, *, outputs: int | None) -> ForLogits | None:
    """Return the class and arguments of a metric that read logits as logits; None if the metric does so already.

    Args:
        metric: The metric.
        loss: Name of the loss, which takes logits.
        outputs: Number of outputs in the last axis; None if it is unknown.
    """
    name, kind = normalized(metric.name), normalized(loss)
    if kind not in BINARY and kind not in CATEGORICAL:
        return None
    if metric.name in _BY_TEXT and outputs == 1 and not metric.arguments:
        name = "binaryaccuracy"
    arguments = metric.arguments
    thresholds = arguments.get("threshold", arguments.get("thresholds"))
    if thresholds is None and (name in {"f1score", "fbetascore"} or arguments.get(_UNLESS.get(name, "")) is not None):
        return None  # the greatest output is the same with logits
    if kind in CATEGORICAL:
        suits, others, activation = _OF_SOFTMAX, _OF_SIGMOID, "softmax"
    else:
        suits, others, activation = _OF_SIGMOID, _OF_SOFTMAX, "sigmoid"
    if name not in suits:
        return ForLogits(metric.name, {}, activation) if name in _WITHOUT or name in others else None
    right, wanted = suits[name]
    if all(_is(arguments.get(key), value) for key, value in wanted.items()):
        return None
    return ForLogits(right, wanted, activation)


def _is(given: Any, wanted: Any) -> bool:
    """Return whether an argument, or each value of a list of thresholds, is the wanted value."""
    values = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    return bool(values) and all(value is not None and value == wanted for value in values)
