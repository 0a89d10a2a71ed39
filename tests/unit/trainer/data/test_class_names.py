"""What names a class, and what does not."""

from typing import Any

import numpy as np
import pytest
from epochal_api.signature import MAX_CLASSES
from epochal_trainer.data.class_names import check_class_names, class_names, names_of
from epochal_trainer.data.samples import ClassNames, DataSets, Samples


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["cat", b"dog", "großer Hund"], ("cat", "dog", "großer Hund")),
        (np.array([0, 7], "u1"), ("0", "7")),
        (["x" * 128], ("x" * 128,)),
        (["猫"] * MAX_CLASSES, ("猫",) * MAX_CLASSES),
        ([], ()),
    ],
)
def test_texts_and_numbers_name_classes(values: Any, names: tuple[str, ...]) -> None:
    found = class_names(values, "a.npz[class_names]")
    assert found == ("a.npz[class_names]", names, "")
    assert all(type(name) is str for name in found.names)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (["cat", ""], "'' at [1]: a name must be 1 to 128 characters of one line"),
        (["x" * 129], f"'{'x' * 40}' at [0]: a name must be 1 to 128 characters"),
        (["a\nb"], r"'a\nb' at [0]: "),
        (["a\x1b[31m"], r"'a\x1b[31m' at [0]: "),
        (["\u202eevil"], r"'\u202eevil' at [0]: "),
        (["\ud800"], r"'\ud800' at [0]: "),
        ([b"\xff"], r"b'\xff' at [0]: "),
        (["cat", None], "a NoneType at [1]: "),
        (["a"] * (MAX_CLASSES + 1), "4,097 names, and 4,096 are the most"),
        (np.array([["a"]]), "an array of 2 axes: "),
    ],
)
def test_what_names_no_class_is_told(values: Any, fault: str) -> None:
    found = class_names(values, "x")
    assert found.names == ()
    assert found.fault.startswith(fault)


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
    assert list(check_class_names(data, shape, loss)) == []


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
    (one,) = check_class_names(data, shape, loss)
    assert one.reason == "ClassNamesUnused"
    assert one.message.startswith(f"train.npz[class_names] holds {told}")


def test_where_there_are_none_nothing_is_told() -> None:
    data = DataSets(named("train", None), None, named("test", THREE), {})
    assert names_of(data, (3,), SPARSE) == ()
    assert list(check_class_names(data, (3,), SPARSE)) == []


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("cat", "cow", "dog"), "test.npz[class_names] holds 'cow' at [1], and train.npz[class_names] 'dog': a class"),
        (THREE[:2], "test.npz[class_names] holds 2 names, and train.npz[class_names] 3: a class index"),
    ],
)
def test_other_names_of_another_part_are_told(names: tuple[str, ...], told: str) -> None:
    data = DataSets(named("train", THREE), None, named("test", names), {})
    (one,) = check_class_names(data, (3,), SPARSE)
    assert one.reason == "ClassNamesDiffer"
    assert one.message.startswith(told)
    assert names_of(data, (3,), SPARSE) == THREE
