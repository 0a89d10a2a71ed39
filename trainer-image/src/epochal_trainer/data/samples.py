"""Data sets in memory: arrays of features and labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from epochal_trainer import backend
from epochal_trainer.backend import Batches
from epochal_trainer.data.class_names import ClassNames
from epochal_trainer.data.dataset import Dataset, Order, Spec

Array: TypeAlias = NDArray[Any]

MOST_CLASSES = 100_000
"""Integer labels beyond it are taken for numbers, not for classes."""


@dataclass(frozen=True)
class Samples(Dataset):
    """A data set in memory.

    Args:
        features: What goes into the network, shape (samples, …).
        labels: What should come out: class indices, one-hot rows or values, shape (samples, …).
        features_name: Where the features came from: an object's key, with the array's name where it holds several.
        labels_name: Where the labels came from.
        weights: What each sample counts in the loss, shape (samples, …); None if all count the same.
        weights_name: Where the weights came from.
        class_names: What the classes are called, if that lies beside them.
    """

    features: Array
    labels: Array
    features_name: str
    labels_name: str
    weights: Array | None = None
    weights_name: str = ""
    class_names: ClassNames | None = None

    def __len__(self) -> int:
        return len(self.features)

    @property
    def element_spec(self) -> tuple[Spec, Spec]:
        """See Dataset."""
        return _spec(self.features), _spec(self.labels)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return sum(array.nbytes for array in self._arrays)

    @property
    def _arrays(self) -> tuple[Array, ...]:
        """What goes into a batch, as Keras takes it."""
        return (self.features, self.labels) if self.weights is None else (self.features, self.labels, self.weights)

    def taken(self, rows: slice | Array) -> "Samples":
        """Returns some of the samples: views of them for a slice, else copies.

        Args:
            rows: Which, as NumPy takes it.
        """
        weights = None if self.weights is None else self.weights[rows]
        return replace(self, features=self.features[rows], labels=self.labels[rows], weights=weights)

    def describe(self) -> str:
        """Describes it in a line: `train-images-idx3-ubyte: 60,000 × 28×28 uint8, 10 classes`."""
        spec, _ = self.element_spec
        shape = " × ".join(part for part in (f"{len(self):,}", shaped(spec.shape)) if part)
        weights = "" if self.weights is None else f", weights from {self.weights.min():g} to {self.weights.max():g}"
        return f"{self.features_name}: {shape} {spec.dtype}, {_labels(self.labels)}{weights}"

    def shuffled(self, order: Order) -> Batches:
        """See Dataset."""
        return backend.current().shuffled(*self._arrays, batch_size=order.batch_size, seed=order.seed)

    def in_order(self, batch_size: int) -> Any:
        """See Dataset."""
        return backend.current().in_order(*self._arrays, batch_size=batch_size)


@dataclass(frozen=True)
class DataSets:
    """All that a training reads.

    Args:
        train: What to train on.
        validation: What to validate on after each epoch, if anything.
        test: What to evaluate on at the end, if anything.
        digests: SHA-256 in hex by key of every object that was read.
        division: How the validation part was drawn, see division.described; None if it is no part of the training set.
        class_weights: What a sample of each class counts in the loss of training, if that was asked for.
        class_names: What the classes are called that the network tells apart; empty if that is not known.
    """

    train: Samples
    validation: Samples | None
    test: Samples | None
    digests: dict[str, str]
    division: dict[str, Any] | None = None
    class_weights: Mapping[int, float] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()

    def dump(self) -> dict[str, Any]:
        """Returns for summary.json what was trained on, as JSON-ready values."""
        sets = {"train": self.train, "validation": self.validation, "test": self.test}
        return {
            **{name: len(samples) if samples is not None else None for name, samples in sets.items()},
            "division": self.division,
            "classWeights": {str(number): weight for number, weight in self.class_weights.items()},
            "sampleWeights": {
                name: {"from": samples.weights_name, "least": float(weights.min()), "greatest": float(weights.max())}
                for name, samples in sets.items()
                if samples is not None and (weights := samples.weights) is not None
            },
        }


def shaped(shape: tuple[int, ...]) -> str:
    """Writes a shape as people do: `28×28×1`."""
    return "×".join(str(size) for size in shape)


def _spec(array: Array) -> Spec:
    return Spec(array.shape[1:], array.dtype)


def _labels(labels: Array) -> str:
    if labels.shape[1:] in ((), (1,)) and labels.dtype.kind in "biu":
        if labels.min() >= 0 and labels.max() < MOST_CLASSES:
            count = int(np.unique(labels).size)
            return f"{count:,} class{'es' if count != 1 else ''}"
        return f"labels from {labels.min():,} to {labels.max():,}"
    if labels.shape[1:] in ((), (1,)):
        return f"one {labels.dtype} number per sample"
    return f"labels of {shaped(labels.shape[1:])} {labels.dtype}"
