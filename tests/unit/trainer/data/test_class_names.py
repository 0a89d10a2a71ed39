"""What names a class, and what does not."""

from typing import Any

import numpy as np
import pytest
from epochal_api.signature import MAX_CLASSES
from epochal_trainer.data.class_names import class_names


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
