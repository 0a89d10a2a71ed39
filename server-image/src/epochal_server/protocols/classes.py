"""The predicted classes in an answer: index, name and probability."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from epochal_server.model.model import Tensor
from epochal_server.refusals import Failed


@dataclass(frozen=True, slots=True)
class ClassPrediction:
    """A predicted class of a sample."""

    index: int
    name: str | None
    value: float
    """The class's probability, or the model's raw output if the model gives no probabilities."""


def has_classes(output: Tensor) -> bool:
    """Return whether an output predicts classes: it has a value for each class, or one probability for two classes.

    A single value without probabilities is no prediction of classes, because the threshold of a logit is unknown.
    """
    named = output.classes is not None and output.shape != (1,)
    return (output.probabilities or named) and len(output.shape) == 1


def value_name(output: Tensor) -> Literal["probability", "score"]:
    """Return the field name in answers for the value of a class: `probability`, or `score` for other numbers."""
    return "probability" if output.probabilities else "score"


def top_classes(answers: np.ndarray, max_labels: int, classes: tuple[str, ...] | None) -> list[list[ClassPrediction]]:
    """Return the most probable classes of each sample, in descending order.

    Args:
        answers: The model's output: a value for each class, or a single value, the probability of the second of two
            classes.
        max_labels: Maximum number of classes for each sample.
        classes: Names of the classes, or None.

    Raises:
        Failed: If the output contains NaN, which has no rank.
    """
    if np.isnan(answers).any():
        raise Failed(
            "the model's output contains NaN, so that no class is the most probable: check the loss of its training"
        )
    answers = _class_values(answers.astype(np.float64))  # the negation of an unsigned integer would wrap
    best = np.argsort(-answers, axis=1, kind="stable")[:, :max_labels]
    return [
        [ClassPrediction(int(at), class_name(classes, int(at)), float(row[at])) for at in order]
        for row, order in zip(answers, best, strict=True)
    ]


def predicted_classes(answers: np.ndarray) -> list[int | None]:
    """Return the index of each sample's predicted class, which is the class with the greatest value.

    If the output is a single probability, the index is 1 above 0.5, else 0. For a sample with NaN, it is None.
    """
    is_binary = answers.shape[1] == 1
    indexes = (answers[:, 0] > 0.5).astype(np.int64) if is_binary else answers.argmax(axis=1)  # noqa: PLR2004 - equal probability
    classes: list[int | None] = indexes.tolist()
    for sample in np.flatnonzero(np.isnan(answers).any(axis=1)):
        classes[sample] = None
    return classes


def label_shape(answers: np.ndarray, max_labels: int, output: Tensor) -> tuple[int, int]:
    """Return the shape of the array that `labels` returns."""
    width = math.prod(answers.shape[1:])
    if width == 1 and has_classes(output):
        width = 2
    return len(answers), min(max_labels, width)


def labels(answers: np.ndarray, max_labels: int, output: Tensor) -> np.ndarray:
    """Return Triton's classification labels, VALUE:INDEX[:NAME], of the `max_labels` greatest values of each sample.

    https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_classification.html
    """
    rows = answers.reshape(len(answers), -1).astype(np.float64)
    classes = None
    if has_classes(output):  # other outputs have labels without names
        rows, classes = _class_values(rows), output.classes
    best = np.argsort(-rows, axis=1, kind="stable")[:, :max_labels]
    values, indexes = np.take_along_axis(rows, best, axis=1).reshape(-1).tolist(), best.reshape(-1).tolist()
    named = [f":{name}" for name in classes or ()] + [""] * (rows.shape[1] - len(classes or ()))
    labels = np.empty(best.size, object)
    labels[:] = [f"{value:f}:{at}{named[at]}" for value, at in zip(values, indexes, strict=True)]
    return labels.reshape(best.shape)


def _class_values(answers: np.ndarray) -> np.ndarray:
    """Return a value for each class. A single value p, the probability of the second class, becomes 1 - p and p."""
    return np.concatenate([1 - answers, answers], axis=1) if answers.shape[1] == 1 else answers


def class_name(classes: tuple[str, ...] | None, index: int) -> str | None:
    """Return the name of a class, or None if it has no name."""
    return classes[index] if classes is not None and index < len(classes) else None
