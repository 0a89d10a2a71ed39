"""The interface of a data set, which can provide its batches from any step of a training, for any kind of storage."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from epochal_trainer.backend import Batches


@dataclass(frozen=True)
class Order:
    """The values that, with the data, determine the batches of each epoch. To resume an epoch, they must be equal.

    Args:
        samples: Number of samples.
        batch_size: Samples per step; the last step of a pass through all samples may have fewer.
        seed: Seed of the shuffled order.
        steps: Steps per epoch. Each epoch continues with the batch after the last batch of the epoch before.
    """

    samples: int
    batch_size: int
    seed: int
    steps: int

    @property
    def steps_per_pass(self) -> int:
        """Number of steps in a pass through all samples."""
        return -(-self.samples // self.batch_size)

    def has_partial_batch(self, epochs: int) -> bool:
        """Return whether a step of the first `epochs` epochs has fewer samples than `batch_size`."""
        return self.samples % self.batch_size != 0 and epochs * self.steps >= self.steps_per_pass


class Dataset(ABC):
    """Samples for training or evaluation.

    The batches of an epoch depend only on `Order` and the number of the epoch, not on earlier reads. So a training can
    start at any step, and a checkpoint needs only the position.
    """

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples."""

    @abstractmethod
    def shuffled_batches(self, order: Order) -> Batches:
        """Return the batches for training, in shuffled order."""

    @abstractmethod
    def ordered_batches(self, batch_size: int) -> Any:
        """Return the batches for Keras' `evaluate`, each sample once and always in the same order."""

    def order(self, *, batch_size: int, seed: int, steps: int | None = None) -> Order:
        """Return the values that determine the batches of each epoch. Without `steps`, an epoch is one pass."""
        return Order(len(self), batch_size, seed, steps or -(-len(self) // batch_size))
