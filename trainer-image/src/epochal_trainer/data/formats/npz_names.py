"""The names of arrays in an npz file, and corrections of similar names."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

Role: TypeAlias = Literal["train", "validation", "test"]


class ArrayNames(NamedTuple):
    """Names of the arrays of a data set."""

    features: str
    labels: str
    weights: str


ROLE_ARRAYS: dict[Role, ArrayNames] = {
    "train": ArrayNames("x_train", "y_train", "sample_weight_train"),
    "validation": ArrayNames("x_val", "y_val", "sample_weight_val"),
    "test": ArrayNames("x_test", "y_test", "sample_weight_test"),
}
COMMON_ARRAYS = (ArrayNames("x", "y", "sample_weight"), ArrayNames("features", "labels", "sample_weight"))
CLASS_NAME_ARRAYS = ("class_names", "classes", "label_names", "target_names")
"""Possible names of the array of class names, including those of Keras, CIFAR and scikit-learn."""
FEATURE_NAME_ARRAYS = ("feature_names",)
"""Possible names of the array of the names of a table's columns, as in scikit-learn."""
_ARRAY_SYNONYMS: Mapping[str, Sequence[str]] = {
    "sample_weight": ("sample_weights", "sample_weight", "weights"),
    "x": ("features", "images", "inputs", "data", "x"),
    "y": ("targets", "target", "labels", "label", "y"),
}
_PART_SYNONYMS: Mapping[str, Sequence[str]] = {
    "train": ("training", "train"),
    "val": ("validation", "valid", "val", "dev"),
    "test": ("testing", "test"),
}


def _alternatives(synonyms: Mapping[str, Sequence[str]]) -> str:
    return "|".join(name for names in synonyms.values() for name in names)


_PART = _alternatives(_PART_SYNONYMS)
_SIMILAR_NAME = re.compile(rf"(?:({_PART})_?)?({_alternatives(_ARRAY_SYNONYMS)})(?:_?({_PART}))?")


def standard_name(name: str) -> str | None:
    """Return the standard name that an array's name resembles: `x_val` for `X_valid` or `valid_images`; else None."""
    match = _SIMILAR_NAME.fullmatch(re.sub(r"[-. ]", "_", name.lower()))
    if match is None or (match[1] and match[3]):
        return None
    array = next(name for name, synonyms in _ARRAY_SYNONYMS.items() if match[2] in synonyms)
    part = next((name for name, synonyms in _PART_SYNONYMS.items() if (match[1] or match[3]) in synonyms), None)
    standard = f"{array}_{part}" if part else array
    return standard if standard != name else None


def suggest_renames(names: Iterable[str], expected: Collection[str]) -> dict[str, str]:
    """Return new names of arrays, by old name: the missing expected names that the names in a file resemble."""
    present = set(names)
    renames: dict[str, str] = {}
    for name in sorted(present):
        new = standard_name(name)
        if new is not None and new in expected and new not in present and new not in renames.values():
            renames[name] = new
    return renames


def rename_advice(renames: Mapping[str, str]) -> str:
    """Return the advice to rename arrays: `rename x_valid to x_val and y_valid to y_val`."""
    return "rename " + " and ".join(f"{name} to {new}" for name, new in renames.items())
