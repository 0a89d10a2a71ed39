"""The fields of a document as paths and texts, for comparisons. A document of any content has bounded fields."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Limits(NamedTuple):
    """The limits of the fields of a document.

    Args:
        path: Maximum characters of a path. Fields with a longer one are left out.
        value: Maximum characters of a value. The rest is cut off.
        fields: Maximum fields. The rest is left out.
        characters: Maximum characters of all paths and values. The fields after them are left out.
    """

    path: int = 1000
    value: int = 2**20
    fields: int = 20_000
    characters: int = 4 * 2**20


LIMITS = Limits()


class Fields(NamedTuple):
    """The fields of a document.

    Args:
        values: Texts by their paths.
        is_cut: Whether fields were left out.
    """

    values: dict[str, str]
    is_cut: bool


class _Full(Exception):
    """The end of the search for fields: the limits allow no further field."""


def flatten(value: Any, limits: Limits = LIMITS) -> Fields:
    """Return the values of a document by their paths. A list of plain values is one value.

    A layer with a name is found by it, so that a layer more does not make all later layers differ. The path of its list
    has the order of the names, which the paths of the layers do not tell.

    Args:
        value: The document.
        limits: The limits of its fields.
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
        """Add the fields of a part of the document."""
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                self._add_inner(inner, path, ".", str(key), "")
        elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
            labels = _labels(value)
            if any(not label.isdecimal() for label in labels):
                self._take(path, ", ".join(labels))
            for label, item in zip(labels, value, strict=True):
                self._add_inner(item, path, "[", label, "]")
        else:
            self._take(path, value if isinstance(value, str) else json.dumps(value))

    def _add_inner(self, value: Any, path: str, before: str, name: str, after: str) -> None:
        # Before the path is made: long names in many levels would make paths of the size of the whole document.
        if len(path) + len(name) + len(before) + len(after) > self._limits.path:
            self.is_cut = True
        elif not path and before == ".":
            self.add(value, name)
        else:
            self.add(value, f"{path}{before}{name}{after}")

    def _take(self, path: str, value: str) -> None:
        value = value[: self._limits.value]
        self._left -= len(path) + len(value)
        if self._left < 0 or len(self.values) >= self._limits.fields:
            raise _Full
        self.values[path] = value


def _labels(items: Sequence[Any]) -> list[str]:
    """Return a label for each item of a list, no label twice.

    It is the name if no other item has it and it does not look like another label; else name#index, or the index if
    the item has no name.
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
