"""Ownership: the controller of an object, and the owned objects of a kind.

A child is an object that the operator creates. Pods are owned objects, but not children, because another
controller creates them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self

from epochal_operator.runtime.api.resource import Key, Object, Resource
from epochal_operator.runtime.cache_transform import CacheTransform, metadata_only
from epochal_operator.runtime.reasons import EpochalReason, StatusCause


class Owner(NamedTuple):
    """Name and UID of the owner of an object."""

    name: str
    uid: str


def controller_owner(child: Object, *, group: str, kind: str) -> Owner | None:
    """Return the owner that controls an object, or None if no owner of this group and kind controls it."""
    for reference in child["metadata"].get("ownerReferences") or []:
        has_kind = reference.get("kind") == kind and reference.get("apiVersion", "").partition("/")[0] == group
        if has_kind and reference.get("controller"):
            return Owner(name=reference["name"], uid=reference["uid"])
    return None


def controller_uid(child: Object) -> str | None:
    """Return the UID of the owner (of any kind) that controls an object, or None."""
    for reference in child["metadata"].get("ownerReferences") or []:
        if reference.get("controller"):
            return str(reference["uid"])
    return None


def controller_reference(api_version: str, kind: str, name: str, uid: str) -> dict[str, Any]:
    """Return the owner reference of a child to the object that controls it."""
    reference = {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid}
    return reference | {"controller": True, "blockOwnerDeletion": True}


@dataclass(frozen=True)
class OwnedType:
    """A type of owned objects: a resource, and the label that holds the owner's name.

    Any user can write a label, so the owner references decide the ownership.

    Args:
        resource: The resource of the owned objects.
        label: The label. Only objects with this label are watched.
        cache_transform: Returns the fields of an owned object that the cache keeps, with all spec fields that `build`
            sets.
        build: Returns the owned object that the operator must create, or None if the owner needs no such object. This
            field itself is None if another controller creates these objects.
        is_optional: Whether some owners need no such object, so that the operator may have to delete it.
    """

    resource: Resource
    label: str
    cache_transform: CacheTransform = field(default=metadata_only, compare=False)
    build: Callable[..., Object | None] | None = field(default=None, compare=False)
    is_optional: bool = field(default=False, compare=False)

    def key(self, obj: Object) -> Key | None:
        """Return the key of the owner that the label names, or None without the label."""
        name = (obj["metadata"].get("labels") or {}).get(self.label)
        return Key(obj["metadata"]["namespace"], name) if name else None


class ChildReasons(NamedTuple):
    """The reasons with which a kind reports that a child cannot be created or corrected.

    Args:
        cleanup: An earlier object that is being deleted has the name of the child, or still counts against a quota.
        name_conflict: An object of another owner has the name of the child.
        rejected: The API server refuses the child or a change of it.
        webhook_failed: An admission webhook cannot be called.
        field_conflict: Another writer undoes the changes.
    """

    cleanup: EpochalReason
    name_conflict: EpochalReason
    rejected: EpochalReason
    webhook_failed: EpochalReason
    field_conflict: EpochalReason

    @classmethod
    def of(cls, table: type[EpochalReason], *, rejected: EpochalReason) -> Self:
        """Return the members CLEANUP, NAME_CONFLICT, WEBHOOK_FAILED and FIELD_CONFLICT of a table, and `rejected`."""
        names = ("CLEANUP", "NAME_CONFLICT", "WEBHOOK_FAILED", "FIELD_CONFLICT")
        cleanup, name_conflict, webhook_failed, field_conflict = (table[name] for name in names)
        return cls(cleanup, name_conflict, rejected, webhook_failed, field_conflict)


class StoredValue(NamedTuple):
    """The value of a field that a patch of an owned object sent, and the value that the API server stored.

    Admission, defaulting or normalisation may change the sent value, to a different value each time. The field is sent
    again only if the desired value changes, or the object has another value than was stored.
    """

    desired: Any
    stored: Any


@dataclass(frozen=True)
class ObservedChild:
    """The observed state of a child.

    Args:
        type: The type of the child.
        child: The child; None if it does not exist, or has another owner.
        blocked: The cause that blocks its creation or correction, or None.
        blocked_until: The time at which `blocked` ends if corrections caused it, else None. Until then, a conflict of
            two writers stays reported, even if the last correction is in place.
        backoff_end: The time before which the operator must not correct the child again, because another writer has
            undone the last correction or the API server has rejected it; else None.
        stored_values: The sent and the stored value after the latest patch of each spec field, by field.
    """

    type: OwnedType
    child: Object | None = None
    blocked: StatusCause | None = None
    blocked_until: datetime | None = None
    backoff_end: datetime | None = None
    stored_values: Mapping[str, StoredValue] = field(default_factory=dict)


def name_conflict(
    existing: Object, owner: Object, resource: Resource, owner_resource: Resource, reasons: ChildReasons
) -> StatusCause | None:
    """Return the cause if an existing object, which has the name of a child, does not belong to the owner, or None."""
    if controller_uid(existing) == owner["metadata"]["uid"]:
        return None
    name, kind = f"{resource.kind} {existing['metadata']['name']}", owner_resource.kind
    earlier = controller_owner(existing, group=owner_resource.group, kind=kind)
    if earlier is not None and earlier.name == owner["metadata"]["name"]:
        return StatusCause(reasons.cleanup, f"The {name} of an earlier {kind} of this name is being deleted.")
    message = (
        f"The {name} exists and does not belong to this {kind}: delete it, or create this {kind} under another name."
    )
    return StatusCause(reasons.name_conflict, message)
