from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from epochal_api.storage import Data
from epochal_api.trainingjob.training import Training
from epochal_trainer.data.samples import Array, Samples
from epochal_trainer.data.split import described, divide, parts
from epochal_trainer.lib.failures import Failure
from hypothesis import given
from hypothesis import strategies as st
from keras.src.trainers.data_adapters.array_slicing import train_validation_split

SORTED = np.repeat(np.arange(4), [40, 30, 20, 10])


def data(*, stratify: bool = False, shuffle: bool = False) -> Data:
    validation = {"split": "0.2", "stratify": stratify}
    return Data.model_validate(
        {"bucket": "any", "train": {"object": "any"}, "validation": validation, "shuffle": shuffle}
    )


def training(loss: str = "SparseCategoricalCrossentropy", seed: int = 7) -> Training:
    return Training.model_validate({"loss": loss, "seed": seed})


def rows(count: int, fraction: float, **more: Any) -> tuple[list[int], list[int]]:
    """Returns the places of those that are left and those that are chosen."""
    left, chosen = (np.arange(count)[each].tolist() for each in parts(count, fraction, **more))
    return left, chosen


@given(count=st.integers(2, 70_000), fraction=st.floats(0.001, 0.999))
def test_a_split_is_the_last_part_rounded_as_keras_does(count: int, fraction: float) -> None:
    features = np.arange(count)
    left, chosen = rows(count, fraction)
    try:
        wanted = train_validation_split((features,), fraction)
    except ValueError:
        assert not left or not chosen
    else:
        assert [left, chosen] == [part.tolist() for (part,) in wanted]


@given(
    classes=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    fraction=st.floats(0.01, 0.99),
    shuffle=st.booleans(),
    stratify=st.booleans(),
)
def test_each_sample_is_in_one_part(classes: list[int], fraction: float, *, shuffle: bool, stratify: bool) -> None:
    drawn = {"shuffle": shuffle, "classes": np.array(classes) if stratify else None, "seed": 7}
    left, chosen = rows(len(classes), fraction, **drawn)
    assert sorted(left + chosen) == list(range(len(classes)))
    assert rows(len(classes), fraction, **drawn) == (left, chosen)
    if not shuffle:
        assert (left, chosen) == (sorted(left), sorted(chosen))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    ("fraction", "shares"), [(0.2, [8, 6, 4, 2]), (0.17, [7, 5, 3, 2]), (0.01, [1, 1, 1, 1]), (0.99, [39, 29, 19, 9])]
)
def test_each_class_gives_its_share_and_keeps_some(fraction: float, shares: list[int], *, shuffle: bool) -> None:
    _, chosen = rows(100, fraction, classes=SORTED, shuffle=shuffle, seed=7)
    assert np.bincount(SORTED[chosen]).tolist() == shares


def test_a_class_of_one_sample_is_trained_on() -> None:
    left, chosen = rows(5, 0.5, classes=np.array([0, 0, 0, 0, 9]), seed=7)
    assert (4 in left, len(chosen)) == (True, 2)


def test_what_is_drawn_follows_from_the_seed_and_never_changes() -> None:
    """A training goes on in a later version of the image: it must not validate on what it was trained on."""
    assert rows(10, 0.3, shuffle=True, seed=7) == ([8, 5, 0, 2, 1, 9, 7], [3, 6, 4])
    assert rows(10, 0.3, shuffle=True, seed=8)[1] != [3, 6, 4]
    assert rows(100, 0.2, classes=SORTED, seed=7) != rows(100, 0.2, classes=SORTED, seed=8)


@pytest.mark.parametrize(
    ("labels", "loss"),
    [
        (SORTED, "SparseCategoricalCrossentropy"),
        (SORTED.reshape(-1, 1).astype("f4"), "sparse_categorical_crossentropy"),
        (np.eye(4)[SORTED], "CategoricalCrossentropy"),
        (SORTED // 2, "BinaryCrossentropy"),
    ],
    ids=["indices", "a column of indices", "one-hot", "binary"],
)
def test_it_is_divided_by_any_form_of_classes(labels: Array, loss: str) -> None:
    samples = Samples(np.arange(100), labels, "x", "y")
    left, held_out = divide(samples, 0.2, training=training(loss), stratify=True)
    assert (len(left), len(held_out)) == (80, 20)
    wanted = np.bincount(SORTED // 2 if loss == "BinaryCrossentropy" else SORTED) // 5
    assert np.unique(labels[held_out.features], axis=0, return_counts=True)[1].tolist() in (
        wanted.tolist(),
        wanted[::-1].tolist(),
    )
    np.testing.assert_array_equal(held_out.labels, labels[held_out.features])


@pytest.mark.parametrize(
    ("labels", "loss", "found"),
    [
        (np.linspace(0, 1, 100), "mse", "y holds other values than 0 and 1, which mse takes for numbers"),
        (SORTED, "mae", "y holds other values than 0 and 1"),
        (np.ones((100, 3)), "BinaryCrossentropy", "y holds rows of 3 that are not one-hot"),
        (np.zeros((100, 4, 4), "u1"), "SparseCategoricalCrossentropy", "y holds 4×4 labels for each sample"),
    ],
)
def test_what_has_no_classes_is_not_divided_by_them(labels: Array, loss: str, found: str) -> None:
    with pytest.raises(Failure, match=rf"^spec.data.validation.stratify: {found}.*spec.data.shuffle$") as caught:
        divide(Samples(np.arange(100), labels, "x", "y"), 0.2, training=training(loss), stratify=True)
    assert (caught.value.reason, caught.value.exit_code) == ("InvalidLabels", 65)
    divide(Samples(np.arange(100), labels, "x", "y"), 0.2, training=training(loss), shuffle=True)


@pytest.mark.parametrize("classes", [[0, 1, 2], [0]])
@pytest.mark.parametrize("stratify", [False, True])
def test_no_part_is_empty(classes: Sequence[int], *, stratify: bool) -> None:
    samples = Samples(np.arange(len(classes)), np.array(classes), "x", "y")
    with pytest.raises(Failure, match="leaves one part without any") as caught:
        divide(samples, 0.5 if stratify else 0.9, training=training(), stratify=stratify)
    assert caught.value.reason == "EmptyData"


def test_the_end_of_the_data_is_not_copied() -> None:
    samples = Samples(np.arange(100), SORTED, "x", "y")
    for part in divide(samples, 0.2, training=training()):
        assert np.shares_memory(part.features, samples.features)


def test_it_is_told_how_a_part_was_drawn() -> None:
    whole = Data.model_validate({"bucket": "any", "train": {"object": "any"}, "shuffle": True})
    assert described(whole, training()) is None
    assert described(data(), training()) == {}
    assert described(data(stratify=True), training(seed=3)) == {"shuffle": False, "stratify": True, "seed": 3}
