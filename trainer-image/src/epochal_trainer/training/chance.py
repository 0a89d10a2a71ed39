"""Whether a training is where guessing gets it when its first epochs are over."""

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
"""The first epochs, or all if there are fewer."""
STEPS = 100
"""Steps that they must have in all: before, a network may well have learned next to nothing."""
LAST = 2
"""How many of them must be where guessing gets. The very first one may begin far away, with large weights."""
TOLERANCE = 0.01
"""How far the loss may be from it, as a part of it. What learns anything leaves that within a few dozen steps, since
the mean of a whole epoch is looked at; the noise of that mean, over 100 steps or more, is well below."""
LOSSES = frozenset({"bce", "binarycrossentropy", "categoricalcrossentropy", "sparsecategoricalcrossentropy"})
"""Losses that are known for a guess: the logarithm of how many classes there are, or their entropy."""


@dataclass(frozen=True)
class Chance:
    """What guessing gets in a training.

    Args:
        classes: How many classes there are.
        levels: The losses of who takes all classes for equally likely, and of who goes by how often each comes.
        epochs: Epochs to train.
        steps: Steps of an epoch.
    """

    classes: int
    levels: tuple[float, ...]
    epochs: int
    steps: int

    @classmethod
    def of(cls, counts: Array | None, loss: str, *, epochs: int, steps: int) -> "Chance | None":
        """Returns what guessing gets, or None where that is not known.

        Args:
            counts: How many samples of each class are trained on; None where labels are no classes.
            loss: Name of the loss, as a class or as a function of Keras.
            epochs: Epochs to train.
            steps: Steps of an epoch.
        """
        if counts is None or counts.size < 2 or loss.lower().replace("_", "") not in LOSSES:  # noqa: PLR2004 - classes
            return None
        shares = counts[counts > 0] / counts.sum()
        return cls(counts.size, (math.log(counts.size), -float(shares @ np.log(shares))), epochs, steps)

    def check(self, history: Sequence[Epoch]) -> Iterator[Warned]:
        """Yields that nothing is learned, if so when the first epochs were over: what came later changes nothing of it.

        Args:
            history: The epochs so far, from the first one on.
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
