"""Features and labels, and how they are described to people."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

MOST_CLASSES = 100_000
"""Integer labels beyond it are taken for numbers, not for classes."""


@dataclass(frozen=True)
class Samples:
    """A data set in memory.

    Args:
        features: What goes into the network, shape (samples, …).
        labels: What should come out: class indices, one-hot rows or values, shape (samples, …).
        features_name: Where the features came from: an object's key, with the array's name where it holds several.
        labels_name: Where the labels came from.
    """

    features: Array
    labels: Array
    features_name: str
    labels_name: str

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class DataSets:
    """All that a training reads.

    Args:
        train: What to train on.
        validation: What to validate on after each epoch, if anything.
        test: What to evaluate on at the end, if anything.
        digests: SHA-256 in hex by key of every object that was read.
    """

    train: Samples
    validation: Samples | None
    test: Samples | None
    digests: dict[str, str]


def describe(samples: Samples) -> str:
    """Describes a data set in a line: `train-images-idx3-ubyte: 60,000 × 28×28 uint8, 10 classes`."""
    features = samples.features
    shape = " × ".join(part for part in (f"{len(features):,}", shaped(features.shape[1:])) if part)
    return f"{samples.features_name}: {shape} {features.dtype}, {_labels(samples.labels)}"


def shaped(shape: tuple[int, ...]) -> str:
    """Writes a shape as people do: `28×28×1`."""
    return "×".join(str(size) for size in shape)


def _labels(labels: Array) -> str:
    if labels.shape[1:] in ((), (1,)) and labels.dtype.kind in "biu":
        if labels.min() >= 0 and labels.max() < MOST_CLASSES:
            count = int(np.unique(labels).size)
            return f"{count:,} class{'es' if count != 1 else ''}"
        return f"labels from {labels.min():,} to {labels.max():,}"
    return f"labels of {shaped(labels.shape[1:]) or 'one value'} {labels.dtype}"
