"""The pass over a data set that predicts each sample once, within a time limit and in bounded memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epochal_trainer.evaluation.target import Labels

Array = NDArray[Any]


@dataclass
class Counts:
    """The number of samples that a pass left out, by reason, and of the samples that it evaluated."""

    evaluated: int = 0
    skipped: int = 0
    unlabeled: int = 0
    not_finite: int = 0


def run(
    samples: int,
    batch: int,
    *,
    predict: Callable[[Array], Array],
    labels: Callable[[Array], Labels],
    add: Callable[[Array, Array, Array], None],
    stop: Callable[[], bool],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> Counts:
    """Predict the samples in batches, and return how many were evaluated.

    Each batch is spread evenly over the data set. So if the time is over, or `stop` returns true, the evaluated samples
    are spread evenly, too, even if the data are sorted by class.

    Args:
        samples: Number of samples.
        batch: Maximum number of samples in a batch.
        predict: Returns the outputs for the samples with some indices. It always gets the same number of indices,
            because Keras traces the network again for another batch size. The last index may be repeated.
        labels: Returns the labels of the samples with some indices.
        add: Takes indices, labels and outputs of samples that have a label and finite outputs.
        stop: Returns whether to stop before the next batch.
        seconds: The time limit. The first batch, which traces the network, is predicted in any case.
        clock: Returns the time in seconds.
    """
    counts, batches, now = Counts(), -(-samples // batch), clock()
    size, end, last = -(-samples // batches), now + seconds, 0.0
    for first in range(batches):
        began, now = now, clock()
        last = now - began if first > 1 else 0.0  # the first batch takes longer than the others
        if stop() or (first and now + last > end):
            break
        rows = np.arange(first, samples, batches)
        outputs = predict(rows if len(rows) == size else np.append(rows, rows[-1]))[: len(rows)]
        found = labels(rows)
        finite = np.isfinite(outputs).reshape(len(rows), -1).all(axis=1)
        usable = found.counted & finite
        if usable.any():
            add(rows[usable], found.values[usable], outputs[usable])
        counts.evaluated += int(usable.sum())
        counts.unlabeled += int((~found.counted).sum())
        counts.not_finite += int((found.counted & ~finite).sum())
    counts.skipped = samples - counts.evaluated - counts.unlabeled - counts.not_finite
    return counts
