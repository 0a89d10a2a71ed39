"""The interface of a data set, for any kind of storage: batches from any step of a training on."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from epochal_trainer.backend import Batches


@dataclass(frozen=True)
class Order:
    """The values that, with the data, determine the batches of each epoch. A training can resume if they are equal.

    Args:
        samples: Number of samples.
        batch_size: Samples per step; the last step of a pass through all samples takes the rest.
        seed: Seed of the order.
        steps: Steps of an epoch. Each epoch takes the batches after those of the epoch before.
    """

    samples: int
    batch_size: int
    seed: int
    steps: int

    @property
    def steps_per_pass(self) -> int:
        """Number of steps in a pass through all samples."""
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

    def order(self, *, batch_size: int, seed: int, steps: int | None = None) -> Order:
        """Return the values that determine the batches of each epoch; by default, an epoch is a pass."""
        return Order(len(self), batch_size, seed, steps or -(-len(self) // batch_size))
