"""The operator's roles and admission policies admit every child in the table of each kind."""

from collections.abc import Callable
from typing import Any

import pytest
from epochal_operator.experiment.kind import experiments
from epochal_operator.modelserver.kind import model_servers
from epochal_operator.runtime.api.resource import PODS, SERVICES
from epochal_operator.runtime.owners import OwnedType
from epochal_operator.trainingjob.kind import training_jobs

from tests.unit.operator.objects import INSTALLATION

Render = Callable[..., Any]
KINDS = [kind(lambda: INSTALLATION, instance="test") for kind in (training_jobs, experiments, model_servers)]
CHILDREN = [(kind.resource.kind, child) for kind in KINDS for child in kind.owns if child.build is not None]


def denied(rendered: Any, owner: str, child: OwnedType) -> list[str]:
    """Return the permissions and policies of the chart that a child of an owner lacks."""
    resource, found = child.resource, []
    verbs = {"get", "list", "watch", "create", "patch", *(["delete"] if child.is_optional else [])}
    granted = {
        verb
        for rule in rendered.one("ClusterRole")["rules"]
        if resource.group in rule["apiGroups"] and resource.plural in rule["resources"]
        for verb in rule["verbs"]
    }
    if missing := verbs - granted:
        found.append(f"rbac.yaml: no {', '.join(sorted(missing))} of {resource.plural}")
    policies = [
        policy
        for policy in rendered.objects
        if policy["kind"] == "ValidatingAdmissionPolicy" and policy["metadata"]["name"].startswith("epochal-operator")
        for rule in policy["spec"]["matchConstraints"]["resourceRules"]
        if resource.group in rule["apiGroups"] and resource.plural in rule["resources"]
    ]
    if not policies:
        found.append(f"no policy of the operator's writes checks {resource.plural}")
    for policy in policies:
        rules = [*policy["spec"]["variables"], *policy["spec"]["validations"]]
        if not any(f"'{owner}'" in rule["expression"] for rule in rules):
            found.append(f"{policy['metadata']['name']}: no {resource.plural} of a {owner}")
    return found


def test_each_kind_has_a_child() -> None:
    assert {owner for owner, _ in CHILDREN} == {"TrainingJob", "Experiment", "ModelServer"}


@pytest.mark.parametrize(("owner", "child"), CHILDREN, ids=lambda value: getattr(value, "resource", value))
def test_child_is_permitted(render: Render, owner: str, child: OwnedType) -> None:
    assert denied(render(), owner, child) == []


@pytest.mark.parametrize(
    ("owner", "child", "reasons"),
    [
        (
            "TrainingJob",
            OwnedType(SERVICES, "label", is_optional=True),
            ["rbac.yaml: no delete", "epochal-operator-servers"],
        ),
        ("ModelServer", OwnedType(PODS, "label"), ["rbac.yaml: no create, patch", "no policy"]),
    ],
)
def test_a_new_child_without_permissions_is_found(
    render: Render, owner: str, child: OwnedType, reasons: list[str]
) -> None:
    found = denied(render(), owner, child)
    assert [reason in line for reason, line in zip(reasons, found, strict=True)] == [True] * len(reasons)
