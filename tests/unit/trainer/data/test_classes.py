from typing import Any

import numpy as np
import pytest
from epochal_trainer.data import arrays
from epochal_trainer.data.classes import (
    NotClassLabels,
    PartCounts,
    check_balance,
    check_classes,
    class_counts,
    class_indices,
    count_parts,
    format_indices,
)
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.training_data import TrainingData

SPARSE, ROWS, BINARY = "SparseCategoricalCrossentropy", "CategoricalCrossentropy", "BinaryCrossentropy"


def samples(labels: Any) -> Samples:
    return Samples.single(np.zeros(len(labels)), np.asarray(labels), "x", "y")


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
    indices = class_indices(samples(labels), loss)
    assert indices.tolist() == found
    assert indices.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "loss", "message"),
    [
        ([0.5, 1.5], "mse", "values other than 0 and 1, which mse compares as numbers"),
        ([3, 4], "mean_absolute_error", "values other than 0 and 1, which mean_absolute_error compares as numbers"),
        ([-1, 1], "hinge", "values other than 0 and 1, which hinge compares as numbers"),
        ([0.2, 0.9], BINARY, "values other than 0 and 1"),
        ([0.5, 1.0], SPARSE, "numbers of type float64, not class indices"),
        ([2.0, 3.0], "ALossOfAnotherVersion", "numbers of type float64"),
        ([[1, 1, 0], [0, 0, 1]], BINARY, "rows of 3 values that are not one-hot"),
        ([[0.9, 0.1]], ROWS, "rows of 2 values that are not one-hot"),
        ([[0, 1], [1, 0]], SPARSE, "2 labels for each sample"),
        (np.zeros((2, 4, 4)), SPARSE, "4×4 labels for each sample"),
    ],
)
def test_invalid_labels(labels: Any, loss: str, message: str) -> None:
    with pytest.raises(NotClassLabels, match=f"^y holds .*{message}"):
        class_indices(samples(labels), loss)


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
def test_class_counts(labels: Any, output: list[int | None], loss: str, found: Any) -> None:
    result = class_counts(samples(labels), output, loss)
    assert result is None if found is None else np.array_equal(np.asarray(result), found)


def test_an_ignored_label_is_no_class() -> None:
    assert np.array_equal(class_counts(samples([0, -1, 255, 2]), [256], SPARSE, -1), np.bincount([0, 255, 2]))  # type: ignore[arg-type]


def test_class_counts_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_SIZE", 3)
    assert np.array_equal(class_counts(samples(np.arange(10) % 4), [4], SPARSE), [3, 3, 2, 2])  # type: ignore[arg-type]


def test_long_lists_of_indices_are_shortened() -> None:
    assert format_indices(np.arange(3)) == "0, 1, 2"
    assert format_indices(np.arange(1000)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 990 more"


def test_the_training_part_is_counted_first() -> None:
    data = TrainingData(
        samples([0, 1]), None, Samples.single(np.zeros(2), np.ones(2, int), "test.npz[x]", "test.npz[y]"), {}
    )
    train, test = count_parts(data, [2], SPARSE)
    assert (train.name, train.source, test.name, test.source) == ("training", "y", "test", "test.npz[y]")
    assert np.array_equal(test.counts, [0, 2])  # type: ignore[arg-type]


def part_counts(**parts: list[int] | None) -> list[PartCounts]:
    return [
        PartCounts(name, f"{name}.npz[y]", None if counts is None else np.array(counts, dtype=np.int64))
        for name, counts in parts.items()
    ]


STRATIFY = 'if the data are sorted by class, write spec.data.validation: {split: "0.2", stratify: true}, or '
ALL = [5] * 10


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (part_counts(training=ALL), {}),
        (part_counts(training=ALL, validation=[1] * 10, test=[2] * 10), {}),
        (
            part_counts(training=[3, 0], validation=[1, 0]),
            {"SingleClass": ["labels in training.npz[y] are of class 0"]},
        ),
        (part_counts(training=[3]), {}),
        (part_counts(training=[3, 0], test=None), {"SingleClass": ["labels in training.npz[y] are of class 0"]}),
        (part_counts(training=None, test=[3, 0]), {}),
        (part_counts(training=[0, 9]), {"SingleClass": ["are of class 1"]}),
        (
            part_counts(training=[6] * 8 + [0, 0], validation=[0] * 8 + [6, 6]),
            {
                "MissingClasses": [
                    "hold 10 classes",
                    "part lacks classes 8 to 9,",
                    "part lacks classes 0 to 7.",
                    STRATIFY,
                ]
            },
        ),
        (
            part_counts(training=ALL, validation=ALL, test=[1] * 9 + [0]),
            {"MissingClasses": ["the test part lacks class 9. Put samples of each class into test.npz[y]"]},
        ),
        (
            part_counts(training=ALL, validation=[1, 0, 1, 0, 1, 0, 1, 0, 1, 1], test=[0, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
            {"MissingClasses": ["part lacks classes 1, 3, 5 and 7, and the test part lacks class 0", STRATIFY]},
        ),
        (
            part_counts(training=[5, 0], validation=[0, 5]),
            {"SingleClass": ["are of class 0"], "MissingClasses": ["lacks class 1", "lacks class 0"]},
        ),
        (part_counts(training=None, validation=None), {}),
        (part_counts(training=ALL, validation=None), {}),
    ],
)
def test_missing_classes(counts: list[PartCounts], words: dict[str, list[str]]) -> None:
    messages = {warning.reason: warning.message for warning in check_classes(counts, split="0.2", drawn=False)}
    assert list(messages) == list(words)
    for reason, message in messages.items():
        assert [word for word in words[reason] if word not in message] == [], message


@pytest.mark.parametrize(("split", "drawn"), [(None, False), ("0.2", True)])
def test_no_advice_to_stratify_a_separate_or_drawn_part(split: str | None, drawn: bool) -> None:  # noqa: FBT001
    (warning,) = check_classes(part_counts(training=ALL, validation=[0, *ALL[1:]]), split=split, drawn=drawn)
    assert warning.message.endswith(
        "the validation part lacks class 0. Put samples of each class into validation.npz[y]"
    )


def test_long_lists_of_missing_classes_are_shortened() -> None:
    odd = [number % 2 for number in range(100)]
    (warning,) = check_classes(part_counts(training=[1] * 100, test=odd), split=None, drawn=False)
    assert "lacks classes 0, 2, 4, 6, 8 and 45 more. " in warning.message


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([5, 95], None),
        ([4, 96], "96.00% of the training labels in training.npz[y] are of class 1 (dog): a network"),
        ([0, 100], None),  # SingleClass
        ([1, 0, 9999], "99.99% of the training labels in training.npz[y] are of class 2: a network"),
        (None, None),
    ],
)
def test_mostly_one_class(counts: list[int] | None, message: str | None) -> None:
    found = [(each.reason, each.message) for each in check_balance(part_counts(training=counts)[0], ("cat", "dog"))]
    assert [reason for reason, _ in found] == ["MostlyOneClass"] * (message is not None)
    assert all(text.startswith(message or "") and "classWeight: Balanced" in text for _, text in found)
