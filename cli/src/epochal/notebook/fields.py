"""Fields of a spec that a user of a notebook adds or changes."""

from collections.abc import Mapping
from typing import Any

_OBJECTS = frozenset({"optimizer", "loss"})
"""Fields with an object of Keras, whose arguments belong to its class."""


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with changes: mappings are merged, and None removes a field."""
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
