"""Checks that labels match the network's output and the loss, and adds or removes a last axis of 1.

Arguments named `loss` are the name of a loss, as a Keras class or function.
"""

from collections.abc import Iterator

import numpy as np
from epochal_api.trainingjob.report import TrainingWarning

from epochal_trainer.data.arrays import (
    MAX_CLASS_COUNT,
    Array,
    OutputShape,
    first_index,
    format_shape,
    matches_shape,
    row_blocks,
)
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure, bad_data, training_warning

_SPARSE_CROSSENTROPY = {"sparsecategoricalcrossentropy": "SparseCategoricalCrossentropy"}
SPARSE_LOSSES = {
    **_SPARSE_CROSSENTROPY,
    "categoricalgeneralizedcrossentropy": "CategoricalGeneralizedCrossEntropy",
}
"""Losses whose labels are class indices: normalized name, and class in keras.losses."""
_EXCLUSIVE_LOSSES = {
    "categoricalcrossentropy": "CategoricalCrossentropy",
    "categoricalfocalcrossentropy": "CategoricalFocalCrossentropy",
}
ONE_HOT_LOSSES = {**_EXCLUSIVE_LOSSES, "categoricalhinge": "CategoricalHinge"}
"""Losses whose labels are one-hot rows: normalized name, and class in keras.losses."""
CATEGORICAL_LOSSES = _SPARSE_CROSSENTROPY | _EXCLUSIVE_LOSSES
"""Losses for probabilities or logits of mutually exclusive classes: normalized name, and class in keras.losses."""
BINARY_LOSSES = {
    "bce": "BinaryCrossentropy",
    "binarycrossentropy": "BinaryCrossentropy",
    "binaryfocalcrossentropy": "BinaryFocalCrossentropy",
}
"""Losses for outputs that are each the probability of true: normalized name, and class in keras.losses."""
NUMERIC_LOSSES = frozenset(
    """
    cosinesimilarity hinge huber kld kldivergence logcosh mae mape meanabsoluteerror meanabsolutepercentageerror
    meansquarederror meansquaredlogarithmicerror mse msle poisson squaredhinge
    """.split()  # noqa: SIM905 - a line for each name would be twenty lines
)
"""Normalized names of the losses that compare labels and outputs element by element, as numbers."""
_TOLERANCE = 0.01
"""Maximum difference between 1 and the sum of a label row, because float16 rounds each fraction."""
_POOLING_AXES = range(1, 4)
"""Numbers of axes without channels for which Keras has a GlobalAveragePooling layer: 1D to 3D."""


def match_labels(samples: Samples, output_shape: OutputShape, loss: str, ignored: int | None = None) -> Samples:
    """Check that the loss can compare the labels with the network's output, and return the samples.

    If the shapes of labels and output differ only by a trailing axis of 1, the returned labels have the output's shape.
    Labels of losses that this module does not list are not checked here, but by Keras. `ignored` is the label that the
    loss ignores (`ignore_class`), or None.

    Raises:
        Failure: InvalidLabels, if the shape or a value of the labels does not suit the loss.
    """
    name, output = normalize_name(loss), tuple(output_shape)
    if name in SPARSE_LOSSES:
        _check_indices(samples, output, loss, ignored)
    elif name in {*ONE_HOT_LOSSES, *BINARY_LOSSES, *NUMERIC_LOSSES}:
        _check_shape(samples, output, loss, one_hot=name in ONE_HOT_LOSSES)
        if name not in NUMERIC_LOSSES and (wrong := (samples.labels < 0) | (samples.labels > 1)).any():
            advice = _classes_advice(samples.labels, output) if name in BINARY_LOSSES else ""
            found = f"{_first(samples.labels, wrong)}, but {loss} takes values from 0 to 1{advice}"
            raise _invalid_labels(samples, found)
    return _with_output_shape(samples, output)


def check_one_hot(samples: Samples, loss: str) -> Iterator[TrainingWarning]:
    """Yield a warning if the loss needs one-hot rows, but some rows of labels do not sum to 1."""
    if normalize_name(loss) not in ONE_HOT_LOSSES:
        return
    labels, count, first = samples.labels, 0, ""
    for rows in row_blocks(labels):  # all sums at once may take eight times as much memory as the labels
        sums = labels[rows].sum(axis=-1, dtype=np.float64)
        wrong = np.abs(sums - 1) > _TOLERANCE
        if wrong.any() and not first:
            index = first_index(wrong)
            first = f"{[rows.start + index[0], *index[1:]]}, which sums to {sums[*index]:g}"
        count += int(np.count_nonzero(wrong))
    if count:
        yield training_warning(
            "NotOneHot",
            f"{samples.labels_source} holds rows that are not one-hot: {count:,} of its "
            f"{labels.size // labels.shape[-1]:,} rows: the first is {first}, but {loss} takes rows that sum to 1. "
            "If a sample may have several classes or none, use activation: sigmoid and the loss BinaryCrossentropy; "
            "for fractions of classes, divide each row by its sum",
        )


def normalize_name(name: str) -> str:
    """Return the name of a Keras class or function in lower case without underscores, as in this module's sets."""
    return name.lower().replace("_", "")


def _with_output_shape(samples: Samples, output: tuple[int | None, ...]) -> Samples:
    """Add or remove a trailing axis of 1 of the labels, if they then have the shape of the output.

    Otherwise metrics such as Hinge, KLDivergence and Poisson would silently broadcast labels of shape (n,) and outputs
    of shape (n, 1) to (n, n).
    """
    labels, shape = samples.labels, samples.labels.shape[1:]
    if output[-1:] == (1,) and matches_shape((*shape, 1), output):
        return samples.with_labels(labels[..., np.newaxis])
    if matches_shape(shape, (*output, 1)):
        return samples.with_labels(labels[..., 0])
    return samples


def _check_indices(samples: Samples, output: tuple[int | None, ...], loss: str, ignored: int | None) -> None:
    labels, classes = samples.labels, output[-1] if output else None
    shape = labels.shape[1:]
    if output and len(shape) == len(output) and shape[-1] != 1:
        advice = "use CategoricalCrossentropy"
        raise _invalid_labels(samples, f"rows of {shape[-1]:,} values, but {loss} takes class indices: {advice}")
    if not _fits_without_classes(shape, output):
        takes = f"{format_shape(output[:-1])} class indices" if output[:-1] else "one class index"
        found = f"{_describe(shape)}, but {loss} takes {takes} with an output of {format_shape(output)}"
        raise _invalid_labels(samples, f"{found}{_flatten_advice(shape, output)}")
    if labels.dtype.kind == "f" and (fractions := labels != np.floor(labels)).any():
        found = f"{_first(labels, fractions)}, but {loss} takes class indices, 0, 1, …. {_regression_advice(output)}"
        raise _invalid_labels(samples, found)
    wrong = (labels < 0) | (labels >= classes) if classes is not None else labels < 0
    if ignored is not None:
        wrong &= labels != ignored
    if wrong.any():
        limit = "" if classes is None else f" to {classes - 1}, as the last layer has {_outputs(classes)}"
        lowest = labels.min() if ignored is None else labels.min(where=labels != ignored, initial=labels[wrong].max())
        advice = _indices_advice(int(lowest), int(labels[wrong].max()), output)
        raise _invalid_labels(samples, f"{_first(labels, wrong)}, but a class index must be from 0{limit}{advice}")


def _indices_advice(lowest: int, highest: int, output: tuple[int | None, ...]) -> str:
    """Return advice for class indices that exceed the units of the last layer, from the lowest and highest label."""
    if len(output) != 1 or (outputs := output[0]) is None:
        return ""
    may_be_classes = lowest >= 0 and highest < MAX_CLASS_COUNT
    if outputs == 1:
        if (lowest, highest) == (0, 1):
            return ". For labels 0 and 1, use activation: sigmoid and the loss BinaryCrossentropy"
        units = f". For {highest + 1:,} classes, use units: {highest + 1}" if may_be_classes else ""
        return f". {_regression_advice(output)}{units}"
    if lowest == 1 and highest == outputs:
        return ". The labels start at 1: save y - 1"
    if may_be_classes:
        return f": units: {highest + 1}?"
    return f". {_regression_advice(output)}" if highest >= MAX_CLASS_COUNT else ""


def _classes_advice(labels: Array, output: tuple[int | None, ...]) -> str:
    """Return advice if the network has one output unit, but the labels seem to be indices of more than two classes."""
    highest = labels.max()
    if output != (1,) or labels.min() < 0 or highest >= MAX_CLASS_COUNT or (labels != np.floor(labels)).any():
        return ""
    count = int(highest) + 1
    return (
        f". For {count:,} classes, use units: {count}, activation: softmax and the loss SparseCategoricalCrossentropy"
    )


def _regression_advice(output: tuple[int | None, ...]) -> str:
    units = " and units: 1" if len(output) == 1 and output != (1,) else ""
    return f"For a regression, use the loss MeanSquaredError{units}"


def _outputs(count: int) -> str:
    return f"{count:,} output{'s' if count != 1 else ''}"


def _check_shape(samples: Samples, output: tuple[int | None, ...], loss: str, *, one_hot: bool) -> None:
    shape = samples.labels.shape[1:]
    if matches_shape(shape, output) or (
        not one_hot and (matches_shape((*shape, 1), output) or matches_shape(shape, (*output, 1)))
    ):
        return
    advice = ""
    if samples.labels.dtype.kind in "iu" and _fits_without_classes(shape, output):
        advice = "; use SparseCategoricalCrossentropy for class indices"
    advice += _flatten_advice(shape, output)
    found = f"{_describe(shape)}, but {loss} compares labels with an output of {format_shape(output)}"
    raise _invalid_labels(samples, f"{found}{advice}")


def _flatten_advice(shape: tuple[int, ...], output: tuple[int | None, ...]) -> str:
    """Return the advice to add a Flatten or pooling layer if the output, but not the labels, has axes of positions."""
    axes = len(output) - 1
    if axes not in _POOLING_AXES or len(shape) > 1:
        return ""
    return f". Is {{layer: Flatten}} or {{layer: GlobalAveragePooling{axes}D}} missing before the last Dense?"


def _describe(shape: tuple[int, ...]) -> str:
    return f"{format_shape(shape)} labels for each sample" if shape not in ((), (1,)) else "one label for each sample"


def _fits_without_classes(shape: tuple[int, ...], output: tuple[int | None, ...]) -> bool:
    return matches_shape(shape, output[:-1]) or matches_shape(shape, (*output[:-1], 1))


def _first(labels: Array, condition: Array) -> str:
    index = first_index(condition)
    return f"{labels[*index]} at {index}"


def _invalid_labels(samples: Samples, found: str) -> Failure:
    return bad_data("InvalidLabels", f"{samples.labels_source} holds {found}")
