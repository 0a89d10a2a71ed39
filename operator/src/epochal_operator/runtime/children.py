"""The children of objects of a kind: their creation, reuse, correction with backoff, and deletion."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from epochal_operator.runtime.actions import CreateChild, DeleteChild, PatchChild, ReplaceChild
from epochal_operator.runtime.api.errors import (
    REJECTIONS,
    AdmissionFailed,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
)
from epochal_operator.runtime.api.kube import LEADER_MANAGER
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.drift import DriftBackoff, conflicting_managers
from epochal_operator.runtime.owners import ChildReasons, ObservedChild, OwnedType, StoredValue, name_conflict
from epochal_operator.runtime.reasons import StatusCause, sanitize_message
from epochal_operator.runtime.writer import Writer

QUOTA_SECONDS = 15.0
"""Maximum seconds for which a quota may still count a deleted child."""
_QUOTA = "exceeded quota"
"""Text in the API server's message when a quota refuses an object."""
_REVERTED = "An admission webhook or policy may have changed the request."
_DELETION = ("its deletion",)
"""Value of `Correction.fields` for the deletion of a child, for messages to users."""

_log = logging.getLogger(__name__)


class Children:
    """Observes, creates, corrects and deletes the children of the objects of a kind.

    Args:
        writer: The writer of the kind.
        table: The types of the children. Each child has the same name as its owner.
        reasons: The reasons with which the kind reports blocked children.
        clock: Returns the time, with a time zone.
        explain: Returns a message of the API server in the terms of the kind, such as its spec fields.

    Attributes:
        drift: The latest corrections of the children.
    """

    def __init__(
        self,
        writer: Writer,
        table: Iterable[OwnedType],
        reasons: ChildReasons,
        clock: Callable[[], datetime],
        explain: Callable[[str], str] = lambda message: message,
    ) -> None:
        self._writer = writer
        self._owner = writer.resource
        self._table = tuple(table)
        self._reasons = reasons
        self._clock = clock
        self._explain = explain
        self._deleted: dict[Key, dict[Resource, datetime]] = {}
        self.drift = DriftBackoff()

    def observe(
        self, owner: Object, child_type: OwnedType, blocked: StatusCause | None, now: datetime
    ) -> ObservedChild:
        """Return the observed state of a child. A child that belongs to another owner counts as absent and blocked.

        `blocked` is the cause that blocked its creation in this reconcile, and applies only to an absent child.
        """
        key = key_of(owner)
        obj = self._writer.store.find(child_type, key).get(key)
        if obj is None:
            return ObservedChild(child_type, None, blocked)
        if conflict := name_conflict(obj, owner, child_type.resource, self._owner, self._reasons):
            return ObservedChild(child_type, None, conflict)
        uid = obj["metadata"]["uid"]
        stored_values = self.drift.stored_values(key, child_type.resource, uid)
        last = self.drift.latest(owner, child_type.resource, key, uid, now)
        if last is None:
            return ObservedChild(child_type, obj, stored_values=stored_values)
        cause = last.backoff_cause(now, self._reasons, self._owner.kind)
        blocked_until = last.due if cause is not None else None
        return ObservedChild(child_type, obj, cause, blocked_until, last.backoff_end(obj), stored_values)

    async def create(self, owner: Object, action: CreateChild) -> StatusCause | None:
        """Create a child, or reuse the owner's child of that name; return the cause that blocks it, or None.

        Raises:
            AdmissionFailed: If an admission webhook fails.
            StaleObject: If the owner has changed since it was read. Its new version may not need the child, and no
                reconcile would delete it.
        """
        resource, metadata = action.resource, action.body["metadata"]
        await self._writer.check_current(owner)
        try:
            created, is_new = await self._writer.create(resource, action.body)
        except (Invalid, Forbidden, NotFound, Conflict) as error:
            return self._quota_cause(resource, key_of(owner), error) or self.rejected(resource, error)
        if is_new:
            _log.info("created the %s", resource.kind)
        elif conflict := name_conflict(created, owner, resource, self._owner, self._reasons):
            return conflict
        elif self._missing_label(created, action) is not None:
            try:
                created = await self._writer.patch(resource, created, {"metadata": {"labels": metadata["labels"]}})
            except (Invalid, Forbidden) as error:
                return self.rejected(resource, error)
        if label := self._missing_label(created, action):
            message = f"The API server stores the {resource.kind} without the label {label}. {_REVERTED}"
            return StatusCause(self._reasons.rejected, message)
        self._writer.put(resource, created)
        return None

    async def change(self, owner: Object, action: PatchChild | ReplaceChild, subject: str | None = None) -> None:
        """Change a child, and record the correction. If another writer undoes the change, the next change is delayed.

        `subject` names the child in messages instead of `its KIND`.
        """
        resource, child, now = action.resource, action.child, self._clock()
        key, uid = key_of(child), child["metadata"]["uid"]
        fields = tuple(f"spec.{field}" for field in action.fields) or ("metadata.annotations",)
        before = self.drift.latest(owner, resource, key, uid, now)
        if before is not None and (set(before.fields) != set(fields) or before.is_in_place(child)):
            before = None  # This is a new correction: no writer has undone the earlier one.
        managers, rejection = tuple[str, ...](), None
        if before is not None:
            managers = conflicting_managers(await self._writer.kube.get(resource, *key), action.fields, LEADER_MANAGER)
        try:
            if isinstance(action, PatchChild):
                written = await self._writer.patch(resource, child, _merge_patch(action))
            else:
                written = await self._writer.replace(resource, child, action.replacement)
            self._writer.put(resource, written)
            _log.info("changed %s: %s", subject or f"the {resource.kind}", ", ".join(action.paths))
        except REJECTIONS as error:
            rejection = error.message
        cached = self._writer.store.get(resource, key)
        stored = cached["spec"] if cached else {}
        if isinstance(action, PatchChild):
            if rejection is None and cached:
                self._record_stored_values(owner, action, cached)
            if not action.spec:
                if rejection is None and cached and _has_annotations(cached, action):
                    return
                rejection = rejection or f"The API server does not store the change. {_REVERTED}"
        required = action.required
        spec = {name: _with_required(stored.get(name), required.get(name, _ANY)) for name in action.fields}
        facts: dict[str, Any] = {"writers": managers, "rejection": rejection, "spec": spec}
        self.drift.record(owner, resource, child, now, fields=fields, before=before, subject=subject, **facts)

    async def delete(self, owner: Object, action: DeleteChild) -> bool:
        """Delete a child; return whether the API server accepted it. After a rejection, the next attempt is delayed."""
        resource, key, now = action.resource, key_of(action.child), self._clock()
        try:
            await self._writer.delete(resource, action.child, "Foreground" if action.foreground else "Background")
        except REJECTIONS as error:
            before = self.drift.latest(owner, resource, key, action.child["metadata"]["uid"], now)
            before = before if before and before.fields == _DELETION else None
            self.drift.record(
                owner, resource, action.child, now, fields=_DELETION, before=before, rejection=error.message
            )
            return False
        self._deleted.setdefault(key_of(owner), {})[resource] = now
        if action.foreground:
            await self._writer.refresh(resource, key, action.child)
        _log.info("deleted the %s, which %s", resource.kind, action.cause)
        return True

    async def refresh(self, key: Key) -> None:
        """Read the children of an owner again, because the API server has a change that no watch has reported."""
        for child_type in self._table:
            await self._writer.refresh(child_type.resource, key, self._writer.store.find(child_type, key).get(key))

    def forget(self, key: Key) -> None:
        """Remove the records about corrections and deletions of the children of an owner, which was deleted."""
        self.drift.forget(key)
        self._deleted.pop(key, None)

    def rejected(self, resource: Resource, error: ApiError) -> StatusCause:
        """Return the cause for the owner's status if the API server refuses to create or change a child."""
        reason = self._reasons.webhook_failed if isinstance(error, AdmissionFailed) else self._reasons.rejected
        message = self._explain(sanitize_message(error.message))
        return StatusCause(reason, f"The API server refuses the {resource.kind}: {message}")

    def _missing_label(self, child: Object, action: CreateChild) -> str | None:
        """Return the key of the label with the owner's name if a child lacks this label or its value, or None."""
        label = next(owned.label for owned in self._table if owned.resource == action.resource)
        expected = action.body["metadata"]["labels"][label]
        return label if (child["metadata"].get("labels") or {}).get(label) != expected else None

    def _quota_cause(self, resource: Resource, key: Key, error: ApiError) -> StatusCause | None:
        """Return the cause of a refused creation if a quota may still count a recently deleted child, or None."""
        deleted = self._deleted.get(key, {}).get(resource)
        if deleted is None or _QUOTA not in error.message:
            return None
        if self._clock() >= deleted + timedelta(seconds=QUOTA_SECONDS):
            return None
        message = f"A quota may still count the deleted {resource.kind}: {sanitize_message(error.message)}"
        return StatusCause(self._reasons.cleanup, message)

    def _record_stored_values(self, owner: Object, action: PatchChild, child: Object) -> None:
        """Record the values that the API server stores after a patch, so that the same values are not sent again."""
        values = {name: StoredValue(value, child["spec"].get(name)) for name, value in action.desired.items()}
        if fields := [f"spec.{name}" for name, value in values.items() if value.desired != value.stored]:
            kind = action.resource.kind
            _log.warning("the API server changed values that Epochal sent for %s of the %s", ", ".join(fields), kind)
        if values:
            self.drift.record_stored_values(key_of(owner), action.resource, child["metadata"]["uid"], values)


_ANY = object()
"""Required value of a field for which any stored value is right."""


def _with_required(stored: Any, required: Any) -> Any:
    """Return the value that the operator must send: the required value, merged with stored parts that it omits."""
    if required is _ANY:
        return stored
    if isinstance(stored, Mapping) and isinstance(required, Mapping):
        return {**stored, **required}
    return required


def _merge_patch(action: PatchChild) -> dict[str, Any]:
    patch: dict[str, Any] = {"spec": dict(action.spec)} if action.spec else {}
    return patch | ({"metadata": {"annotations": dict(action.annotations)}} if action.annotations else {})


def _has_annotations(child: Object, action: PatchChild) -> bool:
    return action.annotations.items() <= (child["metadata"].get("annotations") or {}).items()
