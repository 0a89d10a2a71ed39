"""Names that fit a network, and those that do not, of which nothing fails."""

import numpy as np
import pytest
from epochal_trainer.data import DataSets, Samples
from epochal_trainer.data.class_names import ClassNames
from epochal_trainer.data.naming import check_names, names_of

SPARSE = "SparseCategoricalCrossentropy"
THREE = ("cat", "dog", "cow")


def named(part: str, names: ClassNames | tuple[str, ...] | None) -> Samples:
    if isinstance(names, tuple) and not isinstance(names, ClassNames):
        names = ClassNames(f"{part}.npz[class_names]", names)
    return Samples(np.zeros((2, 2)), np.zeros(2), f"{part}.npz[x]", f"{part}.npz[y]", class_names=names)


@pytest.mark.parametrize(
    ("names", "shape", "loss"),
    [
        (THREE, (3,), SPARSE),
        (THREE, (3,), "categorical_crossentropy"),
        (THREE, (8, 8, 3), SPARSE),
        (THREE, (None, 3), SPARSE),
        (THREE, (3,), "BinaryCrossentropy"),
        (("no", "yes"), (1,), "BinaryCrossentropy"),
        (("no", "yes"), (1,), "Dice"),
    ],
)
def test_as_many_as_there_are_classes_fit(names: tuple[str, ...], shape: tuple[int | None, ...], loss: str) -> None:
    data = DataSets(named("train", names), None, named("test", names), {})
    assert names_of(data, shape, loss) == names
    assert list(check_names(data, shape, loss)) == []


@pytest.mark.parametrize(
    ("names", "shape", "loss", "told"),
    [
        (
            THREE,
            (10,),
            SPARSE,
            "3 names, and the network, whose output has 10 units, tells 10 classes apart. The model",
        ),
        (THREE, (1,), "bce", "3 names, and the network, whose output has 1 unit, tells 2 classes apart"),
        (("cat",), (1,), "bce", "1 name, and the network, whose output has 1 unit, tells 2 classes apart"),
        ((), (3,), SPARSE, "0 names, and the network"),
        (("price",), (1,), "MeanSquaredError", "1 name, and MeanSquaredError compares numbers, not classes"),
        (THREE, (None,), SPARSE, "3 names, and how many classes the network tells apart is not known"),
        (THREE, (), SPARSE, "3 names, and how many classes the network tells apart is not known"),
        (
            ClassNames("train.npz[class_names]", fault="Python objects: no"),
            (3,),
            SPARSE,
            "Python objects: no. The model",
        ),
    ],
)
def test_others_are_left_out_and_told(
    names: ClassNames | tuple[str, ...], shape: tuple[int | None, ...], loss: str, told: str
) -> None:
    data = DataSets(named("train", names), None, None, {})
    assert names_of(data, shape, loss) == ()
    (one,) = check_names(data, shape, loss)
    assert one.reason == "ClassNamesUnused"
    assert one.message.startswith(f"train.npz[class_names] holds {told}")


def test_where_there_are_none_nothing_is_told() -> None:
    data = DataSets(named("train", None), None, named("test", THREE), {})
    assert names_of(data, (3,), SPARSE) == ()
    assert list(check_names(data, (3,), SPARSE)) == []


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("cat", "cow", "dog"), "test.npz[class_names] holds 'cow' at [1], and train.npz[class_names] 'dog': a class"),
        (THREE[:2], "test.npz[class_names] holds 2 names, and train.npz[class_names] 3: a class index"),
    ],
)
def test_other_names_of_another_part_are_told(names: tuple[str, ...], told: str) -> None:
    data = DataSets(named("train", THREE), None, named("test", names), {})
    (one,) = check_names(data, (3,), SPARSE)
    assert one.reason == "ClassNamesDiffer"
    assert one.message.startswith(told)
    assert names_of(data, (3,), SPARSE) == THREE
