"""The description of a data set, from which `epochal init` chooses the network and the training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Task = Literal["classes", "labels", "numbers"]
"""What a network predicts for each sample: one class, several yes-or-no labels, or numbers."""


@dataclass(frozen=True)
class Features:
    """The features of a data set.

    Args:
        shape: Shape of the features of one sample.
        kind: `bytes` for unsigned integers of 8 bits, `texts`, or `numbers` for all other numbers.
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
        task: The task that the labels define.
        count: Number of classes, or of yes-or-no labels or numbers for each sample.
        are_rows: Whether the classes are one-hot rows. Otherwise they are indices.
        guess: Why the task is a guess, for a comment in the manifest; "" if the task is certain.
    """

    task: Task
    count: int
    are_rows: bool = False
    guess: str = ""


@dataclass(frozen=True)
class DataDescription:
    """All data of a TrainingJob: training, validation and test set, and the files that a user uploads to the bucket.

    Args:
        source: Origin of the data, such as the name of a file, for a comment in the manifest.
        features: The features of the training set.
        labels: The labels, in all sets of the same form.
        samples: Number of samples for training; None if unknown.
        size: Bytes of the uncompressed data; None if unknown.
        train: The training set, as spec.data.train.
        validation: The validation set, as spec.data.validation; None to split the training set.
        test: The test set, as spec.data.test; None if there is none.
        files: Names of the files that the user uploads to the data bucket.
        is_converted: Whether `epochal init` converted the data to these files, in the folder of the TrainingJob.
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
