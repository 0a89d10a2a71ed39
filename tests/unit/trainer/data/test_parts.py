from typing import Any

import numpy as np
import pytest
from epochal_trainer.data import DataSets, Samples
from epochal_trainer.data.parts import Part, check_classes, parts

SPARSE = "SparseCategoricalCrossentropy"


def samples(name: str, labels: Any) -> Samples:
    return Samples(np.zeros((len(labels), 2)), np.asarray(labels), f"{name}[x]", f"{name}[y]")


def test_the_part_to_train_on_comes_first() -> None:
    data = DataSets(samples("train.npz", [0, 1]), None, samples("test.npz", [1, 1]), {})
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
