from typing import Any

import numpy as np
import pytest
from epochal_trainer.data import classes as module
from epochal_trainer.data.classes import NoClasses, Part, check_classes, classes, counts, listed, parts
from epochal_trainer.data.samples import DataSets, Samples

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


def part_of(name: str, labels: Any) -> Samples:
    return Samples(np.zeros((len(labels), 2)), np.asarray(labels), f"{name}[x]", f"{name}[y]")


def test_the_part_to_train_on_comes_first() -> None:
    data = DataSets(part_of("train.npz", [0, 1]), None, part_of("test.npz", [1, 1]), {})
    train, test = parts(data, [2], SPARSE)
    assert [(part.name, part.source) for part in (train, test)] == [
        ("training", "train.npz[y]"),
        ("test", "test.npz[y]"),
    ]
    assert np.array_equal(test.counts, [0, 2])  # type: ignore[arg-type]


def held(**found: list[int] | None) -> list[Part]:
    return [
        Part(name, f"{name}.npz[y]", None if each is None else np.array(each, dtype=np.int64))
        for name, each in found.items()
    ]


STRATIFY = 'if the data are sorted by class, write spec.data.validation: {split: "0.2", stratify: true}, or '
ALL = [5] * 10


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (held(training=ALL), {}),
        (held(training=ALL, validation=[1] * 10, test=[2] * 10), {}),
        (held(training=[3, 0], validation=[1, 0]), {"SingleClass": ["training.npz[y] to train on are of class 0"]}),
        (held(training=[3]), {}),
        (held(training=[3, 0], test=None), {"SingleClass": ["training.npz[y] to train on are of class 0"]}),
        (held(training=None, test=[3, 0]), {}),
        (held(training=[0, 9]), {"SingleClass": ["are of class 1: a network that says so whatever it sees is never"]}),
        (
            held(training=[6] * 8 + [0, 0], validation=[0] * 8 + [6, 6]),
            {
                "MissingClasses": [
                    "the data hold 10 classes, but the training part lacks classes 8 to 9, and the validation part ",
                    "lacks classes 0 to 7. ",
                    STRATIFY,
                ]
            },
        ),
        (
            held(training=ALL, validation=ALL, test=[1] * 9 + [0]),
            {"MissingClasses": ["the test part lacks class 9. Put samples of each class into test.npz[y]"]},
        ),
        (
            held(training=ALL, validation=[1, 0, 1, 0, 1, 0, 1, 0, 1, 1], test=[0, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
            {
                "MissingClasses": [
                    "validation part lacks classes 1, 3, 5 and 7, and the test part lacks class 0",
                    STRATIFY,
                ]
            },
        ),
        (
            held(training=[5, 0], validation=[0, 5]),
            {"SingleClass": ["are of class 0"], "MissingClasses": ["lacks class 1", "lacks class 0"]},
        ),
        (held(training=None, validation=None), {}),
        (held(training=ALL, validation=None), {}),
    ],
)
def test_what_is_amiss_with_the_classes(found: list[Part], told: dict[str, list[str]]) -> None:
    warned = {one.reason: one.message for one in check_classes(found, split="0.2", mixed=False)}
    assert list(warned) == list(told)
    for reason, words in told.items():
        assert [word for word in words if word not in warned[reason]] == [], warned[reason]


@pytest.mark.parametrize(("split", "mixed"), [(None, False), ("0.2", True)])
def test_only_a_part_that_is_the_last_one_is_to_be_drawn_in_another_way(split: str | None, mixed: bool) -> None:  # noqa: FBT001
    (one,) = check_classes(held(training=ALL, validation=[0, *ALL[1:]]), split=split, mixed=mixed)
    assert one.message.endswith("the validation part lacks class 0. Put samples of each class into validation.npz[y]")


def test_many_classes_are_not_all_named() -> None:
    some = [number % 2 for number in range(100)]
    (one,) = check_classes(held(training=[1] * 100, test=some), split=None, mixed=False)
    assert "lacks classes 0, 2, 4, 6, 8 and 45 more. " in one.message
