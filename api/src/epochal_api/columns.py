"""Columnar form of JSON rows. Equal fields are adjacent and each name occurs once, which compresses well."""

from collections.abc import Sequence
from itertools import islice
from typing import Any


def to_columns(values: Sequence[Any]) -> Any:
    """Return a list of JSON values (rows) as columns, which have fewer bytes when compressed.

    Objects become one column for each field; lists become their lengths, and one column of all their items.

    Args:
        values: The values: all objects, all lists, or others. In objects, an empty field is equivalent to an absent
            field.
    """
    if _are_all(values, dict):
        names = dict.fromkeys(name for value in values for name in value or {})
        return {"fields": {name: to_columns([(value or {}).get(name) for value in values]) for name in names}}
    if _are_all(values, list):
        items = [item for value in values for item in value or []]
        return {"counts": [len(value or []) for value in values], "items": to_columns(items)}
    return list(values)


def from_columns(columns: Any) -> list[Any]:
    """Return the list of JSON values (rows) that `to_columns` has converted to columns.

    Args:
        columns: The result of `to_columns`, which may be damaged.

    Raises:
        ValueError: If the columns do not match each other.
    """
    match columns:
        case list():
            return columns
        case {"fields": dict(fields)}:
            rows = zip(*map(from_columns, fields.values()), strict=True)
            return [
                {name: value for name, value in zip(fields, row, strict=True) if value not in (None, {}, [])}
                for row in rows
            ]
        case {"counts": list(counts), "items": items}:
            remaining = iter(from_columns(items))
            lists = [list(islice(remaining, count)) for count in counts]
            if [*map(len, lists)] != counts or [*remaining]:
                raise ValueError("the number of items in a column must be the sum of its counts")
            return lists
    raise ValueError("a column must be a list, an object with fields, or an object with counts and items")


def _are_all(values: Sequence[Any], kind: type) -> bool:
    """Return whether each value is None or of the type `kind`, and at least one is not empty."""
    return any(isinstance(value, kind) and value for value in values) and all(
        value is None or isinstance(value, kind) for value in values
    )
