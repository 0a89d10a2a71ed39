"""Decides how an output of a network is compared with its labels: as classes or as numbers."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from epochal_api.trainingjob.network import Named
from numpy.typing import NDArray

from epochal_trainer.data.arrays import MAX_CLASS_COUNT, OutputShape, format_shape, row_blocks
from epochal_trainer.data.classes import NotClassLabels, class_indices
from epochal_trainer.data.labels import (
    BINARY_LOSSES,
    CATEGORICAL_LOSSES,
    NUMERIC_LOSSES,
    ONE_HOT_LOSSES,
    SPARSE_LOSSES,
    normalize_name,
)
from epochal_trainer.data.samples import Samples
from epochal_trainer.evaluation.outputs import Scale
from epochal_trainer.model.last_layer import (
    POSITIVE_ACTIVATIONS,
    SIGMOID_ACTIVATIONS,
    SOFTMAX_ACTIVATIONS,
    LastLayer,
    gives_probabilities,
    takes_logits,
)

Array = NDArray[Any]

_SIGN_LOSSES = frozenset({"hinge", "squaredhinge"})
"""Losses for an output whose sign is the predicted class. Labels are 0 and 1, or -1 and 1."""
_WITHOUT_SCALE = frozenset({"cosinesimilarity"})
"""Losses that ignore the magnitude of the output, so that the difference of output and label has no meaning."""


class NotEvaluated(Exception):
    """The error for a model, or an output, that cannot be evaluated. The message is the reason."""


@dataclass(frozen=True)
class Classes:
    """How an output is compared with its labels: as one of several classes.

    Args:
        count: Number of classes.
        scale: The kind of the output values, such as probabilities or logits.
        signed: Whether the label of class 0 may also be -1.
        ignored: Label that the loss ignores (`ignore_class`), or None.
    """

    count: int
    scale: Scale
    signed: bool = False
    ignored: int | None = None


@dataclass(frozen=True)
class Numbers:
    """How an output is compared with its labels: as numbers. `values` is the number of values per sample."""

    values: int


@dataclass(frozen=True)
class Labels:
    """The labels of some samples.

    Args:
        values: Classes of shape (samples,), or numbers of shape (samples, …).
        counted: For each sample, whether it has a label that counts, shape (samples,): it is not ignored, names one of
            the classes, and has a weight above 0. Otherwise its entry in `values` has no meaning.
    """

    values: Array
    counted: Array


def target_of(samples: Samples, output_shape: OutputShape, loss: Named, last: LastLayer | None) -> Classes | Numbers:
    """Return how an output is compared with its labels: as classes or as numbers.

    Args:
        samples: The data set with only this output. Its labels match network and loss.
        output_shape: Shape of the output for a sample.
        loss: The loss of this output.
        last: The last layer whose activation decides the kind of the output; None if unknown.

    Raises:
        NotEvaluated: If the output can be compared neither as classes nor as numbers.
    """
    name, label_shape = normalize_name(loss.name), samples.labels.shape[1:]
    has_class_loss = name in {*SPARSE_LOSSES, *ONE_HOT_LOSSES, *BINARY_LOSSES, *_SIGN_LOSSES}
    if has_class_loss or (gives_probabilities(last) and _are_class_labels(samples, loss)):
        count = _class_count(samples, output_shape, loss)
        scale = _scale(name, last, single=output_shape[0] == 1, logits=takes_logits(loss))
        return Classes(count, scale, name in _SIGN_LOSSES, loss.arguments.get("ignore_class"))
    if name not in NUMERIC_LOSSES - _WITHOUT_SCALE:
        raise NotEvaluated(
            f"an evaluation needs an output of classes, or a loss that compares numbers one by one, found {loss.name}"
        )
    if math.prod(label_shape) != math.prod(size or 0 for size in output_shape):
        shapes = f"labels of shape {format_shape(label_shape)} and outputs of shape {format_shape(output_shape)}"
        raise NotEvaluated(f"an evaluation needs as many values in a label as in an output, found {shapes}")
    return Numbers(math.prod(label_shape))


def class_labels(samples: Samples, rows: Array, target: Classes) -> Labels:
    """Return the labels of the samples at the indices `rows`, as classes.

    The class of a one-hot row, or of a row of fractions, is that of the largest value. A row with two equal largest
    values, or only zeros, does not count. See `Labels` for other labels that do not count.
    """
    labels = samples.labels[rows]
    if labels.shape[1:] in ((), (1,)):
        values = labels.reshape(-1)
        values = values.astype(np.int64)
        if target.signed:
            values = np.maximum(values, 0)
        counted = (values >= 0) & (values < target.count)
    else:
        values, highest = labels.argmax(axis=1), labels.max(axis=1, keepdims=True)
        counted = (highest[:, 0] > 0) & ((labels == highest).sum(axis=1) == 1)
    if target.ignored is not None:
        counted &= values != target.ignored
    return Labels(values, counted & _has_weight(samples, rows))


def number_labels(samples: Samples, rows: Array) -> Labels:
    """Return the labels of the samples at the indices `rows`, as numbers. A sample counts if its weight is above 0."""
    return Labels(samples.labels[rows], _has_weight(samples, rows))


def _class_count(samples: Samples, output_shape: OutputShape, loss: Named) -> int:
    units = output_shape[0] if len(output_shape) == 1 else None
    name, source = normalize_name(loss.name), samples.labels_source
    if units is None or units > MAX_CLASS_COUNT or (units == 1 and name in CATEGORICAL_LOSSES):
        expected = f"an evaluation of classes needs an output of at least 2 and at most {MAX_CLASS_COUNT:,} classes"
        raise NotEvaluated(f"{expected} for a sample, found an output of shape {format_shape(output_shape)}")
    if name in _SIGN_LOSSES and units == 1:
        if not np.isin(samples.labels, (-1, 0, 1)).all():
            raise NotEvaluated(f"an evaluation of classes needs labels -1 and 1, or 0 and 1: {source} has other labels")
    elif name not in {*SPARSE_LOSSES, *ONE_HOT_LOSSES} and not _are_class_labels(samples, loss):
        raise NotEvaluated(f"an evaluation of classes needs labels that name one class for a sample: not {source}")
    return 2 if units == 1 else units


def _scale(name: str, last: LastLayer | None, *, single: bool, logits: bool) -> Scale:
    """Return the kind of an output that predicts classes.

    Args:
        name: Normalized name of the loss.
        last: The last layer whose activation decides the kind; None if unknown.
        single: Whether the output is a single unit.
        logits: Whether the loss expects logits.
    """
    activation = last.activation if last is not None else None
    if activation in SOFTMAX_ACTIVATIONS:
        return "probabilities"
    if logits and activation not in SIGMOID_ACTIVATIONS:
        return "logits"
    if name in CATEGORICAL_LOSSES:
        return "shares" if activation in {None, *SIGMOID_ACTIVATIONS, *POSITIVE_ACTIVATIONS} else "scores"
    if activation in SIGMOID_ACTIVATIONS or (name in BINARY_LOSSES and (single or activation is None)):
        return "probabilities"
    return "scores"


def _are_class_labels(samples: Samples, loss: Named) -> bool:
    try:
        for rows in row_blocks(samples.labels):
            class_indices(samples.subset(rows), loss.name)
    except NotClassLabels:
        return False
    return True


def _has_weight(samples: Samples, rows: Array) -> Array:
    if samples.weights is None:
        return np.ones(len(rows), bool)
    return np.asarray(samples.weights[rows].reshape(len(rows), -1).any(axis=1))
