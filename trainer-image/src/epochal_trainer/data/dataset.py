"""The interface of a data set, for any kind of storage."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from epochal_trainer.backend import Batches


class Spec(NamedTuple):
    """Shape and type of the features, or of the labels, of a sample.

    Args:
        shape: The shape.
        dtype: The type.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


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

    @property
    @abstractmethod
    def element_spec(self) -> tuple[Spec, Spec]:
        """Shape and type of the features, and of the labels, of a sample."""

    @abstractmethod
    def describe(self) -> str:
        """Return a description of the data set for users, in one line."""

    @abstractmethod
    def shuffled(self, order: Order) -> Batches:
        """Return the batches for training.

        Args:
            order: The result of `order`.
        """

    @abstractmethod
    def in_order(self, batch_size: int) -> Any:
        """Return the batches for evaluation in the form of Keras, each sample once and always in the same order.

        Args:
            batch_size: Samples per step.
        """

    def order(self, *, batch_size: int, seed: int) -> Order:
        """Return the values that determine the batches of each epoch.

        Args:
            batch_size: Samples per step.
            seed: Seed of the training.
        """
        return Order(len(self), batch_size, seed)
