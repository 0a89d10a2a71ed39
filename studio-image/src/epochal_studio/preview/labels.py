"""Reads the labels of samples, counts the samples of each class, and finds the names of the classes."""

from collections import Counter
from collections.abc import Iterable, Sequence

from epochal_api.array_names import Role, array_names

from epochal_studio.preview.arrays import StoredArray
from epochal_studio.preview.elements import Value, shown
from epochal_studio.preview.source import Unreadable

CLASS_NAMES = ("class_names", "classes", "label_names", "target_names")
"""Names of arrays with class names, as in the trainer. The first of these names that a file has is used."""
MAX_LABELS = 100_000
MAX_BYTES = 2**20
MAX_CLASSES = 100
MAX_NAMES = 4096
_ROLES: Sequence[Role | None] = ("train", None, "validation", "test")
_COLUMN = 2
"""Number of axes of labels in a column (N×1) or with a column for each class (N×classes, one-hot)."""


def pairs() -> list[tuple[str, str]]:
    """Return the names of arrays with features and with labels, as pairs such as (x_train, y_train).

    The pairs of a training set come first, then those without a set, of a validation set and of a test set.
    """
    return [(names.inputs[0], names.outputs[0]) for role in _ROLES for names in array_names(["x"], ["y"], role)]


def read_labels(array: StoredArray) -> list[Value]:
    """Return the labels of the first samples: class indices, texts or numbers. One-hot rows become class indices.

    Args:
        array: An array with a label for each sample, or with a column for each class (one-hot).

    Raises:
        Unreadable: If the array has another shape, a row without a single 1, or cannot be read.
    """
    width = 1 if len(array.shape) == 1 else array.shape[1] if len(array.shape) == _COLUMN else 0
    if not width or array.elements is None:
        raise Unreadable("the array does not have one label for each sample")
    most = min(MAX_LABELS, MAX_BYTES // max(1, array.elements.size))
    values = array.values(min(array.shape[0], most // width) * width)
    if width == 1:
        return [_plain(value) for value in values]
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    if not all(sum(value == 1 for value in row) == 1 == sum(value != 0 for value in row) for row in rows):
        raise Unreadable("a row of the array does not have exactly one 1 for its class")
    return [row.index(1) for row in rows]


def count_classes(labels: Iterable[Value], names: Sequence[str]) -> dict[str, int] | None:
    """Return the number of samples of each class, for the 100 most frequent classes.

    Args:
        labels: The labels: each different label is a class.
        names: Names of the classes, or none.

    Returns:
        The numbers by the name of the class; None if there are no labels, or they look like a quantity: some are floats
        with a fraction or large floats, or there are more than 100 different labels and most of them are rare.
    """
    counts = Counter(labels)
    if not counts or any(isinstance(label, float) for label in counts):
        return None
    # Most values of a quantity are rare.
    if len(counts) > MAX_CLASSES and 2 * len(counts) > counts.total():
        return None
    classes = sorted(counts.most_common(MAX_CLASSES), key=lambda pair: (isinstance(pair[0], str), pair[0]))
    found: dict[str, int] = {}
    for label, count in classes:
        name = label_name(label, names)
        found[name] = found.get(name, 0) + count
    return found


def label_name(label: Value, names: Sequence[str]) -> str:
    """Return a label as text: the name of its class if the label is an index of `names`, else the label itself."""
    if isinstance(label, int) and 0 <= label < len(names):
        return names[label]
    return shown(int(label) if isinstance(label, bool) else label)


def class_names(arrays: Iterable[StoredArray]) -> list[str]:
    """Return the names of the classes from the array of class names in a file.

    The list is empty if the file has no such array, the array is unreadable or has several axes, or names are empty or
    repeated.
    """
    by_name = {array.name: array for array in arrays}
    found = next((by_name[name] for name in CLASS_NAMES if name in by_name), None)
    if found is None or len(found.shape) != 1 or found.shape[0] > MAX_NAMES:
        return []
    try:
        names = [shown(value) for value in found.values(MAX_NAMES)]
    except Unreadable:
        return []
    return names if len({*names, ""}) == len(names) + 1 else []


def _plain(value: Value) -> Value:
    """Return a float without a fraction as an integer, since tables often store class indices as floats.

    Floats with an absolute value of MAX_LABELS or more, and all other labels, are returned unchanged.
    """
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < MAX_LABELS else value
