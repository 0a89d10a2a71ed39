"""The classes in each part of the data: a part without some classes trains or measures less than it seems to."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from epochal_api.report import Warned

from epochal_trainer.data.classes import counts
from epochal_trainer.data.samples import Array, DataSets
from epochal_trainer.lib.warned import warned

NAMED = 5
"""Maximum number of classes, or of ranges of classes, in a message."""


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


def check_classes(parts: Sequence[Part], *, split: str | None, mixed: bool) -> Iterator[Warned]:
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
    for one in map(int, classes):
        if runs and one == runs[-1][-1] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    words = [f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs[:NAMED]]
    if more := sum(map(len, runs[NAMED:])):
        words.append(f"{more:,} more")
    *others, last = words
    kind = "class" if sum(map(len, runs)) == 1 else "classes"
    return f"{kind} {', '.join(others)} and {last}" if others else f"{kind} {last}"
