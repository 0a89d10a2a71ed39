"""Evaluations for the tests of pictures and texts."""

import numpy as np
from epochal_api.evaluation import EvaluatedModel, Evaluation, Place
from epochal_trainer.evaluation.classes import ClassTally
from epochal_trainer.evaluation.numbers import NumberTally

MODEL = EvaluatedModel(name="best.keras", epoch=9, sha256="0" * 64)


def place(row: int) -> Place:
    return Place(source="digits.npz[x_test]", row=row)


def of_classes(count: int, samples: int = 200, names: tuple[str, ...] = (), *, perfect: bool = False) -> Evaluation:
    """Return the evaluation of a model that is right for three of four samples, or for all."""
    random = np.random.default_rng(0)
    labels = random.integers(0, count, samples)
    outputs = random.random((samples, count)).astype(np.float32) / 2
    outputs[np.arange(samples), np.where((random.random(samples) < 0.75) | perfect, labels, labels // 2)] = 0.9
    tally = ClassTally(count, "probabilities")
    tally.add(np.arange(samples), labels, outputs)
    counts = {"samples": samples, "evaluated": samples, "skipped": 0, "unlabeled": 0, "not_finite": 0}
    return Evaluation(model=MODEL, data="test", classes=tally.evaluation(names, place), **counts)


def of_numbers(values: int = 1, samples: int = 50) -> Evaluation:
    labels = np.random.default_rng(0).normal(size=(samples, values))
    tally = NumberTally(values)
    tally.add(np.arange(samples), labels, labels * 1.1)
    counts = {"samples": samples, "evaluated": samples, "skipped": 0, "unlabeled": 0, "not_finite": 0}
    return Evaluation(model=MODEL, data="validation", numbers=tally.evaluation(place), **counts)
