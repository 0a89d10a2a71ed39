"""Figures of residuals, and their bounds."""

import math

import numpy as np
import pytest
from epochal_api.evaluation import MAX_VALUES, MAX_WORST, NumberEvaluation, Place
from epochal_trainer.evaluation import numbers
from epochal_trainer.evaluation.numbers import FRACTIONS, MAX_RESIDUALS, NumberTally
from numpy.typing import NDArray


def evaluation(labels: NDArray[np.float64], outputs: NDArray[np.float64], *, batch: int = 1000) -> NumberEvaluation:
    tally = NumberTally(math.prod(labels.shape[1:]))
    for begin in range(0, len(labels), batch):
        rows = np.arange(begin, min(begin + batch, len(labels)))
        tally.add(rows, labels[rows], outputs[rows])
    return tally.evaluation(lambda row: Place(source="x", row=row))


def test_figures_of_one_value() -> None:
    labels = np.arange(101.0)
    residuals = np.linspace(-20, 80, 101)
    found = evaluation(labels, (labels + residuals)[:, np.newaxis], batch=10)
    assert found.mean_residual == pytest.approx(30)
    assert found.mean_absolute_error == pytest.approx(np.abs(residuals).mean())
    assert found.root_mean_squared_error == pytest.approx(math.sqrt(np.square(residuals).mean()))
    assert [each.fraction for each in found.quantiles] == list(FRACTIONS)
    assert [each.value for each in found.quantiles] == pytest.approx(np.quantile(residuals, FRACTIONS))
    assert found.exact
    assert [sample.place.row for sample in found.worst] == list(range(100, 100 - MAX_WORST, -1))
    worst = found.worst[0]
    assert (worst.label, worst.answer) == ([100.0], [180.0])
    assert worst.error == pytest.approx(80)


def test_several_values_are_ranked_by_the_root_mean_square(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "BLOCK_SIZE", 50)
    labels = np.zeros((6, 5, 4))
    outputs = labels.copy()
    outputs[2] = 3
    outputs[4, 0, 0] = 4
    found = evaluation(labels, outputs)
    assert found.values == 20
    assert [(sample.place.row, sample.error) for sample in found.worst[:2]] == [
        (2, 3),
        (4, pytest.approx(4 / math.sqrt(20))),
    ]
    assert all(len(sample.label) == len(sample.answer) == MAX_VALUES for sample in found.worst)


def test_quantiles_of_very_many_residuals_are_of_a_sample() -> None:
    residuals = np.random.default_rng(1).permutation(4 * MAX_RESIDUALS).astype(float)
    found = evaluation(np.zeros(len(residuals)), residuals, batch=10_000)
    assert not found.exact
    for quantile in found.quantiles:
        assert quantile.value / len(residuals) == pytest.approx(quantile.fraction, abs=0.01)
    assert (found.quantiles[0].value, found.quantiles[-1].value) == (0, len(residuals) - 1), "the extremes are exact"


def test_large_numbers_have_finite_figures() -> None:
    found = evaluation(np.array([1e200, -1e200]), np.array([[0.0], [0.0]]))
    assert (found.mean_residual, found.mean_absolute_error) == (0, 1e200)
    assert found.root_mean_squared_error is None
    assert [sample.error for sample in found.worst] == [1e200, 1e200]


def test_no_samples() -> None:
    found = NumberTally(1).evaluation(lambda row: Place(source="x", row=row))
    assert (found.mean_residual, found.quantiles, found.worst, found.exact) == (None, [], [], True)
