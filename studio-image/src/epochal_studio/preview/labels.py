"""The labels of samples: the arrays that have them, their classes, and the names of the classes."""

from collections import Counter
from collections.abc import Iterable, Sequence

from epochal_api.array_names import Role, array_names

from epochal_studio.preview.arrays import StoredArray
from epochal_studio.preview.elements import Value, shown
from epochal_studio.preview.source import Unreadable

CLASS_NAMES = ("class_names", "classes", "label_names", "target_names")
"""Names of the array of class names, as a training reads them: the first one counts."""
MAX_LABELS = 100_000
MAX_BYTES = 2**20
MAX_CLASSES = 100
MAX_NAMES = 4096
_ROLES: Sequence[Role | None] = ("train", None, "validation", "test")
_COLUMN = 2
"""Axes of labels in a column, or with a column for each class."""


def pairs() -> list[tuple[str, str]]:
    """Return the names of features and labels that a training reads, those of a training set first."""
    return [(names.inputs[0], names.outputs[0]) for role in _ROLES for names in array_names(["x"], ["y"], role)]


def read_labels(array: StoredArray) -> list[Value]:
    """Return the labels of the first samples: class indices, texts or numbers.

    Args:
        array: An array with a label, or a column for each class, for each sample.

    Raises:
        Unreadable: If it has another form, or cannot be read.
    """
    width = 1 if len(array.shape) == 1 else array.shape[1] if len(array.shape) == _COLUMN else 0
    if not width or array.elements is None:
        raise Unreadable("it has no label for each sample")
    most = min(MAX_LABELS, MAX_BYTES // max(1, array.elements.size))
    values = array.values(min(array.shape[0], most // width) * width)
    if width == 1:
        return [_plain(value) for value in values]
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    if not all(sum(value == 1 for value in row) == 1 == sum(value != 0 for value in row) for row in rows):
        raise Unreadable("its rows have no single 1 for a class")
    return [row.index(1) for row in rows]


def count_classes(labels: Iterable[Value], names: Sequence[str]) -> dict[str, int] | None:
    """Return the number of samples of each class, of at most 100 classes; None if the labels are numbers.

    Args:
        labels: The labels.
        names: Names of the classes, or none.
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
    """Return a label as text: the name of its class if there is one."""
    if isinstance(label, int) and 0 <= label < len(names):
        return names[label]
    return shown(int(label) if isinstance(label, bool) else label)


def class_names(arrays: Iterable[StoredArray]) -> list[str]:
    """Return the names of the classes in a file; none without such an array, or if names repeat."""
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
    """Return a label as an integer if it is one: tables often have all numbers as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < MAX_LABELS else value
