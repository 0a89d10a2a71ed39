"""The comparison of labels with outputs, for each kind of network, loss and labels."""

from typing import Any

import numpy as np
import pytest
from epochal_api.trainingjob.network import Named
from epochal_trainer.data.samples import Samples
from epochal_trainer.evaluation.target import (
    Classes,
    NotEvaluated,
    Numbers,
    class_labels,
    number_labels,
    target_of,
)
from epochal_trainer.model.last_layer import LastLayer

INDICES = np.array([2, 0, 1, 2])
ONE_HOT = np.eye(3)[INDICES]
BINARY = np.array([0, 1, 1, 0])[:, np.newaxis]
SEVERAL = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]])
VALUES = np.array([0.5, 7.0, -3.0, 2.0])[:, np.newaxis]
ROWS = np.arange(4)


def samples(labels: Any, weights: Any = None) -> Samples:
    return Samples.single(np.zeros((4, 2)), np.asarray(labels), "x", "t.npz[y]", weights, weights_source="w")


def last(activation: str | None, outputs: int) -> LastLayer | None:
    return None if activation is None else LastLayer("dense", activation, outputs)


def target(labels: Any, units: int, loss: str, activation: str | None, **arguments: Any) -> Classes | Numbers:
    return target_of(samples(labels), (units,), Named(name=loss, **arguments), last(activation, units))


@pytest.mark.parametrize(
    ("labels", "units", "loss", "activation", "expected"),
    [
        (INDICES, 3, "SparseCategoricalCrossentropy", "softmax", Classes(3, "probabilities")),
        (INDICES, 3, "sparse_categorical_crossentropy", None, Classes(3, "shares")),
        (INDICES, 3, "SparseCategoricalCrossentropy", "sigmoid", Classes(3, "shares")),
        (INDICES, 3, "SparseCategoricalCrossentropy", "linear", Classes(3, "scores")),
        (ONE_HOT, 3, "CategoricalCrossentropy", "softmax", Classes(3, "probabilities")),
        (ONE_HOT, 3, "CategoricalHinge", "linear", Classes(3, "scores")),
        (ONE_HOT, 3, "BinaryCrossentropy", "sigmoid", Classes(3, "probabilities")),
        (BINARY, 1, "BinaryCrossentropy", "sigmoid", Classes(2, "probabilities")),
        (BINARY, 1, "binary_crossentropy", None, Classes(2, "probabilities")),
        (BINARY, 1, "MeanSquaredError", "sigmoid", Classes(2, "probabilities")),
        (ONE_HOT, 3, "mse", "softmax", Classes(3, "probabilities")),
        (INDICES, 3, "Tversky", "softmax", Classes(3, "probabilities")),
        (2 * BINARY - 1, 1, "Hinge", "linear", Classes(2, "scores", signed=True)),
        (BINARY, 1, "mse", "linear", Numbers(1)),
        (VALUES, 1, "Huber", "linear", Numbers(1)),
        (SEVERAL, 3, "mae", "linear", Numbers(3)),
        (ONE_HOT / 2, 3, "KLDivergence", "softmax", Numbers(3)),
    ],
)
def test_target(labels: Any, units: int, loss: str, activation: str | None, expected: Classes | Numbers) -> None:
    assert target(labels, units, loss, activation) == expected


@pytest.mark.parametrize(
    ("labels", "units", "loss"),
    [(INDICES, 3, "SparseCategoricalCrossentropy"), (BINARY, 1, "BinaryCrossentropy")],
)
def test_logits(labels: Any, units: int, loss: str) -> None:
    for activation in ("linear", None):
        assert target(labels, units, loss, activation, from_logits=True) == Classes(max(units, 2), "logits")


@pytest.mark.parametrize(
    ("labels", "units", "loss", "found"),
    [
        (SEVERAL, 3, "BinaryCrossentropy", r"one class for a sample: not t\.npz\[y\]"),
        (BINARY / 2, 1, "BinaryCrossentropy", "one class for a sample"),
        (np.zeros(4, int), 1, "SparseCategoricalCrossentropy", "at least 2 .* found an output of shape 1$"),
        (INDICES, 100_001, "SparseCategoricalCrossentropy", "at most 100,000 classes .* shape 100001$"),
        (VALUES, 1, "Hinge", "labels -1 and 1, or 0 and 1"),
        (VALUES, 1, "CosineSimilarity", "found CosineSimilarity"),
        (VALUES, 1, "CTC", "found CTC"),
        (VALUES, 2, "mse", "labels of shape 1 and outputs of shape 2"),
    ],
)
def test_trainings_without_an_evaluation(labels: Any, units: int, loss: str, found: str) -> None:
    with pytest.raises(NotEvaluated, match=found):
        target(labels, units, loss, "linear")


def test_classes_of_positions_are_not_evaluated() -> None:
    loss = Named(name="SparseCategoricalCrossentropy")
    with pytest.raises(NotEvaluated, match="found an output of shape 5×3"):
        target_of(samples(np.zeros((4, 5), int)), (5, 3), loss, last("softmax", 3))


def test_images_are_compared_as_numbers() -> None:
    assert target_of(samples(np.zeros((4, 2, 3, 1))), (2, 3, 1), Named(name="mse"), None) == Numbers(6)
    with pytest.raises(NotEvaluated, match=r"outputs of shape \?×3×1"):
        target_of(samples(np.zeros((4, 2, 3, 1))), (None, 3, 1), Named(name="mse"), None)


@pytest.mark.parametrize(
    ("labels", "classes", "values", "counted"),
    [
        (INDICES.astype(np.uint8), Classes(3, "scores"), [2, 0, 1, 2], [1, 1, 1, 1]),
        (INDICES[:, np.newaxis].astype(float), Classes(3, "scores"), [2, 0, 1, 2], [1, 1, 1, 1]),
        (ONE_HOT, Classes(3, "scores"), [2, 0, 1, 2], [1, 1, 1, 1]),
        (BINARY == 1, Classes(2, "scores"), [0, 1, 1, 0], [1, 1, 1, 1]),
        (2 * BINARY - 1, Classes(2, "scores", signed=True), [0, 1, 1, 0], [1, 1, 1, 1]),
        ([0, -1, 2, 255], Classes(3, "scores", ignored=2), [0, -1, 2, 255], [1, 0, 0, 0]),
        ([[0.7, 0.3], [0.5, 0.5], [0, 0], [0.2, 0.8]], Classes(2, "scores"), [0, 0, 0, 1], [1, 0, 0, 1]),
    ],
)
def test_class_labels(labels: Any, classes: Classes, values: list[int], counted: list[int]) -> None:
    found = class_labels(samples(labels), ROWS, classes)
    assert found.values.tolist() == values
    assert found.counted.tolist() == [each == 1 for each in counted]
    assert found.values.dtype == np.int64


def test_samples_of_weight_zero_do_not_count() -> None:
    weights = np.array([[0.5], [0], [2], [1]], np.float32)
    weighted = samples(INDICES, weights)
    assert class_labels(weighted, ROWS, Classes(3, "scores")).counted.tolist() == [True, False, True, True]
    assert number_labels(weighted, ROWS[1:]).counted.tolist() == [False, True, True]
    assert number_labels(weighted, ROWS[1:]).values.tolist() == [0, 1, 2]
