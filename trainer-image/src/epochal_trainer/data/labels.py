"""Checks that labels fit the network's last layer and its loss."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from epochal_api.trainingjob.report import TrainingWarning

from epochal_trainer.data.samples import Array, Samples, first_place, shaped
from epochal_trainer.lib.failures import Failure, bad_data, warned

INDICES = {"sparsecategoricalcrossentropy": "SparseCategoricalCrossentropy"}
"""Losses of class indices, and their classes in keras.losses."""
_EXCLUSIVE = {
    "categoricalcrossentropy": "CategoricalCrossentropy",
    "categoricalfocalcrossentropy": "CategoricalFocalCrossentropy",
}
ROWS = {**_EXCLUSIVE, "categoricalhinge": "CategoricalHinge"}
"""Losses of one-hot rows."""
CATEGORICAL = INDICES | _EXCLUSIVE
"""Losses of the probabilities of mutually exclusive classes."""
BINARY = {
    "bce": "BinaryCrossentropy",
    "binarycrossentropy": "BinaryCrossentropy",
    "binaryfocalcrossentropy": "BinaryFocalCrossentropy",
}
"""Losses of probabilities that are each true or false."""
VALUES = frozenset(
    [
        "cosinesimilarity",
        "hinge",
        "huber",
        "kld",
        "kldivergence",
        "logcosh",
        "mae",
        "mape",
        "meanabsoluteerror",
        "meanabsolutepercentageerror",
        "meansquarederror",
        "meansquaredlogarithmicerror",
        "mse",
        "msle",
        "poisson",
        "squaredhinge",
    ]
)
"""Losses that compare labels and outputs element by element."""
BLOCK = 1024**2
"""Elements that are summed at a time."""
_TOLERANCE = 0.01
"""Maximum distance from 1 of the sum of a row of fractions: float16 rounds each of them."""
_POOLED = range(1, 4)
"""Numbers of axes for which Keras has a GlobalAveragePooling layer."""


def check_labels(
    samples: Samples, output_shape: Sequence[int | None], loss: str, ignored: int | None = None
) -> Samples:
    """Check that the loss can compare the labels with the network's output.

    For losses that this module does not list, Keras checks the labels.

    Args:
        samples: The data set.
        output_shape: Shape of the network's output for one sample; None for an axis of any size.
        loss: Name of the loss, as a Keras class or function.
        ignored: The label that the loss ignores (`ignore_class`), or None.

    Returns:
        The data set. If the shapes of labels and output differ only by a trailing axis of 1, the labels have the
        output's shape.

    Raises:
        Failure: InvalidLabels.
    """
    name, output = normalized(loss), tuple(output_shape)
    if name in INDICES:
        _check_indices(samples, output, loss, ignored)
    elif name in {*ROWS, *BINARY, *VALUES}:
        _check_shape(samples, output, loss, rows=name in ROWS)
        if name in {*ROWS, *BINARY} and (wrong := (samples.labels < 0) | (samples.labels > 1)).any():
            raise _invalid(samples, f"{_first(samples.labels, wrong)}, and {loss} takes values from 0 to 1")
    return _shaped_as(samples, output)


def check_rows(samples: Samples, loss: str) -> Iterator[TrainingWarning]:
    """Yield a warning if rows of labels do not sum to 1 with a loss for exclusive classes.

    Args:
        samples: The data set. Its labels have passed `check_labels`.
        loss: Name of the loss, as a Keras class or function.
    """
    if normalized(loss) not in ROWS:
        return
    labels, wrong, first = samples.labels, 0, None
    rows = max(1, BLOCK * len(labels) // labels.size)
    for begin in range(0, len(labels), rows):  # all sums at once may take eight times as much memory as the labels
        sums = labels[begin : begin + rows].sum(axis=-1, dtype=np.float64)
        odd = np.abs(sums - 1) > _TOLERANCE
        if odd.any() and first is None:
            at = first_place(odd)
            first = [begin + at[0], *at[1:]], sums[*at]
        wrong += int(np.count_nonzero(odd))
    if first is not None:
        where, total = first
        yield warned(
            "NotOneHot",
            f"{samples.labels_name} holds other than one-hot rows: {wrong:,} of its "
            f"{labels.size // labels.shape[-1]:,} rows: the first is {where}, which sums to {total:g}, "
            f"and {loss} takes rows that sum to 1. "
            "Where a sample may have several classes or none, use activation: sigmoid and the loss BinaryCrossentropy; "
            "for shares of classes, divide each row by its sum",
        )


def normalized(loss: str) -> str:
    """Return the name of a loss, as a Keras class or function, in the form of this module's sets."""
    return loss.lower().replace("_", "")


def _shaped_as(samples: Samples, output: tuple[int | None, ...]) -> Samples:
    """Return samples with labels in the shape of the output, if only a trailing axis of 1 differs.

    Metrics such as Hinge, KLDivergence and Poisson broadcast labels (n,) and outputs (n, 1) to (n, n), without an
    error. Losses do not.
    """
    labels, shape = samples.labels, samples.labels.shape[1:]
    if output[-1:] == (1,) and _fits((*shape, 1), output):
        return replace(samples, labels=labels[..., np.newaxis])
    if _fits(shape, (*output, 1)):
        return replace(samples, labels=labels[..., 0])
    return samples


def _check_indices(samples: Samples, output: tuple[int | None, ...], loss: str, ignored: int | None) -> None:
    labels, classes = samples.labels, output[-1] if output else None
    shape = labels.shape[1:]
    if output and len(shape) == len(output) and shape[-1] != 1:
        raise _invalid(samples, f"rows of {shape[-1]:,}, and {loss} takes class indices: use CategoricalCrossentropy")
    if not (_fits(shape, output[:-1]) or _fits(shape, (*output[:-1], 1))):
        takes = f"{shaped(output[:-1])} class indices" if output[:-1] else "one class index"
        found = f"{_each(shape)}, and {loss} takes {takes} with an output of {shaped(output)}"
        raise _invalid(samples, f"{found}{_flatten(shape, output)}")
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        raise _invalid(
            samples, f"{_first(labels, labels != np.floor(labels))}, and {loss} takes class indices, 0, 1, …"
        )
    wrong = (labels < 0) | (labels >= classes) if classes is not None else labels < 0
    if ignored is not None:
        wrong &= labels != ignored
    if wrong.any():
        most = "" if classes is None else f" to {classes - 1}, as the last layer has {classes:,} outputs"
        from_1 = labels.min() == 1 and labels[wrong].max() == classes
        advice = ". The labels start at 1: save y - 1" if from_1 else ""
        raise _invalid(samples, f"{_first(labels, wrong)}, and a class index must be from 0{most}{advice}")


def _check_shape(samples: Samples, output: tuple[int | None, ...], loss: str, *, rows: bool) -> None:
    shape = samples.labels.shape[1:]
    if _fits(shape, output) or (not rows and (_fits((*shape, 1), output) or _fits(shape, (*output, 1)))):
        return
    advice = ""
    if samples.labels.dtype.kind in "iu" and (_fits(shape, output[:-1]) or _fits(shape, (*output[:-1], 1))):
        advice = "; use SparseCategoricalCrossentropy for class indices"
    advice += _flatten(shape, output)
    raise _invalid(samples, f"{_each(shape)}, and {loss} compares them with an output of {shaped(output)}{advice}")


def _flatten(shape: tuple[int, ...], output: tuple[int | None, ...]) -> str:
    """Return advice about a missing Flatten or pooling layer, if only the output has positions and not the labels."""
    places = len(output) - 1
    if places not in _POOLED or len(shape) > 1:
        return ""
    pooled = f"GlobalAveragePooling{places}D"
    return f". Is {{layer: Flatten}} or {{layer: {pooled}}} missing before the last Dense?"


def _each(shape: tuple[int, ...]) -> str:
    return f"{shaped(shape)} labels for each sample" if shape not in ((), (1,)) else "one label for each sample"


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(shape) == len(expected) and all(must in (None, size) for size, must in zip(shape, expected, strict=True))


def _first(labels: Array, wrong: Array) -> str:
    where = first_place(wrong)
    return f"{labels[*where]} at {where}"


def _invalid(samples: Samples, what: str) -> Failure:
    return bad_data("InvalidLabels", f"{samples.labels_name} holds {what}")
