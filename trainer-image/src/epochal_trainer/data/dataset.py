"""What a training reads, wherever it lies."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from epochal_trainer.backend import Batches


class Spec(NamedTuple):
    """What the features, or the labels, of each sample are.

    Args:
        shape: Their shape.
        dtype: Their type.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Order:
    """What the batches of each epoch follow from, beside the data: where it is the same, a training can go on.

    Args:
        samples: Samples of an epoch.
        batch_size: Samples per step; the last of an epoch takes the rest.
        seed: Seed of the order.
    """

    samples: int
    batch_size: int
    seed: int

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-self.samples // self.batch_size)


class Dataset(ABC):
    """Samples to train on, or to evaluate on.

    It gives the batches of a training from any step of any epoch on. Which ones follows from its order and from the
    epoch alone, whatever was read before: so a training that goes on needs nothing but its position.
    """

    @abstractmethod
    def __len__(self) -> int:
        """Returns the number of samples."""

    @property
    @abstractmethod
    def element_spec(self) -> tuple[Spec, Spec]:
        """What features and labels of a sample are."""

    @abstractmethod
    def describe(self) -> str:
        """Describes it to people, in a line."""

    @abstractmethod
    def shuffled(self, order: Order) -> Batches:
        """Returns its batches to train on.

        Args:
            order: As `order` gives it.
        """

    @abstractmethod
    def in_order(self, batch_size: int) -> Any:
        """Returns its batches to evaluate on, each sample once and always in the same order, as Keras takes them.

        Args:
            batch_size: Samples per step.
        """

    def order(self, *, batch_size: int, seed: int) -> Order:
        """Returns what the batches of each epoch follow from.

        Args:
            batch_size: Samples per step.
            seed: Seed of the training.
        """
        return Order(len(self), batch_size, seed)
