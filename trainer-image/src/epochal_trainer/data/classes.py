"""The class of each sample, if the labels name classes, and the classes that a part of the data lacks."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from epochal_api.trainingjob.report import TrainingWarning

from epochal_trainer.data.labels import BINARY, INDICES, ROWS, VALUES, normalized
from epochal_trainer.data.samples import MOST_CLASSES, Array, DataSets, Samples, shaped
from epochal_trainer.lib.failures import warned

BLOCK = 1024**2
"""Number of labels in a block of a count."""
MOST_SHOWN = 10
"""Maximum number of class indices in a message."""
MOST_RANGES = 5
"""Maximum number of classes, or of ranges of classes, in a message."""


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
        if name in {*VALUES, *BINARY}:
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
    if name not in INDICES and not (name in BINARY and outputs == 1):
        return None
    found = np.zeros(2 if name in BINARY else outputs, np.int64)
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


class Part(NamedTuple):
    """A part of the data.

    Args:
        name: Name of the part, for messages.
        source: Source of its labels.
        counts: Number of samples per class; None if some labels do not name one class.
    """

    name: str
    source: str
    counts: Array | None


def parts(data: DataSets, output_shape: Sequence[int | None], loss: str, ignored: int | None = None) -> list[Part]:
    """Return the parts of the data, the training part first.

    Args:
        data: The data sets. Their labels have passed `check_labels`.
        output_shape: Shape of the network's output for one sample; None for an axis of any size.
        loss: Name of the loss, as a Keras class or function.
        ignored: The label that the loss ignores (`ignore_class`), or None.
    """
    named = {"training": data.train, "validation": data.validation, "test": data.test}
    return [
        Part(name, samples.labels_name, counts(samples, output_shape, loss, ignored))
        for name, samples in named.items()
        if samples is not None
    ]


def check_classes(parts: Sequence[Part], *, split: str | None, mixed: bool) -> Iterator[TrainingWarning]:
    """Yield warnings about classes that are missing in parts of the data.

    Args:
        parts: The parts, the training part first.
        split: Fraction of the training set in the validation part, or None if it is a separate data set.
        mixed: Whether the validation part was drawn from the whole training set.
    """
    held = [(part, part.counts > 0) for part in parts if part.counts is not None]
    if not held or held[0][0] is not parts[0]:
        return
    train, trained = held[0]
    if trained.size > 1 and trained.sum() == 1:
        yield warned(
            "SingleClass",
            f"all labels in {train.source} to train on are of class {int(np.argmax(trained))}: a network that says so "
            "whatever it sees is never wrong. Are these the labels, and are these all of the data?",
        )
    if len(held) < len(parts):
        return
    known = np.logical_or.reduce([found for _, found in held])
    lacking = [(part, classes) for part, found in held if (classes := np.flatnonzero(known & ~found)).size]
    if not lacking:
        return
    found = ", and ".join(f"the {part.name} part lacks {_named(classes)}" for part, classes in lacking)
    if split is not None and not mixed and {part.name for part, _ in lacking} & {"training", "validation"}:
        todo = (
            "The validation part is the last one of the training set: if the data are sorted by class, write "
            f'spec.data.validation: {{split: "{split}", stratify: true}}, or spec.data.shuffle: true'
        )
    else:
        todo = f"Put samples of each class into {' and '.join(dict.fromkeys(part.source for part, _ in lacking))}"
    yield warned("MissingClasses", f"the data hold {known.sum():,} classes, but {found}. {todo}")


def _named(classes: Iterable[int]) -> str:
    """Return classes as text, with ranges for consecutive ones: `classes 0 to 7 and 9`."""
    runs: list[list[int]] = []
    for number in map(int, classes):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs[:MOST_RANGES]]
    if more := sum(map(len, runs[MOST_RANGES:])):
        words.append(f"{more:,} more")
    *others, last = words
    kind = "class" if sum(map(len, runs)) == 1 else "classes"
    return f"{kind} {', '.join(others)} and {last}" if others else f"{kind} {last}"
