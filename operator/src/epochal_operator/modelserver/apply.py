"""Do what a plan says, step by step, to the ModelServer that it was made for and to no other."""

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
from epochal_operator.runtime.corrections import Correction, Corrections, Overruled, writers
from epochal_operator.runtime.errors import REFUSALS, AdmissionFailed, ApiError, Conflict, Forbidden, Invalid, NotFound
from epochal_operator.runtime.kind import Owned, Term
from epochal_operator.runtime.kube import LEADER_MANAGER
from epochal_operator.runtime.reasons import clean
from epochal_operator.runtime.resource import DEPLOYMENTS, Key, Object, Resource, key_of
from epochal_operator.runtime.writer import Writer

_DELETION = ("its deletion",)
"""What was to be done, as people call it."""

_log = logging.getLogger(__name__)


class Applier:
    """Does the steps of plans.

    Args:
        term: What it works with.
        corrections: Takes what was put right.
        instance: Name of this process, for Events.
        clock: Returns the time, with a time zone.
    """

    def __init__(self, term: Term, corrections: Corrections, *, instance: str, clock: Callable[[], datetime]) -> None:
        self._writer = writer = Writer(term, MODEL_SERVERS, instance, clock)
        self._kube = writer.kube
        self._store = writer.store
        self._corrections = corrections
        self._clock = clock

    async def apply(self, document: Object, action: Action) -> dict[Resource, StatusCause]:
        """Does one step.

        Args:
            document: The ModelServer that it was planned for, as it is kept.
            action: The step.

        Returns:
            What is in the way of a child.

        Raises:
            ApiError: If the API server does not do its part.
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
        """Reads a ModelServer and what it owns anew: the API server knows of a change that has not been told yet.

        Args:
            key: Its namespace and name.
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
        """Raises Conflict if a ModelServer has changed: a watch may be late, and nobody would end a child of it."""
        now = await self._kube.get(MODEL_SERVERS, *key_of(document))
        if _differ(document["metadata"], now["metadata"]):
            raise Conflict(409, "Conflict", "the ModelServer is another one by now")

    async def _change(self, document: Object, action: Renew | Patch) -> None:
        """Puts a child right, and remembers it: what somebody undoes is done again later and later."""
        key, generation, now = key_of(document), document["metadata"]["generation"], self._clock()
        resource = DEPLOYMENTS if isinstance(action, Renew) else action.resource
        uid, refusal, who = action.thing["metadata"]["uid"], None, tuple[str, ...]()
        fields = ("template",) if isinstance(action, Renew) else tuple(action.spec)
        before = self._corrections.of(resource, key, uid, generation, now)
        if before is not None and (tuple(before.spec) != fields or before.stands(action.thing)):
            before = None  # Nobody has undone that: what is to be done now is something else.
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
        """Note the values that the API server keeps after a patch: the same intent is not sent to these again."""
        kept = {name: known["spec"].get(name) for name in action.intent if name not in Steering._fields}
        if others := [name for name, value in kept.items() if value != brief(action.intent[name])]:
            kind, names = action.resource.kind, ", ".join(f"spec.{name}" for name in others)
            _log.warning("the API server keeps another %s of its %s than Epochal sends", names, kind)
        if kept:
            fields = {name: Overruled(action.intent[name], value) for name, value in kept.items()}
            self._corrections.note_overruled(action.resource, key, known["metadata"]["uid"], fields)

    async def _delete(self, document: Object, action: Delete) -> None:
        """Deletes a child; if that is refused, it is tried again later and later, and all else is done meanwhile."""
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
        """Gives the Deployment another template, whoever wrote the one that it has."""
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
    """Returns that the API server refuses a child.

    Args:
        resource: The child's resource.
        error: What it said.
    """
    reason = Reason.WEBHOOK_FAILED if isinstance(error, AdmissionFailed) else Reason.REJECTED
    return StatusCause(reason, f"The API server refuses its {resource.kind}: {clean(error.message)}")


def _required(action: Renew | Patch, known: Object | None) -> dict[str, Any]:
    """Return the fields of a child's spec that must be as sent, since the status depends on them."""
    if isinstance(action, Renew):
        template = known["spec"]["template"] if known else {}
        return {"template": {**template, "inputs": inputs_of(action.body)}}
    return {name: sent for name, sent in action.spec.items() if name in Steering._fields}


def _bears_name(child: Object, labels: Object) -> bool:
    return bool((child["metadata"].get("labels") or {}).get(NAME_LABEL) == labels[NAME_LABEL])


def _bears(child: Object, action: Renew | Patch) -> bool:
    """Returns whether a child has the annotations that it was to be given."""
    wanted = action.annotations if isinstance(action, Patch) else {}
    return wanted.items() <= (child["metadata"].get("annotations") or {}).items()


def _differ(planned: Object, now: Object) -> bool:
    """Returns whether the metadata of a ModelServer is not that of the one that was planned for."""
    return any(planned.get(field) != now.get(field) for field in ("uid", "generation", "deletionTimestamp"))
