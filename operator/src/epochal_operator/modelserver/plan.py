"""The plan for a ModelServer: the actions that lead from the observed state to the desired state."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.modelserver.spec import ModelServer
from epochal_api.modelserver.status import ModelServerStatus, ServedModel

from epochal_operator.modelserver.cache_transform import brief
from epochal_operator.modelserver.children import DEPLOYMENT, url
from epochal_operator.modelserver.config import NoStorageEndpoint, is_converted
from epochal_operator.modelserver.deployment import (
    RESTARTED_ANNOTATION,
    TEMPLATE_ANNOTATION,
    inputs_of,
    renewed,
    rollout,
)
from epochal_operator.modelserver.events import events, not_convertible, of_spec
from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.phase import Phase, phase, refused
from epochal_operator.modelserver.pin import pinned
from epochal_operator.modelserver.pods import not_convertible as said_not_convertible
from epochal_operator.modelserver.pods import stuck_at, unscheduled_until
from epochal_operator.modelserver.reasons import Reason, StatusCause, effect
from epochal_operator.modelserver.source import Found, Gone, is_same, kept
from epochal_operator.modelserver.status import status
from epochal_operator.pods.installation import Installation
from epochal_operator.pods.mutable_fields import MutableFields
from epochal_operator.runtime.actions import (
    ApplyStatus,
    ChildAction,
    CreateChild,
    DeleteChild,
    EmitEvent,
    PatchChild,
    ReplaceChild,
)
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.events import Event
from epochal_operator.runtime.owners import ObservedChild

Action = ChildAction | EmitEvent | ApplyStatus[ModelServerStatus]
Plan = AnyPlan[Action]


def plan(server: ModelServer, observed: Observed, installation: Installation) -> Plan:
    """Return the plan for a ModelServer.

    Args:
        server: The ModelServer with its status so far.
        observed: The observed state of the ModelServer.
        installation: The settings with which Epochal was installed.
    """
    before = server.status or ModelServerStatus()
    if server.metadata.deletion_timestamp is not None:
        return Plan()
    known = pinned(observed.deployment, before.model)
    if observed.deployment is None and not is_same(server.spec.source, known):
        known = None  # This model was never served: an error blocked it until spec.source changed.
    model, waits = _model(server, observed, known)
    told: list[Action] = []
    if model is not None and (cause := _unconvertible(model, known, observed)):
        model = model.model_copy(update={"runtime": "Keras"})
        told = [EmitEvent(not_convertible(cause, model.sha256))]
    steps: list[ChildAction] = []
    try:
        if model is not None:
            wanted = [
                (seen, seen.child.build(server, model, installation)) for seen in observed.children if seen.child.build
            ]
            # The object of another owner blocks nothing if the ModelServer needs no such object.
            wanted = [(seen, body) for seen, body in wanted if body is not None or seen.thing is not None]
            observed = replace(observed, children=tuple(seen for seen, _ in wanted))
            steps = _steps(wanted, observed.now)
    except NoStorageEndpoint as error:
        cause = StatusCause(Reason.NO_STORAGE_ENDPOINT, str(error))
        if step := _mutable_step(MutableFields(replicas=server.spec.replicas, paused=server.spec.paused), observed):
            return Plan((step,))
        now = refused(cause, observed, known, server.spec.replicas)
        return _settle(server.metadata, before, now, observed, address=before.url)
    if steps:
        return Plan((*told, *steps))
    model = _described(model, observed)
    lacks_best = isinstance(observed.source, Found) and observed.source.lacks_best and before.model != model
    warnings = of_spec(server, before, lacks_best=lacks_best)
    now = phase(server, model, waits, observed)
    return _settle(server.metadata, before, now, observed, address=url(server) if model else None, warnings=warnings)


def refuse(
    metadata: Metadata, before: ModelServerStatus, message: str, observed: Observed, mutable: MutableFields
) -> Plan:
    """Return the plan for a ModelServer with an invalid spec: only its mutable fields are applied.

    Args:
        metadata: The metadata of the ModelServer.
        before: The status so far.
        message: The message of the validation error, which names the field.
        observed: The observed state of the ModelServer.
        mutable: The mutable fields of the spec.
    """
    if metadata.deletion_timestamp is not None:
        return Plan()
    deployment = observed.deployment
    if step := _mutable_step(mutable, observed):
        return Plan((step,))
    wanted = int(deployment["spec"].get("replicas") or 0) if deployment else 0
    known = pinned(deployment, before.model) if deployment else None
    now = refused(StatusCause(Reason.INVALID_SPEC, message), observed, known, wanted)
    return _settle(metadata, before, now, observed, address=before.url)


_AWAITED = frozenset({Reason.WAITS_FOR_TRAINING_JOB, Reason.WAITS_FOR_EXPERIMENT})


def _model(
    server: ModelServer, observed: Observed, known: ServedModel | None
) -> tuple[ServedModel | None, StatusCause | None]:
    """Return the model to serve, and the cause why it is not the model in `spec.source`; None if it is.

    Args:
        server: The ModelServer.
        observed: The observed state of the ModelServer.
        known: The model that the ModelServer serves already.
    """
    found = observed.source
    if isinstance(found, Found):
        return kept(found.model, known), None
    if isinstance(found, Gone):
        return known, None if is_same(server.spec.source, known, found) else found.cause
    # A training that was deleted, or runs again, does not affect the served model. A failed training is reported.
    passes = found is not None and found.reason in _AWAITED and is_same(server.spec.source, known)
    return known, None if passes else found


def _described(model: ServedModel | None, observed: Observed) -> ServedModel | None:
    """Return a model with its inputs and outputs, if a pod has reported them."""
    told = observed.told
    if model is None or told is None or told.sha256 != model.sha256:
        return model
    return model.model_copy(update={"inputs": [*told.inputs], "outputs": [*told.outputs]})


def _unconvertible(model: ServedModel, known: ServedModel | None, observed: Observed) -> StatusCause | None:
    """Return the cause that a model cannot be converted to ONNX, if a pod has reported it."""
    if known is None or known.sha256 != model.sha256 or not is_converted(model):
        return None
    return said_not_convertible(observed.current, observed.now)


def _steps(wanted: Iterable[tuple[ObservedChild, Object | None]], now: datetime) -> list[ChildAction]:
    """Return the actions that lead from the observed owned objects to the desired objects.

    Args:
        wanted: The observed state of each owned object, and its desired state.
        now: The current time, with a time zone.
    """
    steps: list[ChildAction] = []
    missing = False
    for seen, body in wanted:
        if seen.child is DEPLOYMENT and seen.thing is None and missing:
            break  # Without these objects, pods would be unprotected, or their address would be another owner's.
        missing |= _is_missing(seen)
        waits = seen.is_held(now) or _is_missing(seen)
        if not waits and (step := _step(seen, body)) is not None:
            steps.append(step)
    return steps


def _is_missing(seen: ObservedChild) -> bool:
    """Return whether an owned object does not exist because a cause blocks it."""
    return seen.thing is None and seen.blocked is not None


def _step(seen: ObservedChild, wanted: Object | None) -> ChildAction | None:
    thing, resource = seen.thing, seen.child.resource
    if thing is None:
        return CreateChild(resource, wanted) if wanted is not None else None
    if thing["metadata"].get("deletionTimestamp"):
        return None
    if wanted is None:
        return DeleteChild(resource, thing, "the ModelServer does not need any more")
    given, left_out = dict(wanted["metadata"].get("annotations") or {}), frozenset[str]()
    if seen.child is DEPLOYMENT:
        if _is_outdated(thing, wanted):
            required = {"template": {"inputs": inputs_of(wanted)}}
            return ReplaceChild(resource, thing, "template", partial(renewed, wanted=wanted), required)
        given |= _noted(thing)
        left_out = _OF_TEMPLATE
    fields = {name: value for name, value in wanted["spec"].items() if name not in left_out}
    found = {name: _comparable(thing["spec"].get(name)) for name in fields}
    kept = {name: (brief(value), thing["spec"].get(name)) for name, value in fields.items()}
    differ = [name for name, value in fields.items() if not _is_same(value, found[name])]
    spec = {name: _change(fields[name], found[name]) for name in differ if seen.overruled.get(name) != kept[name]}
    known = thing["metadata"].get("annotations") or {}
    annotations = {name: text for name, text in given.items() if known.get(name) != text}
    if not spec and not annotations:
        return None
    intent = {name: brief(fields[name]) for name in spec if name not in _MUTABLE}
    required = {name: sent for name, sent in spec.items() if name in _MUTABLE}
    return PatchChild(resource, thing, spec, annotations, intent, required)


_MUTABLE = ("replicas", "paused")
"""The mutable fields, which must be as sent, since the status depends on them."""


def _mutable_step(mutable: MutableFields, observed: Observed) -> PatchChild | None:
    """Return the patch of the mutable fields of the Deployment, or None: the spec is invalid or lacks the endpoint."""
    seen = next((one for one in observed.children if one.child is DEPLOYMENT), None)
    if seen is None or seen.thing is None or seen.is_held(observed.now):
        return None
    if seen.thing["metadata"].get("deletionTimestamp"):
        return None
    found = seen.thing["spec"]
    wanted = {"replicas": mutable.replicas, "paused": mutable.paused}
    known = {"replicas": found.get("replicas"), "paused": found.get("paused") or False}
    spec = {name: value for name, value in wanted.items() if value not in (None, known[name])}
    return PatchChild(seen.child.resource, seen.thing, spec, required=spec) if spec else None


_OF_TEMPLATE = frozenset({"template", "selector"})
"""Fields of a Deployment that change only with its template, or never."""


def _is_outdated(thing: Object, wanted: Object) -> bool:
    """Return whether a pod template has other inputs, was changed by another writer, or is restarted manually."""
    inputs = inputs_of(wanted)
    known, annotations = _noted(thing), thing["metadata"]["annotations"]
    # After a write, the annotations are missing until the next patch notes the template as stored.
    changed = any(annotations.get(name, text) != text for name, text in known.items())
    return changed or thing["spec"]["template"]["inputs"] != inputs


def _noted(thing: Object) -> dict[str, str]:
    """Return the annotations of a Deployment that describe its current pod template."""
    return {TEMPLATE_ANNOTATION: thing["spec"]["template"]["digest"], RESTARTED_ANNOTATION: thing["restarted"]}


def _is_same(wanted: Any, found: Any) -> bool:
    """Return whether a field has the desired value. A missing field is equal to false."""
    return bool(brief(wanted) == found) or (wanted is False and found is None)


def _change(wanted: Any, found: Any) -> Any:
    """Return the merge patch that gives a field its desired value. None removes a key."""
    if not isinstance(wanted, Mapping) or not isinstance(found, Mapping):
        return wanted
    parts = {name: _change(value, found.get(name)) for name, value in wanted.items() if value != found.get(name)}
    return dict.fromkeys(found.keys() - wanted.keys()) | parts


def _comparable(found: Any) -> Any:
    """Return a field without node ports, which the API server adds if another writer changes the type of a Service."""
    if not isinstance(found, list):
        return found
    return [{k: v for k, v in one.items() if k != "nodePort"} if isinstance(one, Mapping) else one for one in found]


def _settle(
    metadata: Metadata,
    before: ModelServerStatus,
    now: Phase,
    observed: Observed,
    *,
    address: str | None = None,
    warnings: Iterable[Event] = (),
) -> Plan:
    """Return the plan once the owned objects need no action: Events, the new status, and the next reconcile."""
    after = status(metadata, before, now, observed, address)
    again = _look_again(now, observed)
    if after == before:
        return Plan((), again)
    deployment = observed.deployment
    told = map(EmitEvent, (*events(before, after, rollout(deployment) if deployment else ""), *warnings))
    return Plan((*told, ApplyStatus(after)), again)


def _look_again(now: Phase, observed: Observed) -> float | None:
    """Return the seconds until a reconcile that no watch triggers, or None."""
    causes = [one.blocked for one in observed.children if one.blocked is not None]
    seconds = [effect(cause.reason).look_again_seconds for cause in (*causes, now.progress)]
    times = [one.held_until for one in observed.children if one.held_until is not None]
    times += [time for at in (stuck_at, unscheduled_until) for time in map(at, observed.current) if time is not None]
    seconds += [(time - observed.now).total_seconds() for time in times if time > observed.now]
    return min((one for one in seconds if one is not None), default=None)
