"""The properties of data that decide the network and the training of a first TrainingJob."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Task = Literal["classes", "labels", "numbers"]
"""Task of a network: one class for each sample, several yes-or-no labels for each sample, or numbers."""


@dataclass(frozen=True)
class Features:
    """The features of one sample.

    Args:
        shape: Shape of a sample, without the axis of samples.
        kind: `bytes` for integers of 8 bits, `texts`, or `numbers`.
        lowest: The lowest value among the samples that were read; None if unknown.
        highest: The highest value among the samples that were read; None if unknown.
    """

    shape: tuple[int, ...]
    kind: Literal["bytes", "numbers", "texts"] = "numbers"
    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True)
class Labels:
    """The labels of a data set.

    Args:
        task: The task that they define.
        count: Number of classes, of yes-or-no labels, or of numbers.
        are_rows: Whether a class is a row with a 1 at its index, in place of the index.
        guess: Why the task is not certain, for a comment; "" if it is.
    """

    task: Task
    count: int
    are_rows: bool = False
    guess: str = ""


@dataclass(frozen=True)
class DataDescription:
    """A data set, its objects, and the files that a user uploads to a bucket.

    Args:
        source: The origin of the data, for a comment.
        features: The features.
        labels: The labels.
        samples: Number of samples for training; None if unknown.
        size: Bytes of the uncompressed data; None if unknown.
        train: The training set, as spec.data.train.
        validation: The validation set, as spec.data.validation; None to split the training set.
        test: The test set, as spec.data.test; None if there is none.
        files: Names of the files for the data bucket.
        is_converted: Whether the files are a conversion, beside the TrainingJob.
        notes: Sentences for the user about the data, such as a column that was left out.
    """

    source: str
    features: Features
    labels: Labels
    samples: int | None
    size: int | None
    train: Mapping[str, str]
    validation: Mapping[str, str] | None = None
    test: Mapping[str, str] | None = None
    files: Sequence[str] = ()
    is_converted: bool = False
    notes: Sequence[str] = field(default_factory=tuple)
