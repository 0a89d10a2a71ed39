"""What an answer says about classes: which, called what, and how sure."""

from dataclasses import dataclass

import numpy as np

from epochal_server.model import Model


@dataclass(frozen=True, slots=True)
class Guess:
    """A class that a sample may be of."""

    index: int
    name: str | None
    value: float
    """Its probability, if the model gives such, else what the model gives."""


def tells_classes(model: Model) -> bool:
    """Returns whether the first output of a model tells classes: one of each sample, by a value for each class."""
    first = next(iter(model.outputs.values()))
    return (model.signature.probabilities or model.classes is not None) and len(first.shape) == 1


def ranked(answers: np.ndarray, most: int, classes: tuple[str, ...] | None) -> list[list[Guess]]:
    """Returns the likeliest classes of each sample, the likeliest first.

    Args:
        answers: What the model gives: a value for each class of each sample; or one value, that of the second of two.
        most: How many at most.
        classes: Their names, if they have such.
    """
    if answers.shape[1] == 1:
        answers = np.concatenate([1 - answers, answers], axis=1)
    best = np.argsort(-answers, axis=1, kind="stable")[:, :most]
    return [
        [Guess(int(at), _name(classes, int(at)), float(row[at])) for at in order]
        for row, order in zip(answers, best, strict=True)
    ]


def chosen(answers: np.ndarray) -> np.ndarray:
    """Returns the class of each sample: the one with the greatest value; of a single value, whether it is over 0.5."""
    if answers.shape[1] == 1:
        return (answers[:, 0] > 0.5).astype(np.int64)  # noqa: PLR2004 - as sure as not
    return np.asarray(answers.argmax(axis=1))


def labels(answers: np.ndarray, most: int, classes: tuple[str, ...] | None) -> np.ndarray:
    """Returns what Triton's classification extension tells: VALUE:INDEX[:NAME] of the greatest values of each sample.

    https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_classification.html
    """
    rows = answers.reshape(len(answers), -1).astype(np.float64)
    best = np.argsort(-rows, axis=1, kind="stable")[:, :most]
    told = np.empty(best.shape, object)
    for place, at in np.ndenumerate(best):
        name = _name(classes, int(at))
        told[place] = f"{rows[place[0], at]:f}:{at}" + (f":{name}" if name is not None else "")
    return told


def _name(classes: tuple[str, ...] | None, index: int) -> str | None:
    return classes[index] if classes is not None and index < len(classes) else None
