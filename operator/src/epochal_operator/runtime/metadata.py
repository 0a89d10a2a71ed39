"""The part of an object's metadata that the cache keeps: without managedFields, and with bounded sizes."""

from collections.abc import Iterable
from typing import Any

from epochal_operator.runtime.resource import Object

FIELDS = ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")
"""Fields that are kept unchanged, because the API server limits their size."""
MAX_LABELS = 64
"""Limit of kept labels. If an object has more, only the requested labels are kept."""
MAX_OWNERS = 8
MAX_NAME = 253
"""Limit of a name or digest in characters. The API server does not limit them in references and annotations."""

_OWNER = ("apiVersion", "kind", "name", "uid", "controller")


def kept(
    metadata: Object, *, labels: Iterable[str] = (), annotations: Iterable[str] = (), owner: str = ""
) -> dict[str, Any]:
    """Return the part of an object's metadata that the cache keeps.

    Args:
        metadata: The metadata.
        labels: Labels that are kept even if the object has more than MAX_LABELS.
        annotations: Annotations that are kept. All others are dropped.
        owner: Kind of the owner references that are kept in addition to the controller's.
    """
    found = metadata.get("labels") or {}
    owners = metadata.get("ownerReferences") or []
    owners = [one for one in owners if one.get("controller") or one.get("kind") == owner][:MAX_OWNERS]
    return some(metadata, FIELDS) | {
        "labels": some(found, labels) if len(found) > MAX_LABELS else found,
        "annotations": {
            name: text[:MAX_NAME] for name, text in some(metadata.get("annotations") or {}, annotations).items()
        },
        "ownerReferences": [
            some(one, _OWNER) for one in owners if all(len(str(text)) <= MAX_NAME for text in one.values())
        ],
        "finalizers": (metadata.get("finalizers") or [])[:MAX_OWNERS],
    }


def some(fields: Object, names: Iterable[str]) -> dict[str, Any]:
    """Return the fields with these names that exist."""
    return {name: fields[name] for name in names if name in fields}
