from typing import Any

import numpy as np
import pytest
from epochal_trainer.data import Samples
from epochal_trainer.data import classes as module
from epochal_trainer.data.classes import NoClasses, classes, counts, listed

SPARSE, ROWS, BINARY = "SparseCategoricalCrossentropy", "CategoricalCrossentropy", "BinaryCrossentropy"


def samples(labels: Any) -> Samples:
    return Samples(np.zeros(len(labels)), np.asarray(labels), "x", "y")


@pytest.mark.parametrize(
    ("labels", "loss", "found"),
    [
        ([3, 0, 7], SPARSE, [3, 0, 7]),
        (np.array([[3], [0]], "u1"), SPARSE, [3, 0]),
        (np.array([2.0, 1.0], "f4"), "sparse_categorical_crossentropy", [2, 1]),
        (np.eye(4)[[2, 0]], ROWS, [2, 0]),
        (np.eye(4, dtype=bool)[[2, 0]], "mse", [2, 0]),
        ([0, 1, 1], BINARY, [0, 1, 1]),
        ([[1.0], [0.0]], "hinge", [1, 0]),
        ([True, False], BINARY, [1, 0]),
        ([4, 5], "ALossOfAnotherVersion", [4, 5]),
    ],
)
def test_labels_that_name_classes(labels: Any, loss: str, found: list[int]) -> None:
    of_samples = classes(samples(labels), loss)
    assert of_samples.tolist() == found
    assert of_samples.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "loss", "message"),
    [
        ([0.5, 1.5], "mse", "values than 0 and 1, which mse takes for numbers"),
        ([3, 4], "mean_absolute_error", "values than 0 and 1, which mean_absolute_error takes for numbers"),
        ([-1, 1], "hinge", "values than 0 and 1, which hinge takes for numbers"),
        ([0.2, 0.9], BINARY, "values than 0 and 1"),
        ([0.5, 1.0], SPARSE, "numbers of type float64, no class indices"),
        ([2.0, 3.0], "ALossOfAnotherVersion", "numbers of type float64"),
        ([[1, 1, 0], [0, 0, 1]], BINARY, "rows of 3 that are not one-hot"),
        ([[0.9, 0.1]], ROWS, "rows of 2 that are not one-hot"),
        ([[0, 1], [1, 0]], SPARSE, "2 labels for each sample"),
        (np.zeros((2, 4, 4)), SPARSE, "4×4 labels for each sample"),
    ],
)
def test_labels_that_do_not(labels: Any, loss: str, message: str) -> None:
    with pytest.raises(NoClasses, match=f"^y holds .*{message}"):
        classes(samples(labels), loss)


@pytest.mark.parametrize(
    ("labels", "output", "loss", "found"),
    [
        ([0, 2, 2], [3], SPARSE, [1, 0, 2]),
        ([[0], [2]], [3], "sparse_categorical_crossentropy", [1, 0, 1]),
        (np.array([0, 1], "f4"), [3], SPARSE, [1, 1, 0]),
        (np.array([True, False, True]), [2], SPARSE, [1, 2]),
        (np.eye(3)[[1, 1]], [3], ROWS, [0, 2, 0]),
        ([[0.25, 0.75], [0.5, 0.5]], [2], "CategoricalFocalCrossentropy", [0.75, 1.25]),
        ([0, 1, 1], [1], BINARY, [1, 2]),
        ([[0.0], [1.0]], [1], "bce", [1, 1]),
        ([0.0, 0.3], [1], BINARY, None),
        (np.eye(3), [3], BINARY, None),
        (np.zeros((2, 4, 4)), [4, 4, 3], SPARSE, None),
        ([0, 1], [None], SPARSE, None),
        ([0, 1], [10**6], SPARSE, None),
        ([0.5, 2.0], [1], "mse", None),
        ([[1, 2]], [20, 30], "CTC", None),
    ],
)
def test_samples_of_each_class_are_counted(labels: Any, output: list[int | None], loss: str, found: Any) -> None:
    result = counts(samples(labels), output, loss)
    assert result is None if found is None else np.array_equal(np.asarray(result), found)


def test_a_label_for_nothing_is_no_class() -> None:
    assert np.array_equal(counts(samples([0, -1, 255, 2]), [256], SPARSE, -1), np.bincount([0, 255, 2]))  # type: ignore[arg-type]


def test_many_labels_are_counted_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 3)
    assert np.array_equal(counts(samples(np.arange(10) % 4), [4], SPARSE), [3, 3, 2, 2])  # type: ignore[arg-type]


def test_only_some_are_shown() -> None:
    assert listed(np.arange(3)) == "0, 1, 2"
    assert listed(np.arange(1000)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 990 more"
