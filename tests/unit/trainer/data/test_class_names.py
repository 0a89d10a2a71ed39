from typing import Any

import numpy as np
import pytest
from epochal_api.signature import MAX_CLASSES
from epochal_trainer.data.class_names import check_class_names, matching_class_names, parse_names
from epochal_trainer.data.samples import NamesArray, Samples
from epochal_trainer.data.training_data import TrainingData


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
def test_valid_class_names(values: Any, names: tuple[str, ...]) -> None:
    found = parse_names(values, "a.npz[class_names]")
    assert found == ("a.npz[class_names]", names, "")
    assert all(type(name) is str for name in found.names)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        (["cat", ""], "'' at [1]: a name must be 1 to 128 characters of one line"),
        (["x" * 129], f"'{'x' * 40}' at [0]: a name must be 1 to 128 characters"),
        (["a\nb"], r"'a\nb' at [0]: "),
        (["a\x1b[31m"], r"'a\x1b[31m' at [0]: "),
        (["\u202eevil"], r"'\u202eevil' at [0]: "),
        (["\ud800"], r"'\ud800' at [0]: "),
        ([b"\xff"], r"b'\xff' at [0]: "),
        (["cat", None], "a NoneType at [1]: "),
        (["a"] * (MAX_CLASSES + 1), "4,097 names, but 4,096 are the maximum"),
        (np.array([["a"]]), "an array of 2 axes: "),
    ],
)
def test_invalid_class_names(values: Any, error: str) -> None:
    found = parse_names(values, "x")
    assert found.names == ()
    assert found.error.startswith(error)


SPARSE = "SparseCategoricalCrossentropy"
THREE = ("cat", "dog", "cow")


def named(part: str, names: NamesArray | tuple[str, ...] | None) -> Samples:
    if isinstance(names, tuple) and not isinstance(names, NamesArray):
        names = NamesArray(f"{part}.npz[class_names]", names)
    return Samples.single(np.zeros((2, 2)), np.zeros(2), f"{part}.npz[x]", f"{part}.npz[y]", class_names=names)


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
def test_class_names_that_match_the_network(names: tuple[str, ...], shape: tuple[int | None, ...], loss: str) -> None:
    data = TrainingData(named("train", names), None, named("test", names), {})
    assert matching_class_names(data, shape, loss) == names
    assert list(check_class_names(data, shape, loss)) == []


@pytest.mark.parametrize(
    ("names", "shape", "loss", "message"),
    [
        (THREE, (10,), SPARSE, "3 class names, but the network's output has 10 units, for 10 classes."),
        (THREE, (1,), "bce", "3 class names, but the network's output has 1 unit, for 2 classes."),
        (("cat",), (1,), "bce", "1 class name, but the network's output has 1 unit, for 2 classes."),
        ((), (3,), SPARSE, "0 class names, but the network"),
        (("price",), (1,), "MeanSquaredError", "1 class name, but MeanSquaredError compares numbers"),
        (THREE, (None,), SPARSE, "3 class names, but the network's output has no fixed number"),
        (THREE, (), SPARSE, "3 class names, but the network's output has no fixed number"),
        (NamesArray("train.npz[class_names]", error="Python objects: no"), (3,), SPARSE, "Python objects: no."),
    ],
)
def test_class_names_that_do_not_match_are_unused(
    names: NamesArray | tuple[str, ...], shape: tuple[int | None, ...], loss: str, message: str
) -> None:
    data = TrainingData(named("train", names), None, None, {})
    assert matching_class_names(data, shape, loss) == ()
    (warning,) = check_class_names(data, shape, loss)
    assert warning.reason == "ClassNamesUnused"
    assert warning.message.startswith(f"train.npz[class_names] holds {message}")


def test_no_class_names_no_warning() -> None:
    data = TrainingData(named("train", None), None, named("test", THREE), {})
    assert matching_class_names(data, (3,), SPARSE) == ()
    assert list(check_class_names(data, (3,), SPARSE)) == []


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("cat", "cow", "dog"), "test.npz[class_names] holds 'cow' at [1], but train.npz[class_names] 'dog'"),
        (THREE[:2], "test.npz[class_names] holds 2 class names, but train.npz[class_names] 3"),
    ],
)
def test_different_class_names_of_the_test_set(names: tuple[str, ...], message: str) -> None:
    data = TrainingData(named("train", THREE), None, named("test", names), {})
    (warning,) = check_class_names(data, (3,), SPARSE)
    assert warning.reason == "ClassNamesDiffer"
    assert warning.message.startswith(message)
    assert matching_class_names(data, (3,), SPARSE) == THREE
