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
    """The number of samples that a pass left out for an output, by reason, and of the samples that it evaluated."""

    evaluated: int = 0
    skipped: int = 0
    unlabeled: int = 0
    not_finite: int = 0


class Tally(NamedTuple):
    """Collects the answers of an output.

    Args:
        labels: Returns the labels of the samples at the given indices.
        add: Takes indices, labels and outputs of samples that have a label and finite outputs.
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
    """Predict the samples in batches, and return how many were evaluated, for each output.

    Each batch is spread evenly over the data set. So if the time is over, or `stop` returns true, the evaluated samples
    are spread evenly, too, even if the data are sorted by class.

    Args:
        samples: Number of samples.
        batch: Maximum number of samples in a batch.
        predict: Returns the outputs for the samples at the given indices, an array for each tally. It always gets the
            same number of indices, because Keras traces the network again for another batch size. The last index may be
            repeated.
        tallies: Collect the answers of each output.
        stop: Returns whether to stop before the next batch.
        seconds: The time limit. The first batch, which traces the network, is predicted in any case.
        clock: Returns the time in seconds.
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
