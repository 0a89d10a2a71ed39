"""The pass over a data set that predicts each sample once, within a time limit and in bounded memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from epochal_trainer.evaluation.target import Labels

Array = NDArray[Any]


@dataclass
class Counts:
    """The numbers of samples of a pass for one output: evaluated, and left out for a reason.

    Args:
        evaluated: Samples in the statistics.
        skipped: Samples that were not predicted, because the pass stopped before.
        unlabeled: Predicted samples without a label that counts, see `Labels.counted`.
        not_finite: Predicted samples with NaN or an infinite value in the output.
    """

    evaluated: int = 0
    skipped: int = 0
    unlabeled: int = 0
    not_finite: int = 0


class Tally(NamedTuple):
    """The functions that provide the labels of one output of a network, and collect its predictions.

    Args:
        labels: Returns the labels of the samples at the given indices.
        add: Called with the indices, labels and outputs of the samples that have a label and finite outputs.
    """

    labels: Callable[[Array], Labels]
    add: Callable[[Array, Array, Array], None]


def run(
    samples: int,
    batch: int,
    *,
    predict: Callable[[Array], Sequence[Array]],
    tallies: Sequence[Tally],
    stop: Callable[[], bool],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> list[Counts]:
    """Predict the samples in batches, pass the predictions to the tallies, and return the counts for each tally.

    The samples of a batch are spread evenly over the data set. So if the pass stops early, because the time is over or
    `stop` returns true, the evaluated samples are representative even if the data are sorted by class.

    Args:
        samples: Number of samples.
        batch: Maximum number of samples in a batch.
        predict: Returns the outputs for the samples at the given indices, an array for each tally. Each call has the
            same number of indices, because Keras traces the network again for another batch size. For a smaller last
            batch, the last index is repeated.
        tallies: One for each evaluated output.
        stop: Returns whether to stop before the next batch.
        seconds: The time limit. The first batch is predicted even if the time is over, unless `stop` returns true.
        clock: Returns the present time in seconds.
    """
    counts, batches, now = [Counts() for _ in tallies], -(-samples // batch), clock()
    size, end, last = -(-samples // batches), now + seconds, 0.0
    for first in range(batches):
        began, now = now, clock()
        last = now - began if first > 1 else 0.0  # the first batch takes longer than the others
        if stop() or (first and now + last > end):
            break
        rows = np.arange(first, samples, batches)
        outputs = predict(rows if len(rows) == size else np.append(rows, rows[-1]))
        for of_output, tally, output in zip(counts, tallies, outputs, strict=True):
            _add(of_output, tally, rows, output[: len(rows)])
    for each in counts:
        each.skipped = samples - each.evaluated - each.unlabeled - each.not_finite
    return counts


def _add(counts: Counts, tally: Tally, rows: Array, outputs: Array) -> None:
    found = tally.labels(rows)
    finite = np.isfinite(outputs).reshape(len(rows), -1).all(axis=1)
    usable = found.counted & finite
    if usable.any():
        tally.add(rows[usable], found.values[usable], outputs[usable])
    counts.evaluated += int(usable.sum())
    counts.unlabeled += int((~found.counted).sum())
    counts.not_finite += int((found.counted & ~finite).sum())
