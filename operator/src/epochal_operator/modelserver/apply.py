"""Apply the actions of a plan to the ModelServer for which the plan was made."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from epochal_api.modelserver_status import ModelServerStatus

from epochal_operator.modelserver.actions import Action, Create, Delete, Patch, Renew
from epochal_operator.modelserver.deployment import inputs_of, renewed
from epochal_operator.modelserver.labels import NAME_LABEL
from epochal_operator.modelserver.observed import blocked_by
from epochal_operator.modelserver.owned import CHILDREN
from epochal_operator.modelserver.reasons import Reason, StatusCause
from epochal_operator.modelserver.resources import MODEL_SERVERS, owned
from epochal_operator.modelserver.steering import Steering
from epochal_operator.modelserver.trim import brief
from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
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
from epochal_operator.runtime.api.resource import DEPLOYMENTS, Key, Object, Resource, key_of
from epochal_operator.runtime.corrections import Correction, Corrections, Overruled, writers
from epochal_operator.runtime.kind import Owned, Term
from epochal_operator.runtime.reasons import clean
from epochal_operator.runtime.writer import Writer

_DELETION = ("its deletion",)
"""The fields of a correction that is a deletion, as shown to users."""

_log = logging.getLogger(__name__)


class Applier:
    """Applies the actions of plans.

    Args:
        term: The clients and the object store of one leader term.
        corrections: The backoff of drift corrections; receives each correction.
        instance: Name of this process, for Events.
        clock: Returns the current time, with a time zone.
    """

    def __init__(self, term: Term, corrections: Corrections, *, instance: str, clock: Callable[[], datetime]) -> None:
        self._writer = writer = Writer(term, MODEL_SERVERS, instance, clock)
        self._kube = writer.kube
        self._store = writer.store
        self._corrections = corrections
        self._clock = clock

    async def apply(self, document: Object, action: Action) -> dict[Resource, StatusCause]:
        """Apply one action of a plan.

        Args:
            document: The ModelServer for which the action was planned, as cached.
            action: The action.

        Returns:
            The cause that blocks an owned object, by resource; empty if nothing blocks the action.

        Raises:
            ApiError: If a request to the API server fails.
        """
        match action:
            case Create():
                found = await self._create(document, action)
                return {action.resource: found} if found else {}
            case Renew() | Patch():
                await self._change(document, action)
            case Delete():
                await self._delete(document, action)
            case ApplyStatus():
                await self._apply_status(document, action)
            case EmitEvent():
                await self._writer.emit(action.event, document)
        return {}

    async def refresh(self, key: Key) -> None:
        """Read a ModelServer and its owned objects from the API server again: the watch has not reported a change yet.

        Args:
            key: Namespace and name of the ModelServer.
        """
        await self._writer.refresh(MODEL_SERVERS, key, self._store.get(MODEL_SERVERS, key))
        for child in CHILDREN:
            await self._writer.refresh(child.resource, key, self._store.find(owned(child), key).get(key))

    async def _create(self, document: Object, action: Create) -> StatusCause | None:
        resource, labels = action.resource, action.body["metadata"]["labels"]
        await self._check_current(document)
        try:
            made, is_new = await self._writer.create(resource, action.body)
        except (Invalid, Forbidden, NotFound, Conflict) as error:
            return rejected(resource, error)
        if is_new:
            _log.info("created its %s", resource.kind)
        elif found := blocked_by(made, document["metadata"]["uid"], resource.kind):
            return found
        elif not _bears_name(made, labels):
            try:
                made = await self._writer.patch(resource, made, {"metadata": {"labels": labels}})
            except (Invalid, Forbidden) as error:
                return rejected(resource, error)
        if not _bears_name(made, labels):
            where = f"the label {NAME_LABEL} off its {resource.kind}"
            message = f"Something takes {where}: an admission webhook or policy, perhaps."
            return StatusCause(Reason.REJECTED, message)
        self._writer.put(resource, made)
        return None

    async def _check_current(self, document: Object) -> None:
        """Raise Conflict if a ModelServer has changed. The cache may be late, and nothing would delete a new object."""
        now = await self._kube.get(MODEL_SERVERS, *key_of(document))
        if _differ(document["metadata"], now["metadata"]):
            raise Conflict(409, "Conflict", "the ModelServer is another one by now")

    async def _change(self, document: Object, action: Renew | Patch) -> None:
        """Correct an owned object, and note the correction. If another writer undoes it, the next one is delayed."""
        key, generation, now = key_of(document), document["metadata"]["generation"], self._clock()
        resource = DEPLOYMENTS if isinstance(action, Renew) else action.resource
        uid, refusal, who = action.thing["metadata"]["uid"], None, tuple[str, ...]()
        fields = ("template",) if isinstance(action, Renew) else tuple(action.spec)
        before = self._corrections.of(resource, key, uid, generation, now)
        if before is not None and (tuple(before.spec) != fields or before.stands(action.thing)):
            before = None  # This is a new correction: no writer has undone the earlier one.
        if before is not None:
            who = writers(await self._kube.get(resource, *key), fields, LEADER_MANAGER)
        try:
            made = await (self._renew(action) if isinstance(action, Renew) else self._patch(action))
            self._writer.put(resource, made)
            _log.info("changed its %s: %s", resource.kind, ", ".join(fields) or "annotations")
        except REFUSALS as error:
            refusal = error.message
        known = self._store.find(Owned(resource, NAME_LABEL), key).get(key)
        if refusal is None and known is not None and isinstance(action, Patch):
            self._note_overruled(key, action, known)
        if not fields:
            if refusal is None and known and _bears(known, action):
                return
            refusal = refusal or "Something takes that away: an admission webhook or policy, perhaps."
        spec = {name: known["spec"].get(name) if known else None for name in fields} | _required(action, known)
        times = before.times + 1 if before else 1
        named = tuple(f"spec.{field}" for field in fields) or ("metadata.annotations",)
        done = Correction(uid, generation, times, now, named, who, refusal, resource.kind, spec)
        self._corrections.note(resource, key, done)

    def _note_overruled(self, key: Key, action: Patch, known: Object) -> None:
        """Note the values that the API server keeps after a patch, so that the same values are not sent again."""
        kept = {name: known["spec"].get(name) for name in action.intent if name not in Steering._fields}
        if others := [name for name, value in kept.items() if value != brief(action.intent[name])]:
            kind, names = action.resource.kind, ", ".join(f"spec.{name}" for name in others)
            _log.warning("the API server keeps another %s of its %s than Epochal sends", names, kind)
        if kept:
            fields = {name: Overruled(action.intent[name], value) for name, value in kept.items()}
            self._corrections.note_overruled(action.resource, key, known["metadata"]["uid"], fields)

    async def _delete(self, document: Object, action: Delete) -> None:
        """Delete an owned object. After a refusal it is deleted again with backoff, and other actions continue."""
        resource, key, thing = action.resource, key_of(document), action.thing
        uid, generation, now = thing["metadata"]["uid"], document["metadata"]["generation"], self._clock()
        try:
            await self._writer.delete(resource, thing)
        except REFUSALS as error:
            before = self._corrections.of(resource, key, uid, generation, now)
            times = before.times + 1 if before and before.fields == _DELETION else 1
            refused = Correction(uid, generation, times, now, _DELETION, (), error.message, resource.kind)
            self._corrections.note(resource, key, refused)
            return
        self._writer.remove(resource, thing)
        _log.info("deleted its %s, which is needed no more", resource.kind)

    async def _renew(self, action: Renew) -> Object:
        """Replace the pod template of the Deployment, even if another writer has changed it."""
        live = await self._kube.get(DEPLOYMENTS, *key_of(action.thing))
        if live["metadata"]["uid"] != action.thing["metadata"]["uid"]:
            raise Conflict(409, "Conflict", "the Deployment is another one by now")
        return await self._kube.replace(DEPLOYMENTS, renewed(live, action.body), manager=LEADER_MANAGER)

    async def _patch(self, action: Patch) -> Object:
        patch: dict[str, Any] = {"spec": dict(action.spec)} if action.spec else {}
        if action.annotations:
            patch["metadata"] = {"annotations": dict(action.annotations)}
        return await self._writer.patch(action.resource, action.thing, patch)

    async def _apply_status(self, document: Object, action: ApplyStatus[ModelServerStatus]) -> None:
        await self._writer.apply_status(document, action.status.dump())
        if action.status.state != (document.get("status") or {}).get("state"):
            _log.info("is %s", action.status.state)


def rejected(resource: Resource, error: ApiError) -> StatusCause:
    """Return the cause that the API server refuses an owned object.

    Args:
        resource: The resource of the owned object.
        error: The error of the API server.
    """
    reason = Reason.WEBHOOK_FAILED if isinstance(error, AdmissionFailed) else Reason.REJECTED
    return StatusCause(reason, f"The API server refuses its {resource.kind}: {clean(error.message)}")


def _required(action: Renew | Patch, known: Object | None) -> dict[str, Any]:
    """Return the spec fields of an owned object that must be as sent, since the status depends on them."""
    if isinstance(action, Renew):
        template = known["spec"]["template"] if known else {}
        return {"template": {**template, "inputs": inputs_of(action.body)}}
    return {name: sent for name, sent in action.spec.items() if name in Steering._fields}


def _bears_name(child: Object, labels: Object) -> bool:
    return bool((child["metadata"].get("labels") or {}).get(NAME_LABEL) == labels[NAME_LABEL])


def _bears(child: Object, action: Renew | Patch) -> bool:
    """Return whether an owned object has the annotations of an action."""
    wanted = action.annotations if isinstance(action, Patch) else {}
    return wanted.items() <= (child["metadata"].get("annotations") or {}).items()


def _differ(planned: Object, now: Object) -> bool:
    """Return whether the metadata of a ModelServer differs from the metadata for which an action was planned."""
    return any(planned.get(field) != now.get(field) for field in ("uid", "generation", "deletionTimestamp"))
