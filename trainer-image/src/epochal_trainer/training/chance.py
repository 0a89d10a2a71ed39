"""A check for a loss that stays at the level of random guessing in the first epochs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from epochal_api.report import Warned

from epochal_trainer.data.samples import Array
from epochal_trainer.lib.text import figure
from epochal_trainer.lib.warned import warned
from epochal_trainer.reporting.history import Epoch

EPOCHS = 3
"""Number of first epochs that are checked. A training with fewer epochs is checked over all of them."""
STEPS = 100
"""Minimum number of steps in these epochs. With fewer steps, a network may have learned almost nothing."""
LAST = 2
"""How many of these epochs must have the loss of guessing. The first epoch may be far off, because of large weights."""
TOLERANCE = 0.01
"""Largest distance between the loss and the loss of guessing, as a fraction of the latter.

A network that learns leaves this range within a few dozen steps, because the check uses the mean of a whole epoch. The
noise of that mean, over 100 steps or more, is well below it.
"""
LOSSES = frozenset({"bce", "binarycrossentropy", "categoricalcrossentropy", "sparsecategoricalcrossentropy"})
"""Losses with a known value for guessing: the logarithm of the number of classes, or the entropy of the classes."""


@dataclass(frozen=True)
class Chance:
    """The losses that random guessing reaches in a training.

    Args:
        classes: Number of classes.
        levels: The loss when all classes get the same probability, and the loss when each class gets its share of the
            training samples as its probability.
        epochs: Epochs to train.
        steps: Steps of an epoch.
    """

    classes: int
    levels: tuple[float, ...]
    epochs: int
    steps: int

    @classmethod
    def of(cls, counts: Array | None, loss: str, *, epochs: int, steps: int) -> "Chance | None":
        """Return the losses of guessing, or None if they are unknown for this loss or these labels.

        Args:
            counts: Number of training samples of each class; None if the labels are not classes.
            loss: Name of the loss, as a class or as a function of Keras.
            epochs: Epochs to train.
            steps: Steps of an epoch.
        """
        if counts is None or counts.size < 2 or loss.lower().replace("_", "") not in LOSSES:  # noqa: PLR2004 - classes
            return None
        shares = counts[counts > 0] / counts.sum()
        return cls(counts.size, (math.log(counts.size), -float(shares @ np.log(shares))), epochs, steps)

    def check(self, history: Sequence[Epoch]) -> Iterator[Warned]:
        """Yield a warning if the network had learned nothing at the end of the first epochs.

        Later epochs do not change the result.

        Args:
            history: The epochs so far, from the first epoch on.
        """
        first = max(min(EPOCHS, self.epochs), -(-STEPS // self.steps))
        if len(history) < first or not all(map(self._is_guessing, history[max(0, first - LAST) : first])):
            return
        loss, all_alike = history[first - 1].metrics["loss"], self.levels[0]
        if _is_near(loss, all_alike):
            level = f"guessing among {self.classes:,} classes gets (ln {self.classes:,} = {figure(all_alike)})"
        else:
            level = f"the same answer for every sample gets, by how often each of the {self.classes:,} classes comes"
        yield warned(
            "ChanceLevel",
            f"the loss is {figure(loss)} after epoch {first}, which is what {level}: nothing is learned yet. Another "
            "learning rate (spec.training.optimizer), features scaled to about -1 to 1 (a Rescaling or Normalization "
            "layer first), a loss that fits the last layer, or labels in the order of the features usually help",
        )

    def _is_guessing(self, epoch: Epoch) -> bool:
        return any(_is_near(epoch.metrics.get("loss", math.nan), level) for level in self.levels)


def _is_near(loss: float, level: float) -> bool:
    return level > 0 and abs(loss - level) <= TOLERANCE * level
