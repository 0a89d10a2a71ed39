"""A check for a loss that stays at the level of random guessing in the first epochs."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from epochal_api.trainingjob.report import TrainingWarning

from epochal_trainer.data.labels import BINARY, CATEGORICAL, normalized
from epochal_trainer.data.samples import Array
from epochal_trainer.lib.failures import warned
from epochal_trainer.lib.text import figure
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
LOSSES = frozenset(name for name in CATEGORICAL | BINARY if "focal" not in name)
"""Losses with a known value for guessing: the logarithm of the number of classes, or the entropy of the classes."""


def check_chance(
    counts: Array | None, loss: str, history: Sequence[Epoch], *, epochs: int, steps: int
) -> Iterator[TrainingWarning]:
    """Yield a warning if the network had learned nothing at the end of the first epochs.

    Later epochs do not change the result. There is no warning if the loss of guessing is unknown for this loss or these
    labels.

    Args:
        counts: Number of training samples of each class; None if the labels are not classes.
        loss: Name of the loss, as a class or as a function of Keras.
        history: The epochs so far, from the first epoch on.
        epochs: Epochs to train.
        steps: Steps of an epoch.
    """
    if counts is None or counts.size < 2 or normalized(loss) not in LOSSES:  # noqa: PLR2004 - classes
        return
    # All classes get the same probability, or each class gets its share of the training samples as its probability.
    classes, shares = counts.size, counts[counts > 0] / counts.sum()
    uniform, by_share = math.log(classes), -float(shares @ np.log(shares))
    first = max(min(EPOCHS, epochs), -(-STEPS // steps))
    losses = [epoch.metrics.get("loss", math.nan) for epoch in history[max(0, first - LAST) : first]]
    if len(history) < first or not all(_is_near(found, uniform) or _is_near(found, by_share) for found in losses):
        return
    if _is_near(losses[-1], uniform):
        level = f"guessing among {classes:,} classes gets (ln {classes:,} = {figure(uniform)})"
    else:
        level = f"the same answer for every sample gets, by how often each of the {classes:,} classes comes"
    yield warned(
        "ChanceLevel",
        f"the loss is {figure(losses[-1])} after epoch {first}, which is what {level}: nothing is learned yet. Another "
        "learning rate (spec.training.optimizer), features scaled to about -1 to 1 (a Rescaling or Normalization layer "
        "first), a loss that fits the last layer, or labels in the order of the features usually help",
    )


def _is_near(loss: float, level: float) -> bool:
    return level > 0 and abs(loss - level) <= TOLERANCE * level
