"""Flattens a document to paths and texts for comparisons. The result is bounded for documents of any size."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Limits(NamedTuple):
    """The limits for flattening a document.

    Args:
        path: Maximum characters of a path. A field with a longer path is left out.
        value: Maximum characters of a value. The rest is cut off.
        fields: Maximum number of fields. Further fields are left out.
        characters: Maximum characters of all paths and values together. Further fields are left out.
    """

    path: int = 1000
    value: int = 2**20
    fields: int = 20_000
    characters: int = 4 * 2**20


LIMITS = Limits()


class Fields(NamedTuple):
    """The fields of a flattened document.

    Args:
        values: The value of each field as a text, by its path.
        is_cut: Whether fields were left out.
    """

    values: dict[str, str]
    is_cut: bool


class _Full(Exception):
    """Raised to stop the flattening when a limit allows no further field."""


def flatten(value: Any, limits: Limits = LIMITS) -> Fields:
    """Return the values of a document as texts by their paths. A list of plain values is one value.

    An item of a list that has a name, such as a layer, has this name in the path instead of its index. So an additional
    layer does not change the paths of later layers. The value at the path of the list is the order of the names.

    Args:
        value: The document.
        limits: The limits for the result.
    """
    flattener = _Flattener(limits)
    try:
        flattener.add(value, "")
    except _Full:
        return Fields(flattener.values, is_cut=True)
    return Fields(flattener.values, flattener.is_cut)


class _Flattener:
    def __init__(self, limits: Limits) -> None:
        self.values: dict[str, str] = {}
        self.is_cut = False
        self._limits = limits
        self._left = limits.characters

    def add(self, value: Any, path: str) -> None:
        """Add the texts of `value`, the part of the document at `path`, to `values`.

        The fields of a mapping are added one by one, and so are the items of a list that has mappings or lists. Any
        other value, such as a list of numbers, is one text.
        """
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                self._add_inner(inner, path, ".", str(key), "")
        elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
            labels = _labels(value)
            if any(not label.isdecimal() for label in labels):
                self._add_value(path, ", ".join(labels))
            for label, item in zip(labels, value, strict=True):
                self._add_inner(item, path, "[", label, "]")
        else:
            self._add_value(path, value if isinstance(value, str) else json.dumps(value))

    def _add_inner(self, value: Any, path: str, before: str, name: str, after: str) -> None:
        # Before the path is made: long names in many levels would make paths of the size of the whole document.
        if len(path) + len(name) + len(before) + len(after) > self._limits.path:
            self.is_cut = True
        elif not path and before == ".":
            self.add(value, name)
        else:
            self.add(value, f"{path}{before}{name}{after}")

    def _add_value(self, path: str, value: str) -> None:
        value = value[: self._limits.value]
        self._left -= len(path) + len(value)
        if self._left < 0 or len(self.values) >= self._limits.fields:
            raise _Full
        self.values[path] = value


def _labels(items: Sequence[Any]) -> list[str]:
    """Return a unique label for each item of a list.

    The label is the `name` of the item, or NAME#INDEX if another item has the same name or the name looks like another
    label. An item without a name has its index as label.
    """
    names = [item.get("name") if isinstance(item, Mapping) else None for item in items]
    counts = Counter(name for name in names if isinstance(name, str))
    return [
        str(index)
        if not isinstance(name, str)
        else name
        if counts[name] == 1 and not name.isdecimal() and "#" not in name
        else f"{name}#{index}"
        for index, name in enumerate(names)
    ]
