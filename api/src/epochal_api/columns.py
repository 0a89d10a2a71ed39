"""Rows as columns: what is of one kind stands together, and names its fields once, which a compressor makes use of."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

_FIELDS, _COUNTS, _ITEMS = "fields", "counts", "items"


def columns(values: Sequence[Any]) -> Any:
    """Returns values of JSON by their fields, or by their items: a column of each.

    Args:
        values: The values. Of those that have fields, what is empty is the same as what is not there.
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
    """Returns the values that columns were made of.

    Args:
        packed: What `columns` has returned; it may be damaged.

    Raises:
        ValueError: If that does not fit together.
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
    """Returns whether values are of a kind, of which some have something in them, and others may be absent."""
    return any(isinstance(one, kind) and one for one in values) and all(
        one is None or isinstance(one, kind) for one in values
    )


def _is_there(value: Any) -> bool:
    return value is not None and value not in ({}, [])
