"""Counts the predicted classes, and the samples with answers of NaN or infinity.

A change of these counts shows that the requests drift away from the training data.
"""

from collections.abc import Callable, Sequence

import numpy as np

from epochal_server.model.model import Arrays, Model

MOST_CLASSES = 1000
"""Maximum number of classes that have a series each."""
EVEN = 0.5


def names(model: Model) -> Sequence[str] | None:
    """Return the names of the classes to count, or None if the model has no classes or too many."""
    output = next(iter(model.outputs.values()))
    if not model.signature.probabilities or len(output.shape) != 1 or not 1 <= output.shape[0] <= MOST_CLASSES:
        return None
    count = max(2, output.shape[0])  # one unit distinguishes two classes
    if model.classes is not None and len(set(model.classes)) == count == len(model.classes):
        return model.classes
    return [str(index) for index in range(count)]


def counted(model: Model) -> Callable[[Arrays], np.ndarray] | None:
    """Return the function that counts samples by predicted class, or None if there is nothing to count."""
    known = names(model)
    if known is None:
        return None
    first, count = next(iter(model.outputs)), len(known)

    def count_classes(outputs: Arrays) -> np.ndarray:
        found = outputs[first]
        if (odd := np.isnan(found)).any():  # argmax returns NaN as the maximum
            found = found[~odd.any(axis=1)]
        taken = found[:, 0] > EVEN if found.shape[1] == 1 else found.argmax(axis=1)
        return np.bincount(taken, minlength=count)

    return count_classes


def not_finite(outputs: Arrays) -> int:
    """Return the number of samples with NaN or infinity in their answers."""
    odd: set[int] = set()
    for found in outputs.values():
        if found.dtype.kind != "f" or (finite := np.isfinite(found)).all():
            continue
        odd.update(np.flatnonzero(~finite.reshape(len(finite), -1).all(axis=1)).tolist())
    return len(odd)
