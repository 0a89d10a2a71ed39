"""How often what is owned was put right, and when again: whoever else holds its fields would undo it without end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from epochal_operator.runtime.reasons import OwnReason, StatusCause, clean
from epochal_operator.runtime.resource import Key, Resource

FIRST_SECONDS = 1.0
MAX_SECONDS = 300.0
FORGET_SECONDS = 900.0
"""Longer than any wait: what was put right so long ago was not undone."""
TOLERATED = 2
"""How often somebody may change a field before that is told."""


@dataclass(frozen=True)
class Correction:
    """That something owned was put right, or that the API server refused it.

    Args:
        uid: Its uid.
        generation: Generation of its owner that it was put right by: another one begins anew.
        times: How often in a row.
        at: When last.
        fields: What was changed, as people call it.
        writers: Who had set it otherwise; none if that was not looked at.
        refusal: What the API server said if it refused.
        kind: Its kind.
        spec: What the fields were set to.
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
        """When to put it right again if that is still to be done."""
        doublings = min(self.times - 1, 16)  # A float overflows at 1,024 doublings: three days of drift.
        return self.at + timedelta(seconds=min(FIRST_SECONDS * 2**doublings, MAX_SECONDS))

    def concerns(self, uid: str, generation: int, now: datetime) -> bool:
        """Returns whether it still says anything of an object."""
        fresh = now - self.at < timedelta(seconds=FORGET_SECONDS)
        return fresh and (self.uid, self.generation) == (uid, generation)

    def stands(self, child: Mapping[str, Any]) -> bool:
        """Returns whether it was done, and nobody has undone it: what is to be done next need not wait."""
        return self.refusal is None and all(child["spec"].get(name) == value for name, value in self.spec.items())

    def blocks(self, now: datetime, *, refused: OwnReason, fought: OwnReason, owner: str) -> StatusCause | None:
        """Returns what is to be told of it, if anything is.

        Args:
            now: The time, with a time zone.
            refused: The reason if the API server refused it.
            fought: The reason if somebody undoes it.
            owner: Kind of the owner, by which people change what is owned.
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
    """The value of a field of a child that the API server keeps after a patch.

    Admission, defaulting or normalisation may keep another one than the operator sends, even another one each time.
    The patch is sent again once the value changes, or the intent.

    Args:
        intent: The value of the field by the operator.
        kept: The value of the field after the patch.
    """

    intent: Any
    kept: Any


class Corrections:
    """What was put right a while ago, by the owner."""

    def __init__(self) -> None:
        self._latest: dict[Key, dict[Resource, Correction]] = {}
        self._overruled: dict[Key, dict[Resource, tuple[str, dict[str, Overruled]]]] = {}

    def note(self, resource: Resource, key: Key, correction: Correction) -> None:
        """Notes a correction: it is the latest one of that resource."""
        self._latest.setdefault(key, {})[resource] = correction

    def of(self, resource: Resource, key: Key, uid: str, generation: int, now: datetime) -> Correction | None:
        """Returns the latest correction of what is owned, if that still says anything of it."""
        found = self._latest.get(key, {}).get(resource)
        return found if found and found.concerns(uid, generation, now) else None

    def note_overruled(self, resource: Resource, key: Key, uid: str, fields: Mapping[str, Overruled]) -> None:
        """Note the values of a child's fields after a patch."""
        known = self.overruled(resource, key, uid)
        self._overruled.setdefault(key, {})[resource] = uid, {**known, **fields}

    def overruled(self, resource: Resource, key: Key, uid: str) -> Mapping[str, Overruled]:
        """Return the values of fields of a child's spec after the latest patch of each, by name."""
        known, fields = self._overruled.get(key, {}).get(resource, ("", {}))
        return fields if known == uid else {}

    def forget(self, key: Key) -> None:
        """Forgets those of what an object owns."""
        self._latest.pop(key, None)
        self._overruled.pop(key, None)


def writers(child: Mapping[str, Any], fields: Iterable[str], ours: str) -> tuple[str, ...]:
    """Returns who set fields of an object's spec last, as the API server has noted.

    Args:
        child: The object with its metadata.managedFields.
        fields: Names of fields of its spec.
        ours: The field manager that is not meant.
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
        return ("Somebody whom the API server does not name",)  # Of a field that is gone, nobody is noted.
    # What a webhook changes in a request is noted as the change of whoever sent that.
    return ("An admission webhook",)
