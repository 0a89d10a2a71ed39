"""Which object controls another one, by its metadata.ownerReferences."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Owner(NamedTuple):
    """An object that another one belongs to.

    Args:
        name: Its name.
        uid: Its uid.
    """

    name: str
    uid: str


def controller(child: Mapping[str, Any], *, group: str, kind: str) -> Owner | None:
    """Returns the object that controls another one, or None if none of that kind does."""
    for reference in child["metadata"].get("ownerReferences") or []:
        of_kind = reference.get("kind") == kind and reference.get("apiVersion", "").partition("/")[0] == group
        if of_kind and reference.get("controller"):
            return Owner(name=reference["name"], uid=reference["uid"])
    return None


def controller_uid(child: Mapping[str, Any]) -> str | None:
    """Returns the uid of the object that controls another one, of whatever kind, if any does."""
    for reference in child["metadata"].get("ownerReferences") or []:
        if reference.get("controller"):
            return str(reference["uid"])
    return None
