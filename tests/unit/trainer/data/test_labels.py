from typing import Any

import numpy as np
import pytest
from epochal_trainer.data.labels import check_one_hot, match_labels
from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import Failure

from tests.unit.trainer.expect import expect_failure, expect_peak_memory

SPARSE, ROWS, BINARY = "SparseCategoricalCrossentropy", "CategoricalCrossentropy", "BinaryCrossentropy"
INDICES = [0, 9, 3]
ONE_HOT = np.eye(10)[INDICES]
FRACTIONS = [[0.2, 0.8], [0.0, 1.0]]
MASKS = np.zeros((2, 4, 4), "u1")


def samples(labels: Any) -> Samples:
    return Samples.single(np.zeros((len(labels), 4)), np.asarray(labels), "features", "labels")


@pytest.mark.parametrize(
    ("labels", "output", "loss", "shape"),
    [
        ([0, 1, 1], [1], BINARY, (3, 1)),
        ([0, 1, 1], [1], "Poisson", (3, 1)),
        ([0, 1, 1], [1], "Dice", (3, 1)),
        ([0, 0, 0], [1], SPARSE, (3, 1)),
        ([0.5, -3.0], [1], "mse", (2, 1)),
        ([-1, 1], [1], "hinge", (2, 1)),
        ([[0], [1]], [], "mse", (2,)),
        (MASKS, [4, 4, 1], BINARY, (2, 4, 4, 1)),
        (MASKS, [None, None, 1], BINARY, (2, 4, 4, 1)),
        (MASKS[..., None], [4, 4], "mse", (2, 4, 4)),
        ([[0], [1]], [1], BINARY, (2, 1)),
        (INDICES, [10], SPARSE, (3,)),
        (INDICES, [10], "sparse_categorical_crossentropy", (3,)),
        ([[1], [2]], [10], "CategoricalGeneralizedCrossEntropy", (2, 1)),
        (np.array(INDICES, "f4"), [10], SPARSE, (3,)),
        (np.array([True, False]), [2], SPARSE, (2,)),
        (np.array([[0], [9]]), [10], SPARSE, (2, 1)),
        (INDICES, [None], SPARSE, (3,)),
        (MASKS, [4, 4, 3], SPARSE, (2, 4, 4)),
        (MASKS[..., None], [4, 4, 3], SPARSE, (2, 4, 4, 1)),
        (MASKS, [None, None, 3], SPARSE, (2, 4, 4)),
        (ONE_HOT, [10], ROWS, (3, 10)),
        (ONE_HOT, [10], "CategoricalFocalCrossentropy", (3, 10)),
        (FRACTIONS, [2], "categorical_crossentropy", (2, 2)),
        (FRACTIONS, [2], BINARY, (2, 2)),
        (np.ones((3, 2)), [2], "MeanSquaredError", (3, 2)),
        (np.ones((3, 2)) - 5, [2], "Huber", (3, 2)),
        ([[1, 2, 3]], [20, 30], "CTC", (1, 3)),
    ],
)
def test_valid_labels_get_the_output_shape(
    labels: Any, output: list[int | None], loss: str, shape: tuple[int, ...]
) -> None:
    before = samples(labels)
    found = match_labels(before, output, loss)
    assert found.labels.shape == shape
    np.testing.assert_array_equal(found.labels.reshape(-1), before.labels.reshape(-1))
    assert np.shares_memory(found.labels, before.labels)


@pytest.mark.parametrize(
    ("labels", "output", "loss", "message"),
    [
        ([0, 1, 10], [10], SPARSE, r"10 at \[2\], .* from 0 to 9, as the last layer has 10 outputs: units: 11\?$"),
        ([0, -1], [10], SPARSE, r"-1 at \[1\], .* from 0 to 9, as the last layer has 10 outputs$"),
        ([0, -1], [1], SPARSE, r"-1 at \[1\], .* 1 output. For a regression, use the loss MeanSquaredError$"),
        ([0, 1, 1], [1], SPARSE, r"1 at \[1\], .* 1 output. For labels 0 and 1, use activation: sigmoid and the loss"),
        (
            [151.0, 75.0],
            [1],
            SPARSE,
            r"151.0 at \[0\], .* 1 output. For a regression, .* MeanSquaredError. For 152 classes, use units: 152$",
        ),
        (
            [0, 250_000],
            [10],
            SPARSE,
            "250000 .* outputs. For a regression, use the loss MeanSquaredError and units: 1$",
        ),
        (
            [0.5, 1.5],
            [1],
            SPARSE,
            "0.5 .* takes class indices, 0, 1, …. For a regression, use the loss MeanSquaredError$",
        ),
        (np.array([250], "u1"), [10], SPARSE, r"250 at \[0\]"),
        ([[0], [12]], [10], SPARSE, r"12 at \[1, 0\]"),
        (MASKS + 3, [4, 4, 3], SPARSE, r"3 at \[0, 0, 0\]"),
        ([0.5, 1.0], [10], SPARSE, r"0.5 at \[0\], .* takes class indices"),
        (ONE_HOT, [10], SPARSE, "rows of 10 values, .*: use CategoricalCrossentropy"),
        (MASKS, [10], SPARSE, "4×4 labels for each sample, .* takes one class index with an output of 10"),
        (INDICES, [4, 4, 3], SPARSE, "one label for each sample, .* takes 4×4 class indices"),
        ([1, 10, 2], [10], SPARSE, r"10 at \[1\], .* has 10 outputs. The labels start at 1: save y - 1$"),
        ([1, 11, 2], [10], SPARSE, r"11 at \[1\], .* has 10 outputs: units: 12\?$"),
        (
            INDICES,
            [7, 7, 10],
            SPARSE,
            "one label .* takes 7×7 .* output of 7×7×10. Is .*Flatten.* GlobalAveragePooling2D",
        ),
        (ONE_HOT, [None, 10], ROWS, r"10 labels .* output of \?×10. Is .* \{layer: GlobalAveragePooling1D\} missing"),
        ([0.5, 2.0], [7, 1], "mse", "one label .* output of 7×1. Is .* missing before the last Dense"),
        (MASKS, [7, 7, 10], SPARSE, "4×4 labels .* output of 7×7×10$"),
        (INDICES, [10], ROWS, "one label for each sample, .* output of 10; use SparseCategoricalCrossentropy"),
        ([[1], [2]], [10], ROWS, ".*; use SparseCategoricalCrossentropy"),
        (ONE_HOT, [10], "CategoricalGeneralizedCrossEntropy", "rows of 10 values, .* takes class indices"),
        (ONE_HOT, [11], ROWS, "10 labels for each sample, .* output of 11"),
        (ONE_HOT * 2, [10], ROWS, r"2.0 at \[0, 0\], .* values from 0 to 1"),
        ([0, 2], [1], BINARY, r"2 at \[1\], .* values from 0 to 1"),
        ([-1, 1], [1], BINARY, r"-1 at \[0\]"),
        (INDICES, [10], BINARY, ".*output of 10"),
        (INDICES, [10], "mean_squared_error", "one label for each sample, .* output of 10"),
        (np.ones((3, 2)), [3], "mae", "2 labels for each sample, .* output of 3"),
    ],
)
def test_invalid_labels(labels: Any, output: list[int | None], loss: str, message: str) -> None:
    with expect_failure("InvalidLabels", f"labels holds {message}"):
        match_labels(samples(labels), output, loss)


def test_an_ignored_label_is_no_class() -> None:
    masks = np.array([[0, 255], [2, 1]], "u1")
    match_labels(samples(masks), [2, 3], SPARSE, 255)
    match_labels(samples(masks.astype("i4") - 1), [2, 255], SPARSE, -1)
    with pytest.raises(Failure, match=r"255 at \[0, 1\]"):
        match_labels(samples(masks), [2, 3], SPARSE, -1)
    with expect_failure(
        "InvalidLabels", r"labels holds 3 at \[1\], .* has 3 outputs. The labels start at 1: save y - 1$"
    ):
        match_labels(samples([-1, 3, 1]), [3], SPARSE, -1)


@pytest.mark.parametrize(
    ("labels", "loss", "found"),
    [
        ([[0, 1, 1], [1, 0, 0]], ROWS, "1 of its 2 rows: the first is [0], which sums to 2"),
        ([[1, 0, 0], [0, 0, 0]], "categorical_crossentropy", "1 of its 2 rows: the first is [1], which sums to 0"),
        ([[True, True], [True, True]], "CategoricalHinge", "2 of its 2 rows: the first is [0], which sums to 2"),
        (
            np.ones((3, 300), "u1"),
            "CategoricalFocalCrossentropy",
            "3 of its 3 rows: the first is [0], which sums to 300",
        ),
        (np.ones((2, 4, 3), "u1"), ROWS, "8 of its 8 rows: the first is [0, 0], which sums to 3"),
        ([[0.5, 0.25], [1, 0]], ROWS, "1 of its 2 rows: the first is [0], which sums to 0.75"),
        (ONE_HOT, ROWS, None),
        (FRACTIONS, ROWS, None),
        (np.full((2, 3), 1 / 3, "f2"), ROWS, None),
        ([[0, 1, 1], [1, 0, 0]], BINARY, None),
        ([[0, 1, 1], [1, 0, 0]], "mse", None),
        (INDICES, SPARSE, None),
    ],
)
def test_not_one_hot_warning(labels: Any, loss: str, found: str | None) -> None:
    warnings = list(check_one_hot(samples(labels), loss))
    assert [warning.reason for warning in warnings] == ([] if found is None else ["NotOneHot"])
    assert all(
        found is not None and f"labels holds rows that are not one-hot: {found}" in warning.message
        for warning in warnings
    )


def test_one_hot_check_needs_little_memory() -> None:
    labels = np.zeros((1000, 50, 50, 2), np.uint8)
    labels[..., 0] = 1
    labels[900, 7, 8] = labels[999, 0, 0] = 1
    with expect_peak_memory(4 * labels.nbytes):
        (found,) = check_one_hot(Samples.single(np.zeros((1000, 1)), labels, "x", "y"), "CategoricalCrossentropy")
    assert "2 of its 2,500,000 rows: the first is [900, 7, 8], which sums to 2," in found.message
