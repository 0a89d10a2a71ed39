"""What to do about a ModelServer: the difference between what should be and what is."""

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from epochal_api.modelserver.status import ModelServerStatus, Tensor
from epochal_operator.modelserver.observed import ModelMetadata
from epochal_operator.modelserver.plan import invalid_plan, plan
from epochal_operator.modelserver.reasons import Reason, StatusCause
from epochal_operator.pods.mutable_fields import MutableFields
from epochal_operator.runtime.actions import (
    ApplyStatus,
    CreateChild,
    DeleteChild,
    EmitEvent,
    PatchChild,
    ReplaceChild,
)

from tests.unit.operator.modelserver.servers import MODEL, UID, done, live, seen, server
from tests.unit.operator.objects import INSTALLATION, NOW, at

WITH_RULES = replace(INSTALLATION, server_network={"ingress": []})
SELECTOR = {"epochal.dev/modelserver": "digits", "epochal.dev/modelserver-uid": UID}


def steps(one: Any, observed: Any, installation: Any = INSTALLATION) -> Any:
    """Returns what is planned but for Events."""
    return [action for action in plan(one, observed, installation).actions if not isinstance(action, EmitEvent)]


def changed(observed: Any, kind: str, **spec: Any) -> Any:
    """Returns what is seen, with fields of the spec of something that is owned changed; None takes one away."""
    children = []
    for one in observed.children:
        if one.child.resource.kind == kind:
            thing = copy.deepcopy({**one.thing})
            fields = {**thing["spec"], **spec}
            thing["spec"] = {name: value for name, value in fields.items() if value is not None}
            children.append(replace(one, thing=thing))
        else:
            children.append(one)
    return replace(observed, children=tuple(children))


def taken(observed: Any, kind: str) -> Any:
    """Returns a moment at which something is in the way of a child."""
    conflict = StatusCause(Reason.NAME_CONFLICT, "taken")
    children = [
        replace(one, thing=None, blocked=conflict) if one.child.resource.kind == kind else one
        for one in observed.children
    ]
    return replace(observed, children=tuple(children))


def test_what_is_not_there_is_created_and_pods_last() -> None:
    made = steps(server(autoscaling={"maxReplicas": 3}), seen(None), WITH_RULES)
    assert [(type(one), one.resource.kind) for one in made] == [
        (CreateChild, "NetworkPolicy"),
        (CreateChild, "Service"),
        (CreateChild, "PodDisruptionBudget"),
        (CreateChild, "Deployment"),
        (CreateChild, "HorizontalPodAutoscaler"),
    ]


def test_what_is_as_it_should_be_is_left_alone() -> None:
    (only,) = steps(server(), seen(live(**done())))
    assert isinstance(only, ApplyStatus)


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
def test_what_somebody_changes_is_put_right(kind: str, found: Any, patch: Any) -> None:
    (only,) = steps(server(), changed(seen(live(**done())), kind, **found))
    assert isinstance(only, PatchChild)
    assert (only.resource.kind, only.spec, only.annotations) == (kind, patch, {})


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("Service", {"type": "NodePort", "clusterIP": "10.0.0.1"}),
        ("Service", {"ports": [{"name": name, "port": port, "targetPort": name, "protocol": "TCP",
                                "appProtocol": name, "nodePort": 30000 + port}
                               for name, port in (("http", 80), ("https", 443))]}),
        ("Deployment", {"minReadySeconds": 5}),
        ("Deployment", {"paused": None}),
    ],
)  # fmt: skip
def test_what_it_has_no_opinion_on_is_others_to_write(kind: str, found: Any) -> None:
    assert [type(one) for one in steps(server(), changed(seen(live(**done())), kind, **found))] == [ApplyStatus]


def test_a_template_that_was_just_written_is_noted() -> None:
    fresh = live(**done())
    del fresh["metadata"]["annotations"]["epochal.dev/template-sha256"]
    (only,) = steps(server(), seen(fresh))
    assert isinstance(only, PatchChild)
    assert (only.spec, set(only.annotations)) == ({}, {"epochal.dev/template-sha256"})


def test_a_template_that_somebody_has_changed_is_written_anew() -> None:
    edited = live(**done())
    edited["spec"]["template"]["spec"]["containers"][0]["image"] = "another"
    (only,) = steps(server(), seen(edited))
    assert isinstance(only, ReplaceChild)


def test_what_is_needed_no_more_is_deleted() -> None:
    scaled = seen(live(**done()), of=server(autoscaling={"maxReplicas": 3}))
    (only,) = steps(server(), scaled)
    assert isinstance(only, DeleteChild)
    assert only.resource.kind == "HorizontalPodAutoscaler"


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("Service", ["PodDisruptionBudget"]),
        ("PodDisruptionBudget", ["Service"]),
        ("HorizontalPodAutoscaler", ["Service", "PodDisruptionBudget", "Deployment"]),
    ],
)
def test_no_pod_is_made_while_something_is_in_the_way_of_what_comes_before_it(kind: str, made: list[str]) -> None:
    one = server(autoscaling={"maxReplicas": 3})
    assert [step.resource.kind for step in steps(one, taken(seen(None), kind))] == made


def test_what_is_in_the_way_of_one_holds_up_no_pods_that_are_there() -> None:
    (only,) = steps(server(replicas=3), taken(seen(live(**done())), "Service"))
    assert isinstance(only, PatchChild)
    assert only.spec == {"replicas": 3}


def test_what_goes_is_waited_for() -> None:
    going = live(**done())
    going["metadata"]["deletionTimestamp"] = at(0)
    assert [type(one) for one in steps(server(replicas=3), seen(going, of=server(replicas=3)))] == [ApplyStatus]


@pytest.mark.parametrize(("held", "seconds"), [(NOW + timedelta(seconds=4), 4), (NOW - timedelta(seconds=4), None)])
def test_what_somebody_undoes_waits_ever_longer(held: Any, seconds: float | None) -> None:
    observed = changed(seen(live(**done())), "Deployment", replicas=7)
    children = [replace(one, held_until=held) if one.child.resource.kind == "Deployment" else one
                for one in observed.children]  # fmt: skip
    todo = plan(server(), replace(observed, children=tuple(children)), INSTALLATION)
    assert todo.requeue_after == seconds
    assert isinstance(todo.actions[-1], ApplyStatus if seconds else PatchChild)


def test_of_a_model_that_a_pod_has_told_of_the_status_tells() -> None:
    told = ModelMetadata(MODEL.sha256, (Tensor(name="image", shape=[28], dtype="uint8"),), ())
    (only,) = steps(server(), replace(seen(live(**done())), metadata=told))
    assert [one.name for one in only.status.model.inputs] == ["image"]
    (other,) = steps(server(), replace(seen(live(**done())), metadata=replace(told, sha256="f" * 64)))
    assert other.status.model.inputs is None


def test_a_model_that_was_never_served_is_not_while_another_is_waited_for() -> None:
    status = {"model": MODEL.model_copy(update={"training_job_name": "mnist", "model": "Best"}).model_dump(mode="json")}
    waits = StatusCause(Reason.WAITS_FOR_TRAINING_JOB, "There is none.")
    for asked, made in (("mnist", [CreateChild] * 3), ("other", [])):
        one = server(status, source={"trainingJobRef": {"name": asked}})
        assert [type(step) for step in steps(one, seen(None, source=waits)) if isinstance(step, CreateChild)] == made


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
    observed = changed(seen(live(**done())), "Deployment", **spec)
    actions = invalid_plan(server().metadata, ModelServerStatus(), "spec.new: unknown", observed, mutable).actions
    assert [one.spec for one in actions if isinstance(one, PatchChild)] == changes
