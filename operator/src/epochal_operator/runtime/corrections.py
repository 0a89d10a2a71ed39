"""Backoff of drift corrections: without it, the operator and another writer would overwrite the same fields forever."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from epochal_operator.runtime.api.resource import Key, Resource
from epochal_operator.runtime.reasons import OwnReason, StatusCause, clean

FIRST_SECONDS = 1.0
MAX_SECONDS = 300.0
FORGET_SECONDS = 900.0
"""Longer than the maximum backoff: a correction of this age was not undone."""
TOLERATED = 2
"""Corrections of a field before the status reports the other writer."""


@dataclass(frozen=True)
class Correction:
    """A correction of drift in an owned object, or the API server's refusal of this correction.

    Args:
        uid: UID of the owned object.
        generation: Generation of the owner at the correction. A new generation resets the backoff.
        times: Corrections in a row.
        at: Time of the last correction.
        fields: Names of the corrected fields, as shown to users.
        writers: Field managers that set the other values; empty if they were not determined.
        refusal: The API server's message if it refused the correction.
        kind: Kind of the owned object.
        spec: Values that the correction set in the spec, by field.
    """

    uid: str
    generation: int
    times: int
    at: datetime
    fields: tuple[str, ...]
    writers: tuple[str, ...] = ()
    refusal: str | None = None
    kind: str = "Job"
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def due(self) -> datetime:
        """The earliest time of the next correction."""
        doublings = min(self.times - 1, 16)  # A float overflows at 1,024 doublings: three days of drift.
        return self.at + timedelta(seconds=min(FIRST_SECONDS * 2**doublings, MAX_SECONDS))

    def concerns(self, uid: str, generation: int, now: datetime) -> bool:
        """Return whether the correction is recent and applies to this UID and generation."""
        fresh = now - self.at < timedelta(seconds=FORGET_SECONDS)
        return fresh and (self.uid, self.generation) == (uid, generation)

    def stands(self, child: Mapping[str, Any]) -> bool:
        """Return whether the correction succeeded and its values are still set, so that the next one need not wait."""
        return self.refusal is None and all(child["spec"].get(name) == value for name, value in self.spec.items())

    def blocks(self, now: datetime, *, refused: OwnReason, fought: OwnReason, owner: str) -> StatusCause | None:
        """Return the reason and message that report a correction in backoff, or None if there is none to report.

        Args:
            now: The time, with a time zone.
            refused: The reason if the API server refused the correction.
            fought: The reason if another writer undoes the correction.
            owner: Kind of the owner, in which users change the owned object.
        """
        if now >= self.due:
            return None
        fields = " and ".join(self.fields)
        if self.refusal is not None:
            message = f"The API server refuses to change its {self.kind} ({fields}): {clean(self.refusal)}"
            return StatusCause(refused, message)
        if self.times <= TOLERATED:
            return None
        who = ", ".join(self.writers)
        return StatusCause(
            fought,
            f"{who} and Epochal overwrite each other's {fields} of its {self.kind}. Epochal puts that right ever more "
            f"seldom, at last every {MAX_SECONDS / 60:.0f} minutes: stop {who} from changing it. What is to change, "
            f"change in the {owner}.",
        )


class Overruled(NamedTuple):
    """The value of a field of an owned object that the API server keeps after a patch.

    Admission, defaulting or normalisation may change the value that the operator sends, to a different value each time.
    The patch is sent again once the stored value or the desired value changes.

    Args:
        intent: The desired value of the field.
        kept: The stored value of the field after the patch.
    """

    intent: Any
    kept: Any


class Corrections:
    """The latest corrections of owned objects, by owner."""

    def __init__(self) -> None:
        self._latest: dict[Key, dict[Resource, Correction]] = {}
        self._overruled: dict[Key, dict[Resource, tuple[str, dict[str, Overruled]]]] = {}

    def note(self, resource: Resource, key: Key, correction: Correction) -> None:
        """Store a correction as the latest one of its resource."""
        self._latest.setdefault(key, {})[resource] = correction

    def of(self, resource: Resource, key: Key, uid: str, generation: int, now: datetime) -> Correction | None:
        """Return the latest correction of an owned object if it still applies, or None."""
        found = self._latest.get(key, {}).get(resource)
        return found if found and found.concerns(uid, generation, now) else None

    def note_overruled(self, resource: Resource, key: Key, uid: str, fields: Mapping[str, Overruled]) -> None:
        """Store the values of an owned object's fields after a patch."""
        known = self.overruled(resource, key, uid)
        self._overruled.setdefault(key, {})[resource] = uid, {**known, **fields}

    def overruled(self, resource: Resource, key: Key, uid: str) -> Mapping[str, Overruled]:
        """Return the values of an owned object's spec fields after the latest patch of each field, by name."""
        known, fields = self._overruled.get(key, {}).get(resource, ("", {}))
        return fields if known == uid else {}

    def forget(self, key: Key) -> None:
        """Forget all corrections of the objects of an owner."""
        self._latest.pop(key, None)
        self._overruled.pop(key, None)


def writers(child: Mapping[str, Any], fields: Iterable[str], ours: str) -> tuple[str, ...]:
    """Return the field managers that last set fields of an object's spec, from its managedFields.

    Args:
        child: The object with its metadata.managedFields.
        fields: Names of fields of its spec.
        ours: The operator's own field manager, which is left out.
    """
    names = frozenset(fields)
    paths = {f"f:{field}" for field in names}
    found = {
        entry.get("manager") or "unknown"
        for entry in child["metadata"].get("managedFields") or []
        if paths & set((entry.get("fieldsV1") or {}).get("f:spec") or {})
    }
    if others := found - {ours}:
        return tuple(sorted(others))
    if not names <= set(child["spec"]):
        return ("Somebody whom the API server does not name",)  # The API server records no manager for a removed field.
    # A webhook's change of a request is recorded under the manager of that request.
    return ("An admission webhook",)
