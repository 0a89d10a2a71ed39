"""The names of arrays in an npz file, and corrections of similar names."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

Role: TypeAlias = Literal["train", "validation", "test"]


class Names(NamedTuple):
    """Names of the arrays of a data set."""

    features: str
    labels: str
    weights: str


OWN: dict[Role, Names] = {
    "train": Names("x_train", "y_train", "sample_weight_train"),
    "validation": Names("x_val", "y_val", "sample_weight_val"),
    "test": Names("x_test", "y_test", "sample_weight_test"),
}
COMMON = (Names("x", "y", "sample_weight"), Names("features", "labels", "sample_weight"))
CLASSES = ("class_names", "classes", "label_names", "target_names")
"""Possible names of the array of class names, including those of Keras, CIFAR and scikit-learn."""
_ARRAYS: Mapping[str, Sequence[str]] = {
    "sample_weight": ("sample_weights", "sample_weight", "weights"),
    "x": ("features", "images", "inputs", "data", "x"),
    "y": ("targets", "target", "labels", "label", "y"),
}
_PARTS: Mapping[str, Sequence[str]] = {
    "train": ("training", "train"),
    "val": ("validation", "valid", "val", "dev"),
    "test": ("testing", "test"),
}


def _alternatives(names: Mapping[str, Sequence[str]]) -> str:
    return "|".join(name for similar in names.values() for name in similar)


_NEARLY = re.compile(rf"(?:({_alternatives(_PARTS)})_?)?({_alternatives(_ARRAYS)})(?:_?({_alternatives(_PARTS)}))?")


def standard_name(name: str) -> str | None:
    """Return the standard name that an array's name resembles: `x_val` for `X_valid` or `valid_images`; else None.

    Args:
        name: Name of an array.
    """
    found = _NEARLY.fullmatch(re.sub(r"[-. ]", "_", name.lower()))
    if found is None or (found[1] and found[3]):
        return None
    array = next(name for name, similar in _ARRAYS.items() if found[2] in similar)
    part = next((name for name, similar in _PARTS.items() if (found[1] or found[3]) in similar), None)
    right = f"{array}_{part}" if part else array
    return right if right != name else None


def corrections(names: Iterable[str], wanted: Collection[str]) -> dict[str, str]:
    """Return new names for arrays, by old name: the wanted names that the old names resemble.

    Args:
        names: Names of all arrays in a file.
        wanted: The wanted names.
    """
    there = set(names)
    found: dict[str, str] = {}
    for name in sorted(there):
        right = standard_name(name)
        if right is not None and right in wanted and right not in there and right not in found.values():
            found[name] = right
    return found


def rename_advice(renames: Mapping[str, str]) -> str:
    """Return the advice to rename arrays: `rename x_valid to x_val and y_valid to y_val`."""
    return "rename " + " and ".join(f"{name} to {right}" for name, right in renames.items())
