"""What an answer says about classes: which, called what, and how sure."""

import math
from dataclasses import dataclass

import numpy as np

from epochal_server.model import Model
from epochal_server.refusals import Failed


@dataclass(frozen=True, slots=True)
class Guess:
    """A class that a sample may be of."""

    index: int
    name: str | None
    value: float
    """Its probability, if the model gives such, else what the model gives."""


def tells_classes(model: Model) -> bool:
    """Returns whether the first output of a model tells classes: one of each sample, by a value for each class.

    A single value tells two only if it is a probability: of a logit, nobody knows from where on it is the second.
    """
    first = next(iter(model.outputs.values()))
    named = model.classes is not None and first.shape != (1,)
    return (model.signature.probabilities or named) and len(first.shape) == 1


def ranked(answers: np.ndarray, most: int, classes: tuple[str, ...] | None) -> list[list[Guess]]:
    """Returns the likeliest classes of each sample, the likeliest first.

    Args:
        answers: What the model gives: a value for each class of each sample; or one, the probability of the second of
            two.
        most: How many at most.
        classes: Their names, if they have such.

    Raises:
        Failed: If there is NaN among them, which nothing is likelier than.
    """
    if np.isnan(answers).any():
        raise Failed("the model gives NaN, so that no class is the likeliest: see whether its training went well")
    answers = _each(answers)
    best = np.argsort(-answers, axis=1, kind="stable")[:, :most]
    return [
        [Guess(int(at), _name(classes, int(at)), float(row[at])) for at in order]
        for row, order in zip(answers, best, strict=True)
    ]


def chosen(answers: np.ndarray) -> list[int | None]:
    """Returns the class of each sample: the one with the greatest value; of a probability, whether it is over 0.5.

    A sample that the model gives NaN for is of none.
    """
    one = answers.shape[1] == 1
    found = (answers[:, 0] > 0.5).astype(np.int64) if one else answers.argmax(axis=1)  # noqa: PLR2004 - as sure as not
    told: list[int | None] = found.tolist()
    for at in np.flatnonzero(np.isnan(answers).any(axis=1)):
        told[at] = None
    return told


def label_shape(answers: np.ndarray, most: int, name: str, model: Model) -> tuple[int, int]:
    """Returns the shape of the array of labels. See `labels`."""
    width = math.prod(answers.shape[1:])
    if width == 1 and _names_classes(name, model):
        width = 2
    return len(answers), min(most, width)


def labels(answers: np.ndarray, most: int, name: str, model: Model) -> np.ndarray:
    """Returns what Triton's classification extension tells: VALUE:INDEX[:NAME] of the greatest values of each sample.

    https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_classification.html

    Args:
        answers: What an output gives.
        most: How many at most.
        name: Name of the output.
        model: The model.
    """
    rows = answers.reshape(len(answers), -1).astype(np.float64)
    classes = None
    if _names_classes(name, model):
        rows, classes = _each(rows), model.classes
    best = np.argsort(-rows, axis=1, kind="stable")[:, :most]
    values, indexes = np.take_along_axis(rows, best, axis=1).reshape(-1).tolist(), best.reshape(-1).tolist()
    named = [f":{name}" for name in classes or ()] + [""] * (rows.shape[1] - len(classes or ()))
    told = np.empty(best.size, object)
    told[:] = [f"{value:f}:{at}{named[at]}" for value, at in zip(values, indexes, strict=True)]
    return told.reshape(best.shape)


def _names_classes(name: str, model: Model) -> bool:
    """Returns whether the values of an output are those of the model's classes: those of another have no names."""
    return name == next(iter(model.outputs)) and tells_classes(model)


def _each(answers: np.ndarray) -> np.ndarray:
    """Returns a value for each class, where there is one that is the probability of the second of two."""
    return np.concatenate([1 - answers, answers], axis=1) if answers.shape[1] == 1 else answers


def _name(classes: tuple[str, ...] | None, index: int) -> str | None:
    return classes[index] if classes is not None and index < len(classes) else None
