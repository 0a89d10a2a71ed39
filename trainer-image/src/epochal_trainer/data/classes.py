"""The class of each sample, if the labels name classes: the basis for counts, splits and weights by class."""

from collections.abc import Sequence

import numpy as np

from epochal_trainer.data.labels import INDICES, PROBABILITIES, ROWS, VALUES, normalized
from epochal_trainer.data.samples import MOST_CLASSES, Array, Samples, shaped

BLOCK = 1024**2
"""Number of labels in a block of a count."""
MOST_SHOWN = 10


class NoClasses(ValueError):
    """The error for labels that do not name one class per sample. The message describes the labels."""


def classes(samples: Samples, loss: str) -> Array:
    """Return the class of each sample.

    Labels that name classes are class indices, one-hot rows, or 0 and 1. If the loss compares labels with outputs as
    numbers, single labels other than 0 and 1 are no classes, even if they are integers.

    Args:
        samples: The data set.
        loss: Name of the loss, as a Keras class or function.

    Returns:
        Class indices of shape (samples,) and type int64.

    Raises:
        NoClasses: If the labels do not name classes.
    """
    name, labels, where = normalized(loss), samples.labels, samples.labels_name
    shape = labels.shape[1:]
    if shape not in ((), (1,)):
        if len(shape) > 1 or name in INDICES:
            raise NoClasses(f"{where} holds {shaped(shape)} labels for each sample")
        if not (_zero_or_one(labels) and (np.count_nonzero(labels, axis=1) == 1).all()):
            raise NoClasses(f"{where} holds rows of {shape[0]:,} that are not one-hot, a 1 among zeros")
        ones: Array = labels.argmax(axis=1)
        return ones
    labels = labels.reshape(-1)
    if not _zero_or_one(labels):
        if name in VALUES | PROBABILITIES:
            raise NoClasses(f"{where} holds other values than 0 and 1, which {loss} takes for numbers")
        if labels.dtype.kind == "f" and not (name in INDICES and (labels == np.floor(labels)).all()):
            raise NoClasses(f"{where} holds numbers of type {labels.dtype}, no class indices")
    return labels.astype(np.int64)


def counts(samples: Samples, output_shape: Sequence[int | None], loss: str, ignored: int | None = None) -> Array | None:
    """Return the number of samples per class, or None if the network does not predict one of several classes.

    A row that divides a sample among classes counts as these fractions.

    Args:
        samples: The data set. Its labels have passed `check_labels`.
        output_shape: Shape of the network's output for one sample; None for an axis of any size.
        loss: Name of the loss, as a Keras class or function.
        ignored: The label that the loss ignores (`ignore_class`), or None.

    Returns:
        The counts, of shape (classes,). None also if the labels do not name classes.
    """
    name, labels = normalized(loss), samples.labels
    if len(output_shape) != 1 or (outputs := output_shape[0]) is None or outputs > MOST_CLASSES:
        return None
    if name in ROWS and labels.shape[1:] == (outputs,):
        return np.asarray(labels.sum(axis=0, dtype=np.float64))
    if name not in INDICES and not (name in PROBABILITIES and outputs == 1):
        return None
    found = np.zeros(2 if name in PROBABILITIES else outputs, np.int64)
    try:
        for begin in range(0, len(samples), BLOCK):
            block = classes(samples.taken(slice(begin, begin + BLOCK)), loss)
            found += np.bincount(block if ignored is None else block[block != ignored], minlength=found.size)
    except NoClasses:
        return None
    return found


def listed(numbers: Array) -> str:
    """Return the first class indices as text, in order: `0, 1, 2 and 7 more`."""
    shown = ", ".join(str(number) for number in numbers[:MOST_SHOWN])
    more = len(numbers) - MOST_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _zero_or_one(labels: Array) -> bool:
    return bool(((labels == 0) | (labels == 1)).all())
