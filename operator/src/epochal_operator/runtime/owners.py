"""The controller of an object, from its metadata.ownerReferences."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Owner(NamedTuple):
    """The owner of an object.

    Args:
        name: Name of the owner.
        uid: UID of the owner.
    """

    name: str
    uid: str


def controller(child: Mapping[str, Any], *, group: str, kind: str) -> Owner | None:
    """Return the controller of an object, or None if it has no controller of this kind."""
    for reference in child["metadata"].get("ownerReferences") or []:
        of_kind = reference.get("kind") == kind and reference.get("apiVersion", "").partition("/")[0] == group
        if of_kind and reference.get("controller"):
            return Owner(name=reference["name"], uid=reference["uid"])
    return None


def controller_uid(child: Mapping[str, Any]) -> str | None:
    """Return the UID of an object's controller of any kind, or None."""
    for reference in child["metadata"].get("ownerReferences") or []:
        if reference.get("controller"):
            return str(reference["uid"])
    return None
