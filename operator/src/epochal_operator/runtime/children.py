"""The children of objects of a kind: their creation, adoption, correction with backoff, and deletion."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from epochal_operator.runtime.actions import CreateChild, DeleteChild, PatchChild, ReplaceChild
from epochal_operator.runtime.api.errors import (
    REFUSALS,
    AdmissionFailed,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
)
from epochal_operator.runtime.api.kube import LEADER_MANAGER
from epochal_operator.runtime.api.resource import Key, Object, Resource, key_of
from epochal_operator.runtime.drift import DriftBackoff, writers
from epochal_operator.runtime.owners import ChildReasons, ObservedChild, Overruled, Owned, blocked_by
from epochal_operator.runtime.reasons import StatusCause, clean
from epochal_operator.runtime.writer import Writer

QUOTA_SECONDS = 15.0
"""Maximum seconds until a quota no longer counts a deleted child."""
_QUOTA = "exceeded quota"
"""Text in the API server's message when a quota refuses an object."""
_STRIPPED = "an admission webhook or policy, perhaps"
_DELETION = ("its deletion",)
"""The fields of a correction that is a deletion, as shown to users."""

_log = logging.getLogger(__name__)


class Children:
    """Observes, creates, corrects and deletes the children of the objects of a kind.

    Args:
        writer: The writer of the kind.
        table: The children that have the name of their owner.
        reasons: The reasons with which the kind reports blocked children.
        clock: Returns the time, with a time zone.
        explain: Returns a message of the API server in the terms of the kind.

    Attributes:
        drift: The latest corrections of the children.
    """

    def __init__(
        self,
        writer: Writer,
        table: Iterable[Owned],
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

    def observe(self, owner: Object, child: Owned, blocked: StatusCause | None, now: datetime) -> ObservedChild:
        """Return the observed state of a child that has the name of its owner.

        Args:
            owner: The owner.
            child: The kind of child.
            blocked: The cause that blocked the creation of the child in this reconcile, or None.
            now: The time, with a time zone.
        """
        key = key_of(owner)
        thing = self._writer.store.find(child, key).get(key)
        if thing is None:
            return ObservedChild(child, None, blocked)
        if found := blocked_by(thing, owner, child.resource, self._owner, self._reasons):
            return ObservedChild(child, None, found)
        uid = thing["metadata"]["uid"]
        overruled = self.drift.overruled(key, child.resource, uid)
        last = self.drift.of(owner, child.resource, key, uid, now)
        if last is None:
            return ObservedChild(child, thing, overruled=overruled)
        blocked, stands = last.blocks(now, self._reasons, self._owner.kind), last.stands(thing)
        held_until = last.due if blocked or not stands else None
        return ObservedChild(child, thing, blocked, held_until, stands, overruled)

    async def create(self, owner: Object, action: CreateChild) -> StatusCause | None:
        """Create a child, or adopt the owner's child of that name; return the cause that blocks it, or None.

        Args:
            owner: The owner for which the child was planned.
            action: The action.

        Raises:
            AdmissionFailed: If an admission webhook fails.
            Outdated: If the owner has changed: no one would delete a child that the new version does not need.
        """
        resource, metadata = action.resource, action.body["metadata"]
        await self._writer.check_current(owner)
        try:
            made, is_new = await self._writer.create(resource, action.body)
        except (Invalid, Forbidden, NotFound, Conflict) as error:
            return self._counts_still(resource, key_of(owner), error) or self.rejected(resource, error)
        if is_new:
            _log.info("created its %s", resource.kind)
        elif found := blocked_by(made, owner, resource, self._owner, self._reasons):
            return found
        elif self._lost_label(made, action) is not None:
            try:
                made = await self._writer.patch(resource, made, {"metadata": {"labels": metadata["labels"]}})
            except (Invalid, Forbidden) as error:
                return self.rejected(resource, error)
        if label := self._lost_label(made, action):
            message = f"Something takes the label {label} off its {resource.kind}: {_STRIPPED}."
            return StatusCause(self._reasons.rejected, message)
        self._writer.put(resource, made)
        return None

    async def change(self, owner: Object, action: PatchChild | ReplaceChild, subject: str | None = None) -> None:
        """Change a child, and note the correction. If another writer undoes it, the next one is delayed.

        Args:
            owner: The owner.
            action: The change.
            subject: Name of the child in messages; None for `its KIND`.
        """
        resource, child, now = action.resource, action.child, self._clock()
        key, uid = key_of(child), child["metadata"]["uid"]
        fields = tuple(f"spec.{field}" for field in action.fields) or ("metadata.annotations",)
        before = self.drift.of(owner, resource, key, uid, now)
        if before is not None and (set(before.fields) != set(fields) or before.stands(child)):
            before = None  # This is a new correction: no writer has undone the earlier one.
        who, refusal = tuple[str, ...](), None
        if before is not None:
            who = writers(await self._writer.kube.get(resource, *key), action.fields, LEADER_MANAGER)
        try:
            if isinstance(action, PatchChild):
                made = await self._writer.patch(resource, child, _merge_patch(action))
            else:
                made = await self._writer.replace(resource, child, action.replacement)
            self._writer.put(resource, made)
            _log.info("changed %s: %s", subject or f"its {resource.kind}", ", ".join(fields))
        except REFUSALS as error:
            refusal = error.message
        known = self._writer.store.get(resource, key)
        stored = known["spec"] if known else {}
        if isinstance(action, PatchChild):
            if refusal is None and known:
                self._note_overruled(owner, action, known)
            if not action.spec:
                if refusal is None and known and _has_annotations(known, action):
                    return
                refusal = refusal or f"Something takes that away: {_STRIPPED}."
        required = action.required
        spec = {name: _overlaid(stored.get(name), required.get(name, _ANY)) for name in action.fields}
        facts: dict[str, Any] = {"writers": who, "refusal": refusal, "spec": spec}
        self.drift.record(owner, resource, child, now, fields=fields, before=before, subject=subject, **facts)

    async def delete(self, owner: Object, action: DeleteChild) -> bool:
        """Delete a child; return whether the API server accepts it. After a refusal, the next deletion is delayed.

        Args:
            owner: The owner.
            action: The deletion.
        """
        resource, key, now = action.resource, key_of(action.child), self._clock()
        try:
            await self._writer.delete(resource, action.child, "Foreground" if action.foreground else "Background")
        except REFUSALS as error:
            before = self.drift.of(owner, resource, key, action.child["metadata"]["uid"], now)
            before = before if before and before.fields == _DELETION else None
            child, refusal = action.child, error.message
            self.drift.record(owner, resource, child, now, fields=_DELETION, before=before, refusal=refusal)
            return False
        self._deleted.setdefault(key_of(owner), {})[resource] = now
        if action.foreground:
            await self._writer.refresh(resource, key, action.child)
        _log.info("deleted its %s, which %s", resource.kind, action.why)
        return True

    async def refresh(self, key: Key) -> None:
        """Read the children of an owner again, because the API server has a change that no watch has reported.

        Args:
            key: Key of the owner.
        """
        for child in self._table:
            await self._writer.refresh(child.resource, key, self._writer.store.find(child, key).get(key))

    def forget(self, key: Key) -> None:
        """Forget the corrections and deletions of the children of an owner.

        Args:
            key: Key of the owner.
        """
        self.drift.forget(key)
        self._deleted.pop(key, None)

    def rejected(self, resource: Resource, error: ApiError) -> StatusCause:
        """Return the cause that the API server refuses a child.

        Args:
            resource: The resource of the child.
            error: The error of the API server.
        """
        reason = self._reasons.webhook_failed if isinstance(error, AdmissionFailed) else self._reasons.rejected
        return StatusCause(reason, f"The API server refuses its {resource.kind}: {self._explain(clean(error.message))}")

    def _lost_label(self, made: Object, action: CreateChild) -> str | None:
        """Return the label with the owner's name if a child lacks it, or None."""
        label = next(one.label for one in self._table if one.resource == action.resource)
        wanted = action.body["metadata"]["labels"][label]
        return label if (made["metadata"].get("labels") or {}).get(label) != wanted else None

    def _counts_still(self, resource: Resource, key: Key, error: ApiError) -> StatusCause | None:
        """Return the cause `cleanup` if a quota may still count a recently deleted child, or None."""
        deleted = self._deleted.get(key, {}).get(resource)
        if deleted is None or _QUOTA not in error.message:
            return None
        if self._clock() >= deleted + timedelta(seconds=QUOTA_SECONDS):
            return None
        message = f"A quota may still count its deleted {resource.kind}: {clean(error.message)}"
        return StatusCause(self._reasons.cleanup, message)

    def _note_overruled(self, owner: Object, action: PatchChild, known: Object) -> None:
        """Note the values that the API server keeps after a patch, so that the same values are not sent again."""
        kept = {name: Overruled(value, known["spec"].get(name)) for name, value in action.intent.items()}
        if others := [f"spec.{name}" for name, value in kept.items() if value.intent != value.kept]:
            _log.warning(
                "the API server keeps another %s of its %s than Epochal sends", ", ".join(others), action.resource.kind
            )
        if kept:
            self.drift.note_overruled(key_of(owner), action.resource, known["metadata"]["uid"], kept)


_ANY = object()
"""Stands for a field that may have any stored value."""


def _overlaid(stored: Any, required: Any) -> Any:
    """Return the value that a field must keep: the stored value, with the required value or its parts."""
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
