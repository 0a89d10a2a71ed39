"""What samples were answered with: which class, and whether by numbers at all.

Counted, it shows when what is asked drifts away from what was trained on.
"""

from collections.abc import Callable, Sequence

import numpy as np

from epochal_server.model import Arrays, Model

MOST_CLASSES = 1000
"""Classes that have a series each, at most."""
EVEN = 0.5


def names(model: Model) -> Sequence[str] | None:
    """Returns the names of the classes that are counted; None if the model tells no classes apart, or too many."""
    output = next(iter(model.outputs.values()))
    if not model.signature.probabilities or len(output.shape) != 1 or not 1 <= output.shape[0] <= MOST_CLASSES:
        return None
    count = max(2, output.shape[0])  # one unit tells two classes apart
    if model.classes is not None and len(set(model.classes)) == count == len(model.classes):
        return model.classes
    return [str(index) for index in range(count)]


def counted(model: Model) -> Callable[[Arrays], np.ndarray] | None:
    """Returns what counts how many samples were taken for each class; None if nothing is to be counted."""
    known = names(model)
    if known is None:
        return None
    first, count = next(iter(model.outputs)), len(known)

    def count_classes(outputs: Arrays) -> np.ndarray:
        found = outputs[first]
        if (odd := np.isnan(found)).any():  # argmax takes NaN for the greatest
            found = found[~odd.any(axis=1)]
        taken = found[:, 0] > EVEN if found.shape[1] == 1 else found.argmax(axis=1)
        return np.bincount(taken, minlength=count)

    return count_classes


def not_finite(outputs: Arrays) -> int:
    """Returns how many samples the answers to which hold NaN or what is infinite."""
    odd: set[int] = set()
    for found in outputs.values():
        if found.dtype.kind != "f" or (finite := np.isfinite(found)).all():
            continue
        odd.update(np.flatnonzero(~finite.reshape(len(finite), -1).all(axis=1)).tolist())
    return len(odd)
