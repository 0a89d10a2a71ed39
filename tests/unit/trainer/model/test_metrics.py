import re
from typing import Any

import numpy as np
import pytest
from epochal_api.network import Named
from epochal_trainer.model.metrics import are_numbers, check_metrics, what_suits

INDICES = "it takes a value for each output, and the labels are class indices: use "
ROWS = "it takes class indices, and the labels are one-hot rows: use "
ONE = "it takes several outputs, and the network gives one: use "
ROWS_ALONE = "it takes one-hot rows, and the labels are class indices: save y as "
NUMBERS = "it compares classes, and the labels hold other numbers than 0 and 1: use mae, mse or their like"


def metric(name: str, **arguments: Any) -> Named:
    return Named.model_validate({"name": name, **arguments})


@pytest.mark.parametrize(
    ("name", "labels", "output", "found"),
    [
        ("TopKCategoricalAccuracy", (), (10,), INDICES + "SparseTopKCategoricalAccuracy"),
        ("top_k_categorical_accuracy", (1,), (10,), INDICES + "SparseTopKCategoricalAccuracy"),
        ("CategoricalAccuracy", (), (10,), INDICES + "SparseCategoricalAccuracy"),
        ("BinaryAccuracy", (), (10,), INDICES + "SparseCategoricalAccuracy"),
        ("CategoricalAccuracy", (4, 4), (4, 4, 3), INDICES + "SparseCategoricalAccuracy"),
        ("CategoricalCrossentropy", (), (None,), INDICES + "SparseCategoricalCrossentropy"),
        ("SparseCategoricalAccuracy", (10,), (10,), ROWS + "CategoricalAccuracy"),
        ("sparse_top_k_categorical_accuracy", (10,), (10,), ROWS + "TopKCategoricalAccuracy"),
        ("CategoricalAccuracy", (), (1,), ONE + "BinaryAccuracy"),
        ("SparseCategoricalAccuracy", (1,), (1,), ONE + "BinaryAccuracy"),
        ("SparseCategoricalCrossentropy", (), (1,), ONE + "BinaryCrossentropy"),
        ("MeanIoU", (), (8, 8, 1), ONE + "BinaryIoU"),
        (
            "Precision",
            (),
            (4,),
            ROWS_ALONE + "numpy.eye(4)[y] and use the loss CategoricalCrossentropy, or take the metric "
            "SparseCategoricalAccuracy (accuracy) instead",
        ),
        ("f1_score", (1,), (4,), ROWS_ALONE + "numpy.eye(4)[y[..., 0]] and use the loss CategoricalCrossentropy, or"),
        ("AUC", (8, 8), (8, 8, None), ROWS_ALONE + "numpy.eye(CLASSES)[y] and use"),
        ("Recall", (4,), (4,), None),
        ("Recall", (), (1,), None),
        ("F1Score", (1,), (1,), "give it threshold: 0.5"),
        ("BinaryCrossentropy", (1,), (1,), None),
        ("MeanIoU", (8, 8), (8, 8, 3), "it takes a class for what the network gives, .*: add sparse_y_pred: false"),
        ("IoU", (3,), (3,), ROWS + "OneHotIoU"),
        ("Accuracy", (), (4,), "it counts outputs that are the very number of their label, .*: use accuracy"),
        ("TopKCategoricalAccuracy", (10,), (10,), None),
        ("SparseCategoricalAccuracy", (), (10,), None),
        ("accuracy", (), (10,), None),
        ("BinaryAccuracy", (3,), (3,), None),
        ("BinaryAccuracy", (), (1,), None),
        ("MeanAbsoluteError", (), (10,), None),
        ("CategoricalAccuracy", (1, 2, 3), (10,), None),
        ("CategoricalAccuracy", (), (), None),
    ],
)
def test_which_metric_suits(
    name: str, labels: tuple[int, ...], output: tuple[int | None, ...], found: str | None
) -> None:
    said = what_suits(metric(name), labels, output)
    assert (said is None) == (found is None)
    assert re.match(re.escape(found or "").replace(r"\.\*", ".*"), said or "")


@pytest.mark.parametrize(
    ("one", "labels", "output"),
    [
        (metric("F1Score", threshold=0.5), (1,), (1,)),
        (metric("MeanIoU", num_classes=3, sparse_y_pred=False), (8, 8), (8, 8, 3)),
        (metric("IoU", sparse_y_true=False, sparse_y_pred=False), (3,), (3,)),
    ],
    ids=str,
)
def test_an_argument_may_make_it_suit(one: Named, labels: tuple[int, ...], output: tuple[int, ...]) -> None:
    assert what_suits(one, labels, output) is None


@pytest.mark.parametrize(
    ("name", "output", "found"),
    [
        ("accuracy", (1,), NUMBERS),
        ("acc", (1,), NUMBERS),
        ("CategoricalAccuracy", (1,), NUMBERS),
        ("Precision", (1,), NUMBERS),
        ("accuracy", (3,), NUMBERS),
        ("mae", (1,), None),
        ("RootMeanSquaredError", (3,), None),
    ],
)
def test_numbers_are_no_classes(name: str, output: tuple[int, ...], found: str | None) -> None:
    assert what_suits(metric(name), () if output == (1,) else output, output, numbers=True) == found


@pytest.mark.parametrize(
    ("labels", "output", "found"),
    [
        ([0.5, 7.25], [1], True),
        ([[3], [4]], [1], True),
        ([0, 1, 1], [1], False),
        ([0.0, 1.0], [1], False),
        ([[1.5, 0.0], [0.5, 2.0]], [2], True),
        ([[0.25, 0.75], [1.0, 0.0]], [2], False),
        ([[0.5, -0.5], [0.25, 0.75]], [2], True),
        ([0, 3, 2], [4], False),
        ([[0], [3]], [4], False),
        ([0, 3], [], False),
    ],
)
def test_which_labels_are_numbers(labels: Any, output: list[int], *, found: bool) -> None:
    assert are_numbers(np.asarray(labels), output) is found


def test_all_metrics_that_mean_nothing_are_told_at_once() -> None:
    metrics, labels = [metric("accuracy"), metric("CategoricalAccuracy"), metric("BinaryAccuracy")], np.array([0, 9])
    (one,) = check_metrics(metrics, labels, (10,))
    assert one.reason == "MetricMismatch"
    assert one.message == (
        f"spec.training.metrics[1] (CategoricalAccuracy): {INDICES}SparseCategoricalAccuracy; spec.training.metrics[2] "
        f"(BinaryAccuracy): {INDICES}SparseCategoricalAccuracy. What it computes of other labels means nothing"
    )
    assert list(check_metrics(metrics[:1], labels, (10,))) == []


def test_accuracy_of_numbers_is_told() -> None:
    (one,) = check_metrics([metric("mae"), metric("accuracy")], np.array([0.5, 3.25]), (1,))
    means = "What it computes of other labels means nothing"
    assert one.message == f"spec.training.metrics[1] (accuracy): {NUMBERS}. {means}"
