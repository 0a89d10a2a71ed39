from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from epochal_api.storage import Data
from epochal_api.trainingjob.training import Training
from epochal_trainer.data.arrays import Array
from epochal_trainer.data.samples import Samples
from epochal_trainer.data.split import split_indices, split_parameters, split_samples
from hypothesis import given
from hypothesis import strategies as st
from keras.src.trainers.data_adapters.array_slicing import train_validation_split

from tests.unit.trainer.expect import expect_failure

SORTED = np.repeat(np.arange(4), [40, 30, 20, 10])


def data(*, stratify: bool = False, shuffle: bool = False) -> Data:
    validation = {"split": "0.2", "stratify": stratify}
    return Data.model_validate(
        {"bucket": "any", "train": {"object": "any"}, "validation": validation, "shuffle": shuffle}
    )


def training(loss: str = "SparseCategoricalCrossentropy", seed: int = 7) -> Training:
    return Training.model_validate({"loss": loss, "seed": seed})


def rows(count: int, fraction: float, **more: Any) -> tuple[list[int], list[int]]:
    train, validation = (np.arange(count)[part].tolist() for part in split_indices(count, fraction, **more))
    return train, validation


@given(count=st.integers(2, 70_000), fraction=st.floats(0.001, 0.999))
def test_split_is_rounded_as_in_keras(count: int, fraction: float) -> None:
    features = np.arange(count)
    train, validation = rows(count, fraction)
    try:
        expected = train_validation_split((features,), fraction)
    except ValueError:
        assert not train or not validation
    else:
        assert [train, validation] == [part.tolist() for (part,) in expected]


@given(
    classes=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    fraction=st.floats(0.01, 0.99),
    shuffle=st.booleans(),
    stratify=st.booleans(),
)
def test_each_sample_is_in_exactly_one_part(
    classes: list[int], fraction: float, *, shuffle: bool, stratify: bool
) -> None:
    drawn = {"shuffle": shuffle, "classes": np.array(classes) if stratify else None, "seed": 7}
    train, validation = rows(len(classes), fraction, **drawn)
    assert sorted(train + validation) == list(range(len(classes)))
    assert rows(len(classes), fraction, **drawn) == (train, validation)
    if not shuffle:
        assert (train, validation) == (sorted(train), sorted(validation))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    ("fraction", "shares"), [(0.2, [8, 6, 4, 2]), (0.17, [7, 5, 3, 2]), (0.01, [1, 1, 1, 1]), (0.99, [39, 29, 19, 9])]
)
def test_stratified_shares(fraction: float, shares: list[int], *, shuffle: bool) -> None:
    _, validation = rows(100, fraction, classes=SORTED, shuffle=shuffle, seed=7)
    assert np.bincount(SORTED[validation]).tolist() == shares


def test_class_of_one_sample_is_trained_on() -> None:
    train, validation = rows(5, 0.5, classes=np.array([0, 0, 0, 0, 9]), seed=7)
    assert (4 in train, len(validation)) == (True, 2)


def test_draw_is_determined_by_the_seed() -> None:
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
def test_stratify_with_any_form_of_class_labels(labels: Array, loss: str) -> None:
    samples = Samples.single(np.arange(100), labels, "x", "y")
    train, validation = split_samples(samples, 0.2, training=training(loss), stratify=True)
    assert (len(train), len(validation)) == (80, 20)
    expected = np.bincount(SORTED // 2 if loss == "BinaryCrossentropy" else SORTED) // 5
    assert np.unique(labels[validation.features], axis=0, return_counts=True)[1].tolist() in (
        expected.tolist(),
        expected[::-1].tolist(),
    )
    np.testing.assert_array_equal(validation.labels, labels[validation.features])


@pytest.mark.parametrize(
    ("labels", "loss", "found"),
    [
        (np.linspace(0, 1, 100), "mse", "y holds values other than 0 and 1, which mse compares as numbers"),
        (SORTED, "mae", "y holds values other than 0 and 1"),
        (np.ones((100, 3)), "BinaryCrossentropy", "y holds rows of 3 values that are not one-hot"),
        (np.zeros((100, 4, 4), "u1"), "SparseCategoricalCrossentropy", "y holds 4×4 labels for each sample"),
    ],
)
def test_stratify_without_class_labels(labels: Array, loss: str, found: str) -> None:
    with expect_failure("InvalidLabels", rf"^spec.data.validation.stratify: {found}.*spec.data.shuffle$", 65):
        split_samples(Samples.single(np.arange(100), labels, "x", "y"), 0.2, training=training(loss), stratify=True)
    split_samples(Samples.single(np.arange(100), labels, "x", "y"), 0.2, training=training(loss), shuffle=True)


@pytest.mark.parametrize(("shuffle", "stratify"), [(False, False), (True, False), (False, True), (True, True)])
def test_validation_samples_have_their_row_in_the_source(*, shuffle: bool, stratify: bool) -> None:
    samples = Samples.single(np.arange(100), SORTED, "x", "y")
    _, validation = split_samples(
        samples, 0.2, training=training("SparseCategoricalCrossentropy"), shuffle=shuffle, stratify=stratify
    )
    assert [validation.source_row(index) for index in range(20)] == validation.features.tolist()
    assert [validation.subset(slice(5, 7)).source_row(index) for index in range(2)] == validation.features[5:7].tolist()
    assert samples.source_row(7) == 7


@pytest.mark.parametrize("classes", [[0, 1, 2], [0]])
@pytest.mark.parametrize("stratify", [False, True])
def test_empty_part(classes: Sequence[int], *, stratify: bool) -> None:
    samples = Samples.single(np.arange(len(classes)), np.array(classes), "x", "y")
    with expect_failure("EmptyData", "leaves one part without samples"):
        split_samples(samples, 0.5 if stratify else 0.9, training=training(), stratify=stratify)


def test_split_without_a_draw_copies_nothing() -> None:
    samples = Samples.single(np.arange(100), SORTED, "x", "y")
    for part in split_samples(samples, 0.2, training=training()):
        assert np.shares_memory(part.features, samples.features)


def test_split_parameters() -> None:
    whole = Data.model_validate({"bucket": "any", "train": {"object": "any"}, "shuffle": True})
    assert split_parameters(whole, training()) is None
    assert split_parameters(data(), training()) == {}
    assert split_parameters(data(stratify=True), training(seed=3)) == {"shuffle": False, "stratify": True, "seed": 3}
