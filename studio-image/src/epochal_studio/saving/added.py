"""The fields of a spec that the cluster has added to the document of a save, as a mutating webhook does."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from epochal_api.crd import EXPERIMENTS, TRAINING_JOBS, schema

from epochal_studio.wire import AddedField

_MODELS = {kind.model.__name__: kind.model for kind in (TRAINING_JOBS, EXPERIMENTS)}
_SPEC = "spec"

Path = tuple[str | int, ...]


def added_fields(kind: str, sent: Mapping[str, Any], stored: Mapping[str, Any]) -> list[AddedField]:
    """Return the fields of the stored spec that the document does not have, except for defaults of the API.

    The user has not seen them, so the next save of the document would remove them.

    Args:
        kind: Kind of the object.
        sent: The document.
        stored: The object as stored.
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
    """Return the schema of a field; an empty one if the API does not know the field."""
    found: dict[str, Any] = part.get("properties", {}).get(name) or part.get("additionalProperties") or {}
    return found


def _is_default(part: Mapping[str, Any], value: Any) -> bool:
    """Return whether the API server gives a field this value by itself. The fields of a default have defaults, too."""
    if "default" not in part:
        return False
    default = part["default"]
    if isinstance(value, dict) and isinstance(default, dict):
        return all(
            each == default[name] if name in default else _is_default(_part(part, name), each)
            for name, each in value.items()
        )
    return bool(value == default)
