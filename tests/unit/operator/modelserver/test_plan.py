"""The actions for the difference between the desired and the observed state of a ModelServer."""

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from epochal_api.modelserver.status import ModelServerStatus, Tensor
from epochal_operator.modelserver.model_annotation import metadata_key
from epochal_operator.modelserver.observed import ModelMetadata
from epochal_operator.modelserver.plan import invalid_plan, make_plan
from epochal_operator.modelserver.reasons import Reason, StatusCause
from epochal_operator.pods.mutable_fields import MutableFields
from epochal_operator.runtime.actions import (
    ApplyStatus,
    CreateChild,
    EmitEvent,
    PatchChild,
    ReplaceChild,
)

from tests.unit.operator.modelserver.servers import CONVERTED, MODEL, UID, live_deployment, observe, rolled_out, server
from tests.unit.operator.objects import INSTALLATION, NOW, at

WITH_RULES = replace(INSTALLATION, server_network={"ingress": []})
SELECTOR = {"epochal.dev/modelserver": "digits", "epochal.dev/modelserver-uid": UID}


def actions(one: Any, observed: Any, installation: Any = INSTALLATION) -> Any:
    """Return the planned actions without Events."""
    return [action for action in make_plan(one, observed, installation).actions if not isinstance(action, EmitEvent)]


def changed(observed: Any, kind: str, **spec: Any) -> Any:
    """Return the observed state with changed spec fields of a child; None removes a field."""
    children = []
    for one in observed.children:
        if one.type.resource.kind == kind:
            thing = copy.deepcopy({**one.child})
            fields = {**thing["spec"], **spec}
            thing["spec"] = {name: value for name, value in fields.items() if value is not None}
            children.append(replace(one, child=thing))
        else:
            children.append(one)
    return replace(observed, children=tuple(children))


def taken(observed: Any, kind: str) -> Any:
    """Return the observed state with a blocked child."""
    conflict = StatusCause(Reason.NAME_CONFLICT, "taken")
    children = [
        replace(one, child=None, blocked=conflict) if one.type.resource.kind == kind else one
        for one in observed.children
    ]
    return replace(observed, children=tuple(children))


def test_missing_children_are_created_in_order() -> None:
    made = actions(server(autoscaling={"maxReplicas": 3}), observe(None), WITH_RULES)
    assert [(type(one), one.resource.kind) for one in made] == [
        (CreateChild, "NetworkPolicy"),
        (CreateChild, "Service"),
        (CreateChild, "PodDisruptionBudget"),
        (CreateChild, "Deployment"),
        (CreateChild, "HorizontalPodAutoscaler"),
    ]


@pytest.mark.parametrize(
    ("kind", "found", "patch"),
    [
        ("Service", {"selector": SELECTOR | {"app": "x"}}, {"selector": {"app": None}}),
        ("Service", {"selector": None}, {"selector": SELECTOR}),
        ("Service", {"selector": {"epochal.dev/modelserver": "digits"}},
         {"selector": {"epochal.dev/modelserver-uid": UID}}),
        ("PodDisruptionBudget", {"maxUnavailable": 3}, {"maxUnavailable": 1}),
        ("Deployment", {"replicas": 7}, {"replicas": 1}),
        ("Deployment", {"paused": True}, {"paused": False}),
        ("Deployment", {"strategy": {"type": "Recreate"}},
         {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}}),
    ],
)  # fmt: skip
def test_changed_fields_are_patched(kind: str, found: Any, patch: Any) -> None:
    (only,) = actions(server(), changed(observe(live_deployment(**rolled_out())), kind, **found))
    assert isinstance(only, PatchChild)
    assert (only.resource.kind, only.spec, only.annotations) == (kind, patch, {})


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("Service", {"type": "NodePort", "clusterIP": "10.0.0.1"}),
        ("Service", {"ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP",
                                "appProtocol": "http", "nodePort": 30080}]}),
        ("Deployment", {"minReadySeconds": 5}),
        ("Deployment", {"paused": None}),
    ],
)  # fmt: skip
def test_fields_of_other_writers_are_kept(kind: str, found: Any) -> None:
    assert [
        type(one) for one in actions(server(), changed(observe(live_deployment(**rolled_out())), kind, **found))
    ] == [ApplyStatus]


def test_written_template_is_annotated() -> None:
    fresh = live_deployment(**rolled_out())
    del fresh["metadata"]["annotations"]["epochal.dev/template-sha256"]
    (only,) = actions(server(), observe(fresh))
    assert isinstance(only, PatchChild)
    assert (only.spec, set(only.annotations)) == ({}, {"epochal.dev/template-sha256"})


def test_changed_template_is_replaced() -> None:
    edited = live_deployment(**rolled_out())
    edited["spec"]["template"]["spec"]["containers"][0]["image"] = "another"
    (only,) = actions(server(), observe(edited))
    assert isinstance(only, ReplaceChild)


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("Service", ["PodDisruptionBudget"]),
        ("PodDisruptionBudget", ["Service"]),
        ("HorizontalPodAutoscaler", ["Service", "PodDisruptionBudget", "Deployment"]),
    ],
)
def test_deployment_waits_for_blocked_children(kind: str, made: list[str]) -> None:
    one = server(autoscaling={"maxReplicas": 3})
    assert [step.resource.kind for step in actions(one, taken(observe(None), kind))] == made


def test_blocked_child_does_not_block_existing_deployment() -> None:
    (only,) = actions(server(replicas=3), taken(observe(live_deployment(**rolled_out())), "Service"))
    assert isinstance(only, PatchChild)
    assert only.spec == {"replicas": 3}


def test_deleted_deployment_is_not_patched() -> None:
    going = live_deployment(**rolled_out())
    going["metadata"]["deletionTimestamp"] = at(0)
    assert [type(one) for one in actions(server(replicas=3), observe(going, of=server(replicas=3)))] == [ApplyStatus]


@pytest.mark.parametrize(("held", "seconds"), [(NOW + timedelta(seconds=4), 4), (NOW - timedelta(seconds=4), None)])
def test_child_is_patched_after_its_backoff(held: Any, seconds: float | None) -> None:
    observed = changed(observe(live_deployment(**rolled_out())), "Deployment", replicas=7)
    children = [replace(one, backoff_end=held) if one.type.resource.kind == "Deployment" else one
                for one in observed.children]  # fmt: skip
    todo = make_plan(server(), replace(observed, children=tuple(children)), INSTALLATION)
    assert todo.requeue_after == seconds
    assert isinstance(todo.actions[-1], ApplyStatus if seconds else PatchChild)


def test_status_contains_reported_tensors() -> None:
    metadata = ModelMetadata(metadata_key(MODEL), (Tensor(name="image", shape=[28], dtype="uint8"),), ())
    (only,) = actions(server(), replace(observe(live_deployment(**rolled_out())), metadata=metadata))
    assert [one.name for one in only.status.model.inputs] == ["image"]
    (other,) = actions(
        server(),
        replace(observe(live_deployment(**rolled_out())), metadata=replace(metadata, model=metadata_key(CONVERTED))),
    )
    assert other.status.model.inputs is None


def test_unserved_model_is_dropped_when_the_source_changes() -> None:
    status = {"model": MODEL.model_copy(update={"training_job_name": "mnist", "model": "Best"}).model_dump(mode="json")}
    waits = StatusCause(Reason.WAITS_FOR_TRAINING_JOB, "There is none.")
    for asked, made in (("mnist", [CreateChild] * 3), ("other", [])):
        one = server(status, source={"trainingJobRef": {"name": asked}})
        assert [
            type(step) for step in actions(one, observe(None, source=waits)) if isinstance(step, CreateChild)
        ] == made


@pytest.mark.parametrize(
    ("mutable", "spec", "changes"),
    [
        (MutableFields(), {"replicas": 2, "paused": True}, []),
        (MutableFields(replicas=2, paused=False), {"replicas": 2, "paused": None}, []),
        (MutableFields(replicas=0, paused=False), {"replicas": 2}, [{"replicas": 0}]),
        (MutableFields(replicas=2, paused=False), {"replicas": 2, "paused": True}, [{"paused": False}]),
        (MutableFields(replicas=3, paused=True), {"replicas": 2}, [{"replicas": 3, "paused": True}]),
    ],
)
def test_mutable_fields_of_an_invalid_spec_apply(mutable: MutableFields, spec: Any, changes: Any) -> None:
    observed = changed(observe(live_deployment(**rolled_out())), "Deployment", **spec)
    actions = invalid_plan(server().metadata, ModelServerStatus(), "spec.new: unknown", observed, mutable).actions
    assert [one.spec for one in actions if isinstance(one, PatchChild)] == changes
