"""Statistics of a model that predicts one of several classes: confusion, precision, recall, calibration, mistakes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from epochal_api.evaluation import (
    MAX_CONFUSED,
    MAX_LISTED_CLASSES,
    MAX_MATRIX,
    MAX_WORST,
    Calibration,
    CalibrationBin,
    ClassEvaluation,
    ClassFigures,
    ConfusedPair,
    Mistake,
    Place,
)
from numpy.typing import NDArray

from epochal_trainer.evaluation.outputs import Scale, class_values
from epochal_trainer.evaluation.pairs import PairCounts
from epochal_trainer.evaluation.worst import Worst

Array = NDArray[Any]

BINS = 10
"""Number of equal ranges of the predicted probability in the calibration."""


class ClassTally:
    """Counts predicted classes by class of the label. The memory depends on the number of classes, not of samples."""

    def __init__(self, count: int, scale: Scale) -> None:
        self._count = count
        self._scale: Scale = scale
        self._samples, self._answers, self._correct = (np.zeros(count, np.int64) for _ in range(3))
        self._matrix = np.zeros((count, count), np.int64) if count <= MAX_MATRIX else None
        self._pairs = PairCounts(count)
        self._bins = np.zeros((3, BINS))  # samples, sum of probabilities, correct answers
        self.worst = Worst(MAX_WORST)

    def add(self, rows: Array, labels: Array, outputs: Array) -> None:
        """Add the predictions for a batch of samples to the statistics.

        Args:
            rows: Index of each sample in the data set, shape (samples,).
            labels: Class of each sample by its label, shape (samples,).
            outputs: Finite outputs of the network, shape (samples, units).
        """
        values = class_values(outputs, self._scale)
        answers, each = values.argmax(axis=1), np.arange(len(values))
        highest, own = values[each, answers], values[each, labels]
        wrong = answers != labels
        self._samples += np.bincount(labels, minlength=self._count)
        self._answers += np.bincount(answers, minlength=self._count)
        self._correct += np.bincount(labels[~wrong], minlength=self._count)
        if self._matrix is not None:
            pairs = np.bincount(labels * self._count + answers, minlength=self._matrix.size)
            self._matrix += pairs.reshape(self._matrix.shape)
        self._pairs.add(labels[wrong], answers[wrong])
        if self._scale != "scores":
            bins = np.minimum((highest * BINS).astype(np.int64), BINS - 1)
            for total, weights in zip(self._bins, (None, highest, ~wrong), strict=True):
                total += np.bincount(bins, weights, minlength=BINS)  # noqa: PLW2901 - a row of the array
        columns = (labels, answers, highest, own)
        self.worst.add((highest - own)[wrong], rows[wrong], *(column[wrong] for column in columns))

    def evaluation(self, names: Sequence[str], place: Callable[[int], Place]) -> ClassEvaluation:
        """Return the statistics of all added samples.

        Args:
            names: Names of the classes; empty if they have none.
            place: Returns the origin (array and row) of the sample with an index in the data set.
        """
        correct = int(self._correct.sum())
        return ClassEvaluation(
            count=self._count,
            correct=correct,
            accuracy=_fraction(correct, int(self._samples.sum())),
            by_class=[self._class_figures(index, names) for index in self._listed_classes()],
            confusion=self._matrix.tolist() if self._matrix is not None else None,
            confused=[
                ConfusedPair(label=label, answer=answer, samples=samples)
                for label, answer, samples in self._pairs.most_common(MAX_CONFUSED)
            ],
            confused_error=self._pairs.error,
            calibration=self._calibration() if self._scale != "scores" else None,
            mistakes=[self._mistake(place, *item[1:]) for item in self.worst.items()],
        )

    def _listed_classes(self) -> list[int]:
        mistakes = self._samples + self._answers - 2 * self._correct
        return sorted(np.argsort(-mistakes, kind="stable")[:MAX_LISTED_CLASSES].tolist())

    def _class_figures(self, index: int, names: Sequence[str]) -> ClassFigures:
        samples, answers, correct = (int(each[index]) for each in (self._samples, self._answers, self._correct))
        return ClassFigures(
            index=index,
            name=names[index] if names else None,
            samples=samples,
            answers=answers,
            correct=correct,
            precision=_fraction(correct, answers),
            recall=_fraction(correct, samples),
        )

    def _calibration(self) -> Calibration:
        samples, probabilities, correct = self._bins
        differences = float(np.abs(probabilities - correct).sum())
        return Calibration(
            error=_fraction(differences, float(samples.sum())),
            bins=[
                CalibrationBin(
                    lower=index / BINS,
                    upper=(index + 1) / BINS,
                    samples=int(samples[index]),
                    probability=_fraction(float(probabilities[index]), float(samples[index])),
                    accuracy=_fraction(float(correct[index]), float(samples[index])),
                )
                for index in range(BINS)
            ],
        )

    def _mistake(self, place: Callable[[int], Place], *columns: Any) -> Mistake:
        row, label, answer, highest, own = columns
        has_probabilities = self._scale != "scores"
        return Mistake(
            place=place(int(row)),
            label=int(label),
            answer=int(answer),
            probability=float(highest) if has_probabilities else None,
            label_probability=float(own) if has_probabilities else None,
        )


def _fraction(part: float, total: float) -> float | None:
    """Return `part / total`, at most 1 in spite of rounding; None if the total is 0."""
    return min(part / total, 1.0) if total else None
