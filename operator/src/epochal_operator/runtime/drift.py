"""Backoff of drift corrections: without it, the operator and another writer would overwrite the same fields forever."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.owners import ChildReasons, StoredValue
from epochal_operator.runtime.reasons import StatusCause, sanitize_message

FIRST_SECONDS = 1.0
MAX_SECONDS = 300.0
FORGET_SECONDS = 900.0
"""Age in seconds from which a correction no longer delays the next correction. It exceeds the maximum backoff, so a
correction of this age was not undone."""
UNREPORTED_CORRECTIONS = 2
"""Number of successive corrections of the same fields that the status does not report as a conflict with a writer."""


@dataclass(frozen=True)
class Correction:
    """A correction of drift in an owned object, or the API server's rejection of this correction.

    Args:
        uid: UID of the owned object.
        generation: Generation of the owner at the correction. A new generation resets the backoff.
        times: Number of successive corrections of these fields, with this correction.
        at: Time of the last correction.
        fields: Names of the corrected fields, as shown to users.
        writers: Field managers that set the values before the correction; empty if they were not determined.
        rejection: The API server's message if it rejected the correction.
        subject: Name of the owned object in messages.
        spec: Values that the correction set in the spec, by field.
    """

    uid: str
    generation: int
    times: int
    at: datetime
    fields: tuple[str, ...]
    writers: tuple[str, ...] = ()
    rejection: str | None = None
    subject: str = "the Job"
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def due(self) -> datetime:
        """The earliest time of the next correction."""
        doublings = min(self.times - 1, 16)  # A float overflows at 1,024 doublings: three days of drift.
        return self.at + timedelta(seconds=min(FIRST_SECONDS * 2**doublings, MAX_SECONDS))

    def applies_to(self, uid: str, generation: int, now: datetime) -> bool:
        """Return whether the correction still counts for the backoff: it is recent, and has this UID and generation."""
        is_recent = now - self.at < timedelta(seconds=FORGET_SECONDS)
        return is_recent and (self.uid, self.generation) == (uid, generation)

    def is_in_place(self, child: Object) -> bool:
        """Return whether the correction succeeded and the object still has its values: no writer has undone it."""
        return self.rejection is None and all(child["spec"].get(name) == value for name, value in self.spec.items())

    def backoff_end(self, child: Object) -> datetime | None:
        """Return the end of the backoff before the next correction, which may be past; None if this one is in place."""
        return None if self.is_in_place(child) else self.due

    def backoff_cause(self, now: datetime, reasons: ChildReasons, owner: str) -> StatusCause | None:
        """Return the cause for the owner's status, or None.

        A rejected correction has a cause until the next attempt is due. Another correction has a cause only after more
        than UNREPORTED_CORRECTIONS in succession.
        """
        if now >= self.due:
            return None
        fields = " and ".join(self.fields)
        if self.rejection is not None:
            message = f"The API server refuses to change {self.subject} ({fields}): {sanitize_message(self.rejection)}"
            return StatusCause(reasons.rejected, message)
        if self.times <= UNREPORTED_CORRECTIONS:
            return None
        managers = ", ".join(self.writers)
        return StatusCause(
            reasons.field_conflict,
            f"{managers} and Epochal overwrite each other's {fields} of {self.subject}. Stop the other writer, and "
            f"change the {owner} instead. Epochal corrects it with a backoff of up to {MAX_SECONDS / 60:.0f} minutes.",
        )


class DriftBackoff:
    """The latest correction of each owned object, from which the time of the next correction follows."""

    def __init__(self) -> None:
        self._latest: dict[Key, dict[tuple[Resource, Key], Correction]] = {}
        self._stored_values: dict[Key, dict[Resource, tuple[str, dict[str, StoredValue]]]] = {}

    def record(
        self,
        owner: Object,
        resource: Resource,
        child: Object,
        now: datetime,
        *,
        fields: tuple[str, ...],
        before: Correction | None,
        subject: str | None = None,
        **facts: Any,
    ) -> None:
        """Store the latest correction of an owned object.

        `before` is the previous correction if another writer has undone it. `subject` names the object in messages
        instead of `its KIND`. `facts` are further fields of the Correction.
        """
        uid, generation = child["metadata"]["uid"], owner["metadata"]["generation"]
        times = 1 + (before.times if before else 0)
        correction = Correction(uid, generation, times, now, fields, subject=subject or f"the {resource.kind}", **facts)
        self._latest.setdefault(key_of(owner), {})[resource, key_of(child)] = correction

    def latest(self, owner: Object, resource: Resource, child: Key, uid: str, now: datetime) -> Correction | None:
        """Return the latest correction of the owned object with a key and UID if it still counts, or None."""
        found = self._latest.get(key_of(owner), {}).get((resource, child))
        return found if found and found.applies_to(uid, owner["metadata"]["generation"], now) else None

    def corrected(self, owner: Object, resource: Resource, *, above: int = 0) -> list[Key]:
        """Return the keys of the owned objects with more than `above` successive corrections."""
        latest = self._latest.get(key_of(owner), {})
        return [child for (kind, child), found in latest.items() if kind == resource and found.times > above]

    def record_stored_values(self, owner: Key, resource: Resource, uid: str, fields: Mapping[str, StoredValue]) -> None:
        """Store the sent and the stored values of an owned object's fields after a patch."""
        earlier = self.stored_values(owner, resource, uid)
        self._stored_values.setdefault(owner, {})[resource] = uid, {**earlier, **fields}

    def stored_values(self, owner: Key, resource: Resource, uid: str) -> Mapping[str, StoredValue]:
        """Return the sent and the stored value of each spec field of an owned object after its latest patch."""
        patched_uid, fields = self._stored_values.get(owner, {}).get(resource, ("", {}))
        return fields if patched_uid == uid else {}

    def forget(self, owner: Key) -> None:
        """Remove the latest corrections and the stored values of all owned objects of an owner."""
        self._latest.pop(owner, None)
        self._stored_values.pop(owner, None)


def conflicting_managers(child: Object, fields: Iterable[str], own_manager: str) -> tuple[str, ...]:
    """Return the other field managers that last set fields of an object's spec, from its managedFields.

    If managedFields name no other writer, the result is `Another writer` if a field is missing, else `An admission
    webhook`.
    """
    names = frozenset(fields)
    paths = {f"f:{field}" for field in names}
    found = {
        entry.get("manager") or "unknown"
        for entry in child["metadata"].get("managedFields") or []
        if paths & set((entry.get("fieldsV1") or {}).get("f:spec") or {})
    }
    if others := found - {own_manager}:
        return tuple(sorted(others))
    if not names <= set(child["spec"]):
        return ("Another writer",)  # The API server records no field manager for a removed field.
    # A webhook's change of a request is recorded under the manager of that request.
    return ("An admission webhook",)
