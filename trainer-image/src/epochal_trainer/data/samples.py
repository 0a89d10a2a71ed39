"""Data sets: the interface for any kind of storage, and arrays of features and labels in memory."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from epochal_trainer import backend
from epochal_trainer.backend import Batches

Array: TypeAlias = NDArray[Any]
OutputShape: TypeAlias = Sequence[int | None]
"""Shape of the network's output for one sample; None for an axis of any size."""

BLOCK_SIZE = 1024**2
"""Elements to process at a time."""
MAX_CLASS_COUNT = 100_000
"""Number of classes up to which integer labels are class indices. Greater labels are numbers."""


@dataclass(frozen=True)
class Order:
    """The values that, with the data, determine the batches of each epoch. A training can resume if they are equal.

    Args:
        samples: Samples per epoch.
        batch_size: Samples per step; the last step of an epoch takes the rest.
        seed: Seed of the order.
    """

    samples: int
    batch_size: int
    seed: int

    @property
    def steps(self) -> int:
        """Number of steps in an epoch."""
        return -(-self.samples // self.batch_size)


class Dataset(ABC):
    """Samples for training or evaluation.

    A data set provides the batches from any step of any epoch on. The batches depend on order and epoch only, not on
    earlier reads. So a training needs only its position to resume.
    """

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples."""

    @abstractmethod
    def shuffled_batches(self, order: Order) -> Batches:
        """Return the batches for training."""

    @abstractmethod
    def ordered_batches(self, batch_size: int) -> Any:
        """Return the batches for evaluation in the form of Keras, each sample once and always in the same order."""

    def order(self, *, batch_size: int, seed: int) -> Order:
        """Return the values that determine the batches of each epoch."""
        return Order(len(self), batch_size, seed)


class ClassNames(NamedTuple):
    """Names of classes that were found beside the labels, or names of columns beside the features.

    Args:
        source: Their source: an object's key, and the array's name if the object holds several.
        names: The names in the order of the class indices, or of the columns; empty if they are invalid.
        error: The error in the names and the expected form; "" if they are valid.
    """

    source: str
    names: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Samples(Dataset):
    """A data set in memory.

    Args:
        features: Inputs of the network, shape (samples, …).
        labels: Expected outputs: class indices, one-hot rows or values, shape (samples, …).
        features_name: Source of the features: an object's key, and the array's name if the object holds several.
        labels_name: Source of the labels.
        weights: Weight of each sample in the loss, shape (samples, …); None for equal weights.
        weights_name: Source of the weights.
        class_names: Class names from beside the labels, if there are any.
        feature_names: Names of the columns from beside the features, if there are any.
        source_rows: Index of each sample in its source, shape (samples,), for a validation part that was split off;
            else None.
    """

    features: Array
    labels: Array
    features_name: str
    labels_name: str
    weights: Array | None = None
    weights_name: str = ""
    class_names: ClassNames | None = None
    feature_names: ClassNames | None = None
    source_rows: Array | None = None

    def __len__(self) -> int:
        return len(self.features)

    @property
    def nbytes(self) -> int:
        """Size of the arrays in bytes."""
        return sum(array.nbytes for array in self._arrays)

    @property
    def _arrays(self) -> tuple[Array, ...]:
        """The arrays of a batch, in the order of Keras."""
        return (self.features, self.labels) if self.weights is None else (self.features, self.labels, self.weights)

    def subset(self, rows: slice | Array) -> "Samples":
        """Return the samples with these indices: views for a slice, else copies."""
        weights, source_rows = (None if each is None else each[rows] for each in (self.weights, self.source_rows))
        return replace(
            self, features=self.features[rows], labels=self.labels[rows], weights=weights, source_rows=source_rows
        )

    def source_row(self, index: int) -> int:
        """Return the index in their source of the sample with an index in this data set."""
        return index if self.source_rows is None else int(self.source_rows[index])

    def describe(self) -> str:
        """Return a description in one line: `train-images-idx3-ubyte: 60,000 × 28×28 uint8, 10 classes`."""
        shape = " × ".join(part for part in (f"{len(self):,}", format_shape(self.features.shape[1:])) if part)
        weights = "" if self.weights is None else f", weights from {self.weights.min():g} to {self.weights.max():g}"
        return f"{self.features_name}: {shape} {self.features.dtype}, {_describe_labels(self.labels)}{weights}"

    def shuffled_batches(self, order: Order) -> Batches:
        """Return the batches for training."""
        return backend.current().shuffled_batches(*self._arrays, batch_size=order.batch_size, seed=order.seed)

    def ordered_batches(self, batch_size: int) -> Any:
        """Return the batches for evaluation."""
        return backend.current().ordered_batches(*self._arrays, batch_size=batch_size)


@dataclass(frozen=True)
class TrainingData:
    """The data sets of a training.

    Args:
        digests: SHA-256 in hex of every object that was read, by key.
        split_parameters: Parameters of the draw of the validation part, see data/split.py; None if it is not a part of
            the training set.
        class_weights: Weight of each class in the training loss; empty if the spec sets none.
        class_names: Names of the network's classes; empty if unknown.
        feature_names: Names of the columns of a table; empty if unknown.
    """

    train: Samples
    validation: Samples | None
    test: Samples | None
    digests: dict[str, str]
    split_parameters: dict[str, Any] | None = None
    class_weights: Mapping[int, float] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()

    def dump(self) -> dict[str, Any]:
        """Return the description of the data sets for summary.json, as JSON-ready values."""
        sets = {"train": self.train, "validation": self.validation, "test": self.test}
        return {
            **{name: len(samples) if samples is not None else None for name, samples in sets.items()},
            "division": self.split_parameters,
            "classWeights": {str(number): weight for number, weight in self.class_weights.items()},
            "sampleWeights": {
                name: {"from": samples.weights_name, "least": float(weights.min()), "greatest": float(weights.max())}
                for name, samples in sets.items()
                if samples is not None and (weights := samples.weights) is not None
            },
        }


def row_blocks(array: Array) -> Iterator[slice]:
    """Yield slices of the first axis, each of about BLOCK_SIZE elements, so that temporary arrays stay small."""
    rows = max(1, BLOCK_SIZE * len(array) // array.size)
    return (slice(begin, begin + rows) for begin in range(0, len(array), rows))


def first_index(condition: Array) -> list[int]:
    """Return the index of the first true element of an array, as a list of one index per axis."""
    return [int(index) for index in np.unravel_index(int(np.argmax(condition)), condition.shape)]


def format_shape(shape: Sequence[int | None]) -> str:
    """Return a shape as text: `28×28×1`, with ? for an axis of any size."""
    return "×".join("?" if size is None else str(size) for size in shape)


def _describe_labels(labels: Array) -> str:
    if labels.shape[1:] not in ((), (1,)):
        return f"labels of {format_shape(labels.shape[1:])} {labels.dtype}"
    if labels.dtype.kind not in "biu":
        return f"one {labels.dtype} number per sample"
    if labels.min() < 0 or labels.max() >= MAX_CLASS_COUNT:
        return f"labels from {labels.min():,} to {labels.max():,}"
    count = int(np.unique(labels).size)
    return f"{count:,} class{'es' if count != 1 else ''}"
