"""The names of the arrays that a data set may have in an npz file, and suggestions for similar wrong names."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from epochal_api.array_names import Role

from epochal_trainer.data.network_arrays import NetworkArrays

ROLES: Sequence[Role] = ("train", "validation", "test")
CLASS_NAME_ARRAYS = ("class_names", "classes", "label_names", "target_names")
"""Possible names of the array with the class names, including the names that Keras, CIFAR and scikit-learn use."""
FEATURE_NAME_ARRAYS = ("feature_names",)
"""Possible names of the array with the names of a table's columns, as in scikit-learn."""


def class_name_arrays(network: NetworkArrays, output: str) -> Sequence[str]:
    """Return the possible names of the array with an output's class names.

    Names that the array of an input or output of the network may have are left out.
    """
    names = CLASS_NAME_ARRAYS if len(network.outputs) == 1 else (f"class_names_{output}",)
    return _without(names, network.own_arrays)


def column_name_arrays(network: NetworkArrays, input_name: str) -> Sequence[str]:
    """Return the possible names of the array with the column names of an input.

    Names that the array of an input or output of the network may have are left out.
    """
    names = FEATURE_NAME_ARRAYS if len(network.inputs) == 1 else (f"feature_names_{input_name}",)
    return _without(names, network.own_arrays)


def _without(names: Sequence[str], others: Collection[str]) -> Sequence[str]:
    return [name for name in names if name not in others]


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
    """Return the standard name that an array's name resembles: `x_val` for `X_valid` or `valid_images`.

    Return None if the name is a standard name, or resembles no standard name.
    """
    match = _SIMILAR_NAME.fullmatch(re.sub(r"[-. ]", "_", name.lower()))
    if match is None or (match[1] and match[3]):
        return None
    array = next(name for name, synonyms in _ARRAY_SYNONYMS.items() if match[2] in synonyms)
    part = next((name for name, synonyms in _PART_SYNONYMS.items() if (match[1] or match[3]) in synonyms), None)
    standard = f"{array}_{part}" if part else array
    return standard if standard != name else None


def suggest_renames(names: Iterable[str], expected: Collection[str]) -> dict[str, str]:
    """Return suggestions to rename arrays: an expected name that the file lacks, by a similar name in the file."""
    present = set(names)
    renames: dict[str, str] = {}
    for name in sorted(present):
        new = standard_name(name)
        if new is not None and new in expected and new not in present and new not in renames.values():
            renames[name] = new
    return renames


def join_and(names: Sequence[str]) -> str:
    """Return names as text: `image, note and digit`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def rename_advice(renames: Mapping[str, str]) -> str:
    """Return the suggestion to rename arrays as text: `rename x_valid to x_val and y_valid to y_val`."""
    return "rename " + " and ".join(f"{name} to {new}" for name, new in renames.items())
