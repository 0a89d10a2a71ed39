"""What is kept of an object's metadata: not who wrote which field, and nothing without a bound."""

from collections.abc import Iterable
from typing import Any

from epochal_operator.runtime.resource import Object

FIELDS = ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")
"""Fields that are kept as they are: the API server bounds them."""
MAX_LABELS = 64
"""Labels of an object that are kept; of more, only those that are asked for are."""
MAX_OWNERS = 8
MAX_NAME = 253
"""Characters of a name, or of a digest: the API server does not bound those in references and annotations."""

_OWNER = ("apiVersion", "kind", "name", "uid", "controller")


def kept(
    metadata: Object, *, labels: Iterable[str] = (), annotations: Iterable[str] = (), owner: str = ""
) -> dict[str, Any]:
    """Returns what is kept of an object's metadata.

    Args:
        metadata: The metadata.
        labels: Labels that are kept however many there are.
        annotations: Annotations that are kept; no others are.
        owner: Kind of the owners that are kept beside the one that controls the object.
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
    """Returns the fields of these names that there are."""
    return {name: fields[name] for name in names if name in fields}
