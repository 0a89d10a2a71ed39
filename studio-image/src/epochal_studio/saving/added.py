"""Finds the fields that the cluster, such as a mutating webhook, has added to the spec of a saved document."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from epochal_api.crd import EXPERIMENTS, TRAINING_JOBS, schema

from epochal_studio.wire.documents import AddedField

_MODELS = {kind.model.__name__: kind.model for kind in (TRAINING_JOBS, EXPERIMENTS)}
_SPEC = "spec"

Path = tuple[str | int, ...]


def added_fields(kind: str, sent: Mapping[str, Any], stored: Mapping[str, Any]) -> list[AddedField]:
    """Return the fields of the stored spec that the saved document does not have, except defaults of the CRD schema.

    The user's document lacks these fields, so the next save would remove them from the object.

    Args:
        kind: Kind of the object.
        sent: The saved document.
        stored: The stored object, from the API server's answer.
    """
    return list(_added(_schema(kind), sent.get(_SPEC), stored.get(_SPEC), (_SPEC,)))


@cache
def _schema(kind: str) -> dict[str, Any]:
    return _part(schema(_MODELS[kind]), _SPEC)


def _added(part: Mapping[str, Any], sent: Any, stored: Any, path: Path) -> Iterator[AddedField]:
    if isinstance(sent, dict) and isinstance(stored, dict):
        for name, value in stored.items():
            inner = _part(part, name)
            if name in sent:
                yield from _added(inner, sent[name], value, (*path, name))
            elif not _is_default(inner, value):
                yield AddedField(path=[*path, name], value=value)
    elif isinstance(sent, list) and isinstance(stored, list) and len(sent) == len(stored):
        for index, (each, value) in enumerate(zip(sent, stored, strict=True)):
            yield from _added(part.get("items", {}), each, value, (*path, index))


def _part(part: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the JSON schema of a field in the schema of its object; an empty schema for an unknown field."""
    found: dict[str, Any] = part.get("properties", {}).get(name) or part.get("additionalProperties") or {}
    return found


def _is_default(part: Mapping[str, Any], value: Any) -> bool:
    """Return whether a value is the default in the JSON schema of its field, including defaults of nested fields."""
    if "default" not in part:
        return False
    default = part["default"]
    if isinstance(value, dict) and isinstance(default, dict):
        return all(
            each == default[name] if name in default else _is_default(_part(part, name), each)
            for name, each in value.items()
        )
    return bool(value == default)
