"""Merges fields that a user gives into the spec of an object."""

from collections.abc import Mapping
from typing import Any

_OBJECTS = frozenset({"optimizer", "loss"})
"""Fields with a Keras object. A change replaces the whole object, because its arguments belong to its class."""


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with `changes`: mappings are merged recursively, None removes a field, the rest is replaced."""
    result = dict(values)
    for key, value in changes.items():
        before = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(before, Mapping) and key not in _OBJECTS:
            result[key] = merged(before, value)
        else:
            result[key] = value
    return result
