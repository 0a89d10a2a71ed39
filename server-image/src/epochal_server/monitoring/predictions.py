"""Counts samples by predicted class, and the samples for which the model returns NaN or infinity.

A change of these counts shows that the requests drift away from the training data.
"""

from collections.abc import Callable, Sequence

import numpy as np

from epochal_server.model.model import Arrays, Model

MAX_CLASSES = 1000
"""Maximum number of classes of a model whose predictions are counted: each class is a Prometheus series. Of a model
with more classes, no predictions are counted."""
THRESHOLD = 0.5


def class_names(model: Model) -> Sequence[str] | None:
    """Return the class names of the first output, for the metric of predictions; indexes if names are missing.

    None if the first output has no class probabilities, or more than MAX_CLASSES.
    """
    output = model.first_output
    if not output.probabilities or len(output.shape) != 1 or not 1 <= output.shape[0] <= MAX_CLASSES:
        return None
    count = max(2, output.shape[0])  # one unit distinguishes two classes
    if model.classes is not None and len(set(model.classes)) == count == len(model.classes):
        return model.classes
    return [str(index) for index in range(count)]


def class_counter(model: Model) -> Callable[[Arrays], np.ndarray] | None:
    """Return a function from outputs to the number of samples of each predicted class. See class_names.

    None if the classes of the model are not counted.
    """
    classes = class_names(model)
    if classes is None:
        return None
    first, count = model.first_output.name, len(classes)

    def count_classes(outputs: Arrays) -> np.ndarray:
        values = outputs[first]
        if (is_nan := np.isnan(values)).any():  # argmax returns NaN as the maximum
            values = values[~is_nan.any(axis=1)]
        predicted = values[:, 0] > THRESHOLD if values.shape[1] == 1 else values.argmax(axis=1)
        return np.bincount(predicted, minlength=count)

    return count_classes


def not_finite(outputs: Arrays) -> int:
    """Return the number of samples with NaN or infinity in any of their outputs."""
    samples: set[int] = set()
    for values in outputs.values():
        if values.dtype.kind == "f" and not (finite := np.isfinite(values)).all():
            samples.update(np.flatnonzero(~finite.reshape(len(finite), -1).all(axis=1)).tolist())
    return len(samples)
