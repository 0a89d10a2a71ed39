"""The class of each sample, if its label names a class, and warnings about missing and unbalanced classes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from epochal_api.trainingjob.report import TrainingWarning

from epochal_trainer.data.arrays import MAX_CLASS_COUNT, Array, OutputShape, format_shape, row_blocks
from epochal_trainer.data.labels import BINARY_LOSSES, NUMERIC_LOSSES, ONE_HOT_LOSSES, SPARSE_LOSSES, normalize_name
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.training_data import TrainingData
from epochal_trainer.lib.failures import training_warning

MAX_INDICES = 10
"""Maximum number of class indices in a message. The number of the others follows."""
MAX_CLASS_SHARE = 0.95
"""Maximum fraction of the training samples in one class without the warning MostlyOneClass."""
MAX_RANGES = 5
"""Maximum number of single classes and ranges of classes, such as `0 to 7`, in a message. The number of the other
classes follows."""


class NotClassLabels(ValueError):
    """The error for labels that do not name one class per sample. The message describes the labels."""


def class_indices(samples: Samples, loss: str) -> Array:
    """Return the class of each sample, of shape (samples,) and type int64.

    Labels that name classes are class indices, one-hot rows, or 0 and 1. With a binary loss, or a loss of numbers such
    as MeanSquaredError, integers other than 0 and 1 are not class indices.

    `loss` is the name of a Keras class or function.

    Raises:
        NotClassLabels: If the labels do not name classes.
    """
    name, labels, source = normalize_name(loss), samples.labels, samples.labels_source
    shape = labels.shape[1:]
    if shape not in ((), (1,)):
        if len(shape) > 1 or name in SPARSE_LOSSES:
            raise NotClassLabels(f"{source} holds {format_shape(shape)} labels for each sample")
        if not (_all_zero_or_one(labels) and (np.count_nonzero(labels, axis=1) == 1).all()):
            raise NotClassLabels(f"{source} holds rows of {shape[0]:,} values that are not one-hot")
        indices: Array = labels.argmax(axis=1)
        return indices
    labels = labels.reshape(-1)
    if not _all_zero_or_one(labels):
        if name in {*NUMERIC_LOSSES, *BINARY_LOSSES}:
            raise NotClassLabels(f"{source} holds values other than 0 and 1, which {loss} compares as numbers")
        if labels.dtype.kind == "f" and not (name in SPARSE_LOSSES and (labels == np.floor(labels)).all()):
            raise NotClassLabels(f"{source} holds numbers of type {labels.dtype}, not class indices")
    return labels.astype(np.int64)


def class_counts(samples: Samples, output_shape: OutputShape, loss: str, ignored: int | None = None) -> Array | None:
    """Return the number of samples per class, of shape (classes,).

    Return None if the output does not predict one of several classes, or the labels do not name classes. A row of
    fractions adds its fraction to each class. Labels equal to `ignored` are not counted.
    """
    name, labels = normalize_name(loss), samples.labels
    if len(output_shape) != 1 or (outputs := output_shape[0]) is None or outputs > MAX_CLASS_COUNT:
        return None
    if name in ONE_HOT_LOSSES and labels.shape[1:] == (outputs,):
        return np.asarray(labels.sum(axis=0, dtype=np.float64))
    if name not in SPARSE_LOSSES and not (name in BINARY_LOSSES and outputs == 1):
        return None
    counts = np.zeros(2 if name in BINARY_LOSSES else outputs, np.int64)
    try:
        for rows in row_blocks(labels):
            block = class_indices(samples.subset(rows), loss)
            counts += np.bincount(block if ignored is None else block[block != ignored], minlength=counts.size)
    except NotClassLabels:
        return None
    return counts


def format_indices(indices: Array) -> str:
    """Return the first MAX_INDICES class indices as text, and the number of the others: `0, 1, 2 and 7 more`."""
    shown = ", ".join(str(index) for index in indices[:MAX_INDICES])
    more = len(indices) - MAX_INDICES
    return f"{shown} and {more:,} more" if more > 0 else shown


def _all_zero_or_one(labels: Array) -> bool:
    return bool(((labels == 0) | (labels == 1)).all())


class PartCounts(NamedTuple):
    """The number of samples per class in a part of the data (training, validation or test).

    `counts` is None if they are unknown, see `class_counts`. `name` (of the part) and `source` (of its labels) are for
    messages.
    """

    name: str
    source: str
    counts: Array | None


def count_parts(
    data: TrainingData, output_shape: OutputShape, loss: str, ignored: int | None = None
) -> list[PartCounts]:
    """Return the class counts of the training part and, if they exist, of the validation and the test part."""
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    return [
        PartCounts(name, samples.labels_source, class_counts(samples, output_shape, loss, ignored))
        for name, samples in parts.items()
        if samples is not None
    ]


def check_classes(parts: Sequence[PartCounts], *, split: str | None, drawn: bool) -> Iterator[TrainingWarning]:
    """Yield a warning if all training samples are of one class, or if a part lacks classes that another part has.

    Args:
        parts: The class counts, of the training part first.
        split: spec.data.validation.split; None if the validation part is no part of the training set.
        drawn: Whether the validation part was drawn at random, and is not the end of the training set.
    """
    present = [(part, part.counts > 0) for part in parts if part.counts is not None]
    if not present or present[0][0] is not parts[0]:
        return
    train, train_classes = present[0]
    if train_classes.size > 1 and train_classes.sum() == 1:
        yield training_warning(
            "SingleClass",
            f"all training labels in {train.source} are of class {int(np.argmax(train_classes))}: a network that "
            "always predicts this class makes no error. Check that the labels are correct and the data are complete",
        )
    if len(present) < len(parts):
        return
    in_data = np.logical_or.reduce([classes for _, classes in present])
    missing = [(part, lacks) for part, classes in present if (lacks := np.flatnonzero(in_data & ~classes)).size]
    if not missing:
        return
    found = ", and ".join(f"the {part.name} part lacks {_format_classes(classes)}" for part, classes in missing)
    if split is not None and not drawn and {part.name for part, _ in missing} & {"training", "validation"}:
        advice = (
            "The validation part is the end of the training set: if the data are sorted by class, write "
            f'spec.data.validation: {{split: "{split}", stratify: true}}, or spec.data.shuffle: true'
        )
    else:
        advice = f"Put samples of each class into {' and '.join(dict.fromkeys(part.source for part, _ in missing))}"
    yield training_warning("MissingClasses", f"the data hold {in_data.sum():,} classes, but {found}. {advice}")


def check_balance(train: PartCounts, class_names: Sequence[str]) -> Iterator[TrainingWarning]:
    """Yield a warning if more than MAX_CLASS_SHARE of the training samples, but not all, are of one class."""
    if train.counts is None or not (share := train.counts.max() / max(train.counts.sum(), 1)) > MAX_CLASS_SHARE:
        return
    if share < 1:
        index = int(train.counts.argmax())
        name = f" ({class_names[index]})" if index < len(class_names) else ""
        yield training_warning(
            "MostlyOneClass",
            f"{share:.2%} of the training labels in {train.source} are of class {index}{name}: a network that always "
            "predicts this class has this accuracy. Set spec.training.classWeight: Balanced, add samples of the other "
            "classes, and judge by metrics such as AUC, Precision, Recall or F1Score",
        )


def _format_classes(classes: Iterable[int]) -> str:
    """Return sorted classes as text, with ranges of consecutive classes: `classes 0 to 7 and 9`."""
    runs: list[list[int]] = []
    for number in map(int, classes):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs[:MAX_RANGES]]
    if more := sum(map(len, runs[MAX_RANGES:])):
        words.append(f"{more:,} more")
    *others, last = words
    kind = "class" if sum(map(len, runs)) == 1 else "classes"
    return f"{kind} {', '.join(others)} and {last}" if others else f"{kind} {last}"
