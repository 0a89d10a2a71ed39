"""Checks whether the loss stays at the level of random guessing in the first epochs."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from epochal_api.trainingjob.report import TrainingWarning

from epochal_trainer.data.arrays import Array
from epochal_trainer.data.labels import BINARY_LOSSES, CATEGORICAL_LOSSES, normalize_name
from epochal_trainer.lib.failures import training_warning
from epochal_trainer.lib.text import format_number
from epochal_trainer.reporting.history import Epoch

FIRST_EPOCHS = 3
"""Number of epochs to check at the start of a training; all epochs of a shorter training.

More epochs are checked if these have fewer than MIN_STEPS steps.
"""
MIN_STEPS = 100
"""Minimum number of steps in the checked epochs. With fewer steps, a network may have learned almost nothing."""
COMPARED_EPOCHS = 2
"""Number of epochs, the last of the checked epochs, whose losses are compared with the loss of guessing.

There is a warning if all these losses equal it. The mean loss of the first epoch may be far above.
"""
TOLERANCE = 0.01
"""Largest distance between the loss and the loss of guessing, as a fraction of the latter.

A network that learns leaves this range within a few dozen steps, because the check uses the mean of a whole epoch. The
noise of that mean, over 100 steps or more, is well below it.
"""
LOSSES = frozenset(name for name in CATEGORICAL_LOSSES | BINARY_LOSSES if "focal" not in name)
"""Losses whose value for guessing is known: the logarithm of the number of classes, or the entropy of the classes."""


def check_better_than_chance(
    class_counts: Array | None,
    loss: str,
    history: Sequence[Epoch],
    *,
    epochs: int,
    steps: int,
    metric: str = "loss",
) -> Iterator[TrainingWarning]:
    """Yield a warning if the network has learned nothing in the first epochs: its loss equals the loss of guessing.

    Later epochs do not change the result. There is no warning if the loss of guessing is unknown for this loss or these
    labels.

    Args:
        class_counts: Number of training samples of each class; None if the labels are not classes.
        loss: Name of the loss.
        history: All finished epochs, from the first.
        epochs: Number of epochs of the training.
        steps: Number of steps of an epoch.
        metric: Name of the loss among an epoch's metrics.
    """
    if class_counts is None or class_counts.size < 2 or normalize_name(loss) not in LOSSES:  # noqa: PLR2004 - classes
        return
    # All classes get the same probability, or each class gets its share of the training samples as its probability.
    classes, shares = class_counts.size, class_counts[class_counts > 0] / class_counts.sum()
    uniform, by_share = math.log(classes), -float(shares @ np.log(shares))
    checked = max(min(FIRST_EPOCHS, epochs), -(-MIN_STEPS // steps))
    losses = [epoch.metrics.get(metric, math.nan) for epoch in history[max(0, checked - COMPARED_EPOCHS) : checked]]
    if len(history) < checked or not all(_is_near(value, uniform) or _is_near(value, by_share) for value in losses):
        return
    if _is_near(losses[-1], uniform):
        guess = f"a random guess among {classes:,} classes (ln {classes:,} = {format_number(uniform)})"
    else:
        guess = f"the same output for every sample, equal to the frequencies of the {classes:,} classes"
    yield training_warning(
        "ChanceLevel",
        f"the {metric} is {format_number(losses[-1])} after epoch {checked}, as for {guess}: the network has learned "
        "nothing yet. Usual remedies: another learning rate (spec.training.optimizer), features scaled to about -1 "
        "to 1 (a Rescaling or Normalization layer first), a loss that fits the last layer, or labels in the order of "
        "features",
    )


def _is_near(loss: float, expected: float) -> bool:
    return expected > 0 and abs(loss - expected) <= TOLERANCE * expected
