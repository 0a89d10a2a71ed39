"""Builds the preview of a file's arrays: first values, number of samples of each class, and samples as pictures."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from epochal_studio.preview.arrays import StoredArray
from epochal_studio.preview.elements import Value, shown
from epochal_studio.preview.labels import class_names, count_classes, label_name, pairs, read_labels
from epochal_studio.preview.pictures import MAX_SAMPLES, Form, picture_form, read_pictures
from epochal_studio.preview.sentences import shown_name
from epochal_studio.preview.source import Unreadable
from epochal_studio.wire.preview import ArrayPreview, SamplePicture

MAX_VALUES = 20


class Described(NamedTuple):
    """The preview of a file's arrays.

    Args:
        arrays: The preview of each array.
        samples: The first samples as pictures; empty if no array has pictures.
        problem: Why `samples` is empty although an array has pictures; None otherwise.
    """

    arrays: list[ArrayPreview]
    samples: list[SamplePicture]
    problem: str | None


def describe(arrays: Sequence[StoredArray], *, labels: StoredArray | None = None) -> Described:
    """Return the preview of arrays: first values, number of samples of each class, and samples as pictures.

    Args:
        arrays: The arrays of a file.
        labels: Labels of the samples, if a second file has them, as for MNIST's idx files.
    """
    values = [_values(array) for array in arrays]  # before the labels, which may use up the bytes to read
    names = class_names(arrays)
    read = _read_labels(arrays)
    previews = [
        ArrayPreview(
            name=shown_name(array.name) if array.name else "",
            shape=list(array.shape),
            dtype=array.dtype,
            values=found,
            classes=count_classes(read.get(array.name, ()), names),
            problem=problem,
        )
        for array, (found, problem) in zip(arrays, values, strict=True)
    ]
    if (chosen := _choose(arrays)) is None:
        return Described(previews, [], None)
    array, form = chosen
    of_samples = read.get(_labels_of(array.name), []) if labels is None else _labels(labels)
    texts = [label_name(label, names) for label in of_samples[:MAX_SAMPLES]]
    try:
        return Described(previews, read_pictures(array, form, texts), None)
    except Unreadable as error:
        return Described(previews, [], f"{shown_name(array.name)}: {error}")


def _values(array: StoredArray) -> tuple[list[str], str | None]:
    """Return the first values of an array as texts, and None; or no values, and why they cannot be read."""
    if array.problem:
        return [], array.problem
    try:
        return [shown(value) for value in array.values(MAX_VALUES)], None
    except Unreadable as error:
        return [], f"{shown_name(array.name)} cannot be read: {error}"


def _read_labels(arrays: Sequence[StoredArray]) -> Mapping[str, list[Value]]:
    """Return the labels in each array of labels, by the name of the array.

    Arrays of labels are those with a name such as `y` or `y_train`, or the only array of a file if it has one axis.
    """
    if len(arrays) == 1 and not arrays[0].name:  # idx or npy: labels alone are in one axis
        return {"": _labels(arrays[0])} if len(arrays[0].shape) == 1 else {}
    of_labels = {labels for _, labels in pairs()}
    return {array.name: _labels(array) for array in arrays if array.name in of_labels}


def _labels(array: StoredArray) -> list[Value]:
    try:
        return read_labels(array)
    except Unreadable:
        return []


def _choose(arrays: Sequence[StoredArray]) -> tuple[StoredArray, Form] | None:
    """Return the array to show as pictures, with the size of a picture; None if no array looks like pictures.

    Arrays with a name of features, such as `x_train`, have precedence over other arrays.
    """
    by_name = {array.name: array for array in arrays}
    features = [by_name[name] for name, _ in pairs() if name in by_name]
    for array in (*features, *arrays):
        if not array.problem and (form := picture_form(array)) is not None:
            return array, form
    return None


def _labels_of(features: str) -> str:
    return next((labels for name, labels in pairs() if name == features), "")
