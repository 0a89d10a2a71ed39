"""Columnar form of JSON rows. Equal fields are adjacent and each name occurs once, which compresses well."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

_FIELDS, _COUNTS, _ITEMS = "fields", "counts", "items"


def columns(values: Sequence[Any]) -> Any:
    """Return JSON values as columns: one column for each field, or for the items of lists.

    Args:
        values: The values. In objects, an empty field is equivalent to an absent one.
    """
    if _are(values, dict):
        names = dict.fromkeys(name for one in values if one for name in one)
        return {_FIELDS: {name: columns([(one or {}).get(name) for one in values]) for name in names}}
    if _are(values, list):
        return {
            _COUNTS: [len(one or []) for one in values],
            _ITEMS: columns([item for one in values for item in one or []]),
        }
    return list(values)


def rows(packed: Any) -> list[Any]:
    """Return the values from their columns.

    Args:
        packed: The result of `columns`, which may be damaged.

    Raises:
        ValueError: If the columns do not match each other.
    """
    match packed:
        case list():
            return packed
        case {"fields": dict(fields)}:
            found = zip(*map(rows, fields.values()), strict=True)
            return [{name: one for name, one in zip(fields, row, strict=True) if _is_there(one)} for row in found]
        case {"counts": list(counts), "items": items}:
            rest = iter(rows(items))
            lists = [list(islice(rest, count)) for count in counts]
            if [*map(len, lists)] != counts or [*rest]:
                raise ValueError("columns must have as many items as are counted")
            return lists
    raise ValueError("columns must be lists, fields of columns, or counts and items")


def _are(values: Sequence[Any], kind: type) -> bool:
    """Return whether all values are of a type or None, and at least one is not empty."""
    return any(isinstance(one, kind) and one for one in values) and all(
        one is None or isinstance(one, kind) for one in values
    )


def _is_there(value: Any) -> bool:
    return value is not None and value not in ({}, [])
