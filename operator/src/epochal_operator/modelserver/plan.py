"""The plan for a ModelServer: the actions that lead from the observed state to the desired state."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.modelserver.spec import ModelServer
from epochal_api.modelserver.status import ModelServerStatus, ServedModel

from epochal_operator.modelserver.cache_transform import value_or_digest
from epochal_operator.modelserver.children import DEPLOYMENT, url
from epochal_operator.modelserver.config import NoStorageEndpoint, is_converted
from epochal_operator.modelserver.deployment import replacement, rollout_id, template_inputs
from epochal_operator.modelserver.events import not_convertible, spec_warnings, transition_events
from epochal_operator.modelserver.model_annotation import metadata_key, pinned_model
from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.phase import Phase, blocked_phase, derive_phase
from epochal_operator.modelserver.pods import conversion_failure, node_deadline, scheduling_deadline
from epochal_operator.modelserver.reasons import Reason, StatusCause, effect
from epochal_operator.modelserver.resources import RESTARTED_ANNOTATION, TEMPLATE_ANNOTATION
from epochal_operator.modelserver.source import DeletedTrainingJob, ResolvedModel, is_model_of, keep_served
from epochal_operator.modelserver.status import derive_status
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
    earliest,
)
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.events import Event
from epochal_operator.runtime.owners import ObservedChild

Action = ChildAction | EmitEvent | ApplyStatus[ModelServerStatus]
Plan = AnyPlan[Action]


def make_plan(server: ModelServer, observed: Observed, installation: Installation) -> Plan:
    """Return the plan for a ModelServer: changes of its owned objects, or its status once they need no change."""
    before = server.status or ModelServerStatus()
    if server.metadata.deletion_timestamp is not None:
        return Plan()
    served = pinned_model(observed.deployment, before.model)
    if observed.deployment is None and not is_model_of(server.spec.source, served):
        served = None  # This model was never served: an error blocked it until spec.source changed.
    model, source_cause = _model(server, observed, served)
    events: list[Action] = []
    if model is not None and (cause := _conversion_failure(model, served, observed)):
        model = model.model_copy(update={"runtime": "Keras"})
        events = [EmitEvent(not_convertible(cause, model.sha256))]
    actions: list[ChildAction] = []
    try:
        if model is not None:
            desired = [
                (seen, seen.type.build(server, model, installation, observed))
                for seen in observed.children
                if seen.type.build
            ]
            # The object of another owner blocks nothing if the ModelServer needs no such object.
            desired = [(seen, body) for seen, body in desired if body is not None or seen.child is not None]
            observed = replace(observed, children=tuple(seen for seen, _ in desired))
            actions = _child_actions(desired, observed.now)
    except NoStorageEndpoint as error:
        cause = StatusCause(Reason.NO_STORAGE_ENDPOINT, str(error))
        mutable = MutableFields(replicas=server.spec.replicas, paused=server.spec.paused)
        blocked = blocked_phase(cause, observed, served, server.spec.replicas)
        return _blocked_plan(server.metadata, before, blocked, observed, mutable)
    if actions:
        return Plan((*events, *actions))
    model = _with_metadata(model, observed)
    is_best_missing = (
        isinstance(observed.source, ResolvedModel) and observed.source.is_best_missing and before.model != model
    )
    warnings = spec_warnings(server, before, is_best_missing=is_best_missing)
    after = derive_phase(server, model, source_cause, observed)
    address = url(server) if model else None
    return _status_plan(server.metadata, before, after, observed, address=address, warnings=warnings)


def invalid_plan(
    metadata: Metadata, before: ModelServerStatus, message: str, observed: Observed, mutable: MutableFields
) -> Plan:
    """Return the plan for a ModelServer with an invalid spec: apply its mutable fields, then report the error."""
    if metadata.deletion_timestamp is not None:
        return Plan()
    deployment = observed.deployment
    replicas = int(deployment["spec"].get("replicas") or 0) if deployment else 0
    served = pinned_model(deployment, before.model) if deployment else None
    blocked = blocked_phase(StatusCause(Reason.INVALID_SPEC, message), observed, served, replicas)
    return _blocked_plan(metadata, before, blocked, observed, mutable)


def _blocked_plan(
    metadata: Metadata, before: ModelServerStatus, blocked: Phase, observed: Observed, mutable: MutableFields
) -> Plan:
    """Return the plan for a ModelServer that cannot be reconciled.

    It patches the mutable fields of the Deployment. If they need no patch, it applies the status.
    """
    if patch := _mutable_patch(mutable, observed):
        return Plan((patch,))
    return _status_plan(metadata, before, blocked, observed, address=before.url)


_WAITS = frozenset({Reason.WAITS_FOR_TRAINING_JOB, Reason.WAITS_FOR_EXPERIMENT})


def _model(
    server: ModelServer, observed: Observed, served: ServedModel | None
) -> tuple[ServedModel | None, StatusCause | None]:
    """Return the model to serve, and the cause why the model in `spec.source` is not served (None if it is)."""
    source = observed.source
    if isinstance(source, ResolvedModel):
        return keep_served(source.model, served), None
    if isinstance(source, DeletedTrainingJob):
        return served, None if is_model_of(server.spec.source, served, source) else source.cause
    # A training that was deleted, or runs again, does not affect the served model. A failed training is reported.
    is_normal = source is not None and source.reason in _WAITS and is_model_of(server.spec.source, served)
    return served, None if is_normal else source


def _with_metadata(model: ServedModel | None, observed: Observed) -> ServedModel | None:
    """Return the model with the inputs and outputs that a pod has reported, or the unchanged model without a report."""
    metadata = observed.metadata
    if model is None or metadata is None or metadata.model != metadata_key(model):
        return model
    return model.model_copy(update={"inputs": [*metadata.inputs], "outputs": [*metadata.outputs]})


def _conversion_failure(model: ServedModel, served: ServedModel | None, observed: Observed) -> StatusCause | None:
    """Return the cause why a model cannot be converted to ONNX if a current pod has reported it, or None."""
    if served is None or served.sha256 != model.sha256 or not is_converted(model):
        return None
    return conversion_failure(observed.current_pods, observed.now)


def _child_actions(desired: Iterable[tuple[ObservedChild, Object | None]], now: datetime) -> list[ChildAction]:
    """Return the actions that lead from the observed owned objects to the desired objects."""
    actions: list[ChildAction] = []
    is_any_missing = False
    for seen, body in desired:
        if seen.type is DEPLOYMENT and seen.child is None and is_any_missing:
            break  # Without these objects, pods would be unprotected, or their address would be another owner's.
        is_missing = seen.child is None and seen.blocked is not None
        is_any_missing |= is_missing
        if not _is_held(seen, now) and not is_missing and (action := _child_action(seen, body)) is not None:
            actions.append(action)
    return actions


def _is_held(seen: ObservedChild, now: datetime) -> bool:
    """Return whether a child must not change now, because of its correction backoff or a reported conflict.

    A Job has no such wait for a conflict: its next change follows at once after a correction that is in place.
    """
    return any(time is not None and now < time for time in (seen.backoff_end, seen.blocked_until))


def _child_action(seen: ObservedChild, desired: Object | None) -> ChildAction | None:
    thing, resource = seen.child, seen.type.resource
    if thing is None:
        return CreateChild(resource, desired) if desired is not None else None
    if thing["metadata"].get("deletionTimestamp"):
        return None
    if desired is None:
        return DeleteChild(resource, thing, "the spec of the ModelServer no longer requires")
    annotations = dict(desired["metadata"].get("annotations") or {})
    excluded = frozenset[str]()
    if seen.type is DEPLOYMENT:
        if _is_outdated(thing, desired):
            required = {"template": {"inputs": template_inputs(desired)}}
            return ReplaceChild(resource, thing, "template", partial(replacement, desired=desired), required)
        annotations |= _template_annotations(thing)
        excluded = _TEMPLATE_FIELDS
    fields = {name: value for name, value in desired["spec"].items() if name not in excluded}
    live = {name: _without_node_ports(thing["spec"].get(name)) for name in fields}
    changed = [name for name, value in fields.items() if not _is_equal(value, live[name])]
    # The API server keeps another value of an overruled field than the operator sends.
    overruled = {
        name
        for name in changed
        if seen.stored_values.get(name) == (value_or_digest(fields[name]), thing["spec"].get(name))
    }
    spec = {name: _merge_patch(fields[name], live[name]) for name in changed if name not in overruled}
    live_annotations = thing["metadata"].get("annotations") or {}
    annotations = {name: text for name, text in annotations.items() if live_annotations.get(name) != text}
    if not spec and not annotations:
        return None
    desired = {name: value_or_digest(fields[name]) for name in spec if name not in _MUTABLE}
    required = {name: value for name, value in spec.items() if name in _MUTABLE}
    return PatchChild(resource, thing, spec, annotations, desired, required)


_MUTABLE = ("replicas", "paused")
"""The mutable fields of a Deployment. The API server must store the sent values, because the status depends on them."""
_TEMPLATE_FIELDS = frozenset({"template", "selector"})
"""Spec fields of a Deployment that no patch changes: `template` is replaced as a whole, and `selector` is immutable."""


def _mutable_patch(mutable: MutableFields, observed: Observed) -> PatchChild | None:
    """Return the patch of the Deployment's mutable fields, or None if no patch is needed or possible now."""
    seen = next((child for child in observed.children if child.type is DEPLOYMENT), None)
    if seen is None or seen.child is None or _is_held(seen, observed.now):
        return None
    if seen.child["metadata"].get("deletionTimestamp"):
        return None
    live = {"replicas": seen.child["spec"].get("replicas"), "paused": seen.child["spec"].get("paused") or False}
    desired = {"replicas": mutable.replicas, "paused": mutable.paused}
    spec = {name: value for name, value in desired.items() if value not in (None, live[name])}
    return PatchChild(seen.type.resource, seen.child, spec, required=spec) if spec else None


def _is_outdated(thing: Object, desired: Object) -> bool:
    """Return whether the operator must replace the pod template of a Deployment.

    It must if the inputs have changed, another writer has changed the template, or a user has restarted the pods
    with `kubectl rollout restart`.
    """
    annotations = thing["metadata"]["annotations"]
    # After a write, the annotations are missing until the next patch notes the template as stored.
    is_changed = any(annotations.get(name, text) != text for name, text in _template_annotations(thing).items())
    return is_changed or thing["spec"]["template"]["inputs"] != template_inputs(desired)


def _template_annotations(thing: Object) -> dict[str, str]:
    """Return the annotations of a Deployment for its stored pod template: its digest, and its last manual restart."""
    return {TEMPLATE_ANNOTATION: thing["spec"]["template"]["digest"], RESTARTED_ANNOTATION: thing["restarted"]}


def _is_equal(desired: Any, live: Any) -> bool:
    """Return whether a field of the cached object has the desired value. A missing field is equal to False."""
    return bool(value_or_digest(desired) == live) or (desired is False and live is None)


def _merge_patch(desired: Any, live: Any) -> Any:
    """Return the merge patch that gives a field its desired value. None removes a key."""
    if not isinstance(desired, Mapping) or not isinstance(live, Mapping):
        return desired
    changed = {name: _merge_patch(value, live.get(name)) for name, value in desired.items() if value != live.get(name)}
    return dict.fromkeys(live.keys() - desired.keys()) | changed


def _without_node_ports(value: Any) -> Any:
    """Return a spec field without `nodePort`, which the API server adds if a writer changes the type of a Service."""
    if not isinstance(value, list):
        return value
    return [{k: v for k, v in item.items() if k != "nodePort"} if isinstance(item, Mapping) else item for item in value]


def _status_plan(
    metadata: Metadata,
    before: ModelServerStatus,
    phase: Phase,
    observed: Observed,
    *,
    address: str | None,
    warnings: Iterable[Event] = (),
) -> Plan:
    """Return the plan once the owned objects need no action: Events, the new status, and the next reconcile."""
    after = derive_status(metadata, before, phase, observed, address)
    requeue_after = _requeue_after(phase, observed)
    if after == before:
        return Plan((), requeue_after)
    deployment = observed.deployment
    events = (*transition_events(before, after, rollout_id(deployment) if deployment else ""), *warnings)
    return Plan((*map(EmitEvent, events), ApplyStatus(after)), requeue_after)


def _requeue_after(phase: Phase, observed: Observed) -> float | None:
    """Return the seconds until the next reconcile because of a deadline or a blocking cause, or None without either."""
    causes = [child.blocked for child in observed.children if child.blocked is not None]
    seconds = [effect(cause.reason).requeue_after for cause in (*causes, phase.progress)]
    times = [time for child in observed.children for time in (child.backoff_end, child.blocked_until)]
    times += [deadline(pod) for deadline in (node_deadline, scheduling_deadline) for pod in observed.current_pods]
    seconds += [(time - observed.now).total_seconds() for time in times if time is not None and time > observed.now]
    return earliest(seconds)
