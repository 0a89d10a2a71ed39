"""Detects from labels what a network predicts: classes, yes-or-no labels, or numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epochal.errors import EpochalError
from epochal.init.description import Labels, Task

MAX_CLASSES = 1000
"""Whole numbers below this limit may be class indices. Larger numbers are classes only if the user sets the task."""
_MIN_SAMPLES_OF_CLASS = 2
"""Minimum mean number of samples for each class. Whole numbers that rarely repeat are amounts, such as prices."""
_OVERRIDE = "`--task classes` or `--task numbers` sets the task"


def describe_labels(parts: Sequence[NDArray[Any]], name: str, task: Task | None = None) -> Labels:
    """Return the task of labels, and the number of classes, of yes-or-no labels or of numbers.

    Args:
        parts: The labels of the training set, then those of the validation and test set if there are any.
        name: Name of the labels in messages.
        task: The task if the user gives it.

    Raises:
        EpochalError: If the labels are no numbers, have more than two axes, or do not fit `task`.
    """
    train = parts[0]
    for part in parts:
        _check(part, name)
    if train.ndim == 2 and train.shape[1] > 1:  # noqa: PLR2004
        return _rows(parts, task)
    values = np.concatenate([part.reshape(-1) for part in parts])
    is_whole = bool(np.isfinite(values).all() and (values == np.floor(values)).all()) and values.min() >= 0
    highest = int(values.max()) if is_whole else 0
    if task is None:
        distinct = len(np.unique(values)) if is_whole and highest < MAX_CLASSES else 0
        repeats = distinct * _MIN_SAMPLES_OF_CLASS <= len(values)
        task = "classes" if distinct and repeats else "numbers"
        guess = f"The labels are whole numbers from 0 to {highest:,}: {_OVERRIDE}." if is_whole else ""
    else:
        guess = ""
    if task == "numbers":
        return Labels("numbers", 1, guess=guess)
    if not is_whole:
        raise EpochalError(
            f"{name} must have class indices 0, 1, … for --task {task}, found values such as {values[0]}",
            "Convert class names with names, y = numpy.unique(labels, return_inverse=True), or use --task numbers.",
        )
    return Labels("classes", highest + 1, guess=guess if highest > 1 else "")


def _check(labels: NDArray[Any], name: str) -> None:
    if labels.dtype.kind not in "biuf":
        raise EpochalError(
            f"{name} must have numbers, found elements of type {labels.dtype}",
            "Convert class names with names, y = numpy.unique(labels, return_inverse=True), "
            "and save the names as class_names.",
        )
    if labels.ndim not in (1, 2) or not labels.size:
        raise EpochalError(
            f"{name} must have one label, or one row of labels, for each sample, found the shape {labels.shape}",
            "Write the network of such labels by hand: manifests/examples has examples.",
        )


def _rows(parts: Sequence[NDArray[Any]], task: Task | None) -> Labels:
    count = parts[0].shape[1]
    if task == "numbers" or not all(np.isin(part, (0, 1)).all() for part in parts):
        return Labels("numbers", count)
    is_one_hot = all((part.sum(axis=1, dtype=np.int64) == 1).all() for part in parts)
    if task == "classes" or (task is None and is_one_hot):
        return Labels("classes", count, are_rows=True)
    return Labels("labels", count)
