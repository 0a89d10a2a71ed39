"""The NetworkPolicies of trainers.

These tests check only the rendered policies: the network of the local cluster enforces no NetworkPolicy.
"""

from collections.abc import Callable
from typing import Any

import pytest
from epochal_api.experiment.spec import parse
from epochal_operator.experiment.report.job import report_job
from epochal_operator.trainingjob.job.batch_job import batch_job

from tests.unit.operator.experiment.spaces import document
from tests.unit.operator.objects import INSTALLATION, training_job

Render = Callable[..., Any]
Object = dict[str, Any]

S3 = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
STORAGE = {"to": S3, "ports": [443, 9000]}


def policies(render: Render, of: str = "trainers", **values: Any) -> list[Object]:
    rendered = render(trainerNetworkPolicy={"enabled": True, "storage": STORAGE} | values.pop("policy", {}), **values)
    return [
        item
        for item in rendered.objects
        if item["kind"] == "NetworkPolicy" and item["metadata"]["name"] == f"epochal-{of}"
    ]


def trainer_labels() -> dict[str, str]:
    labels: dict[str, str] = batch_job(training_job(), INSTALLATION)["spec"]["template"]["metadata"]["labels"]
    return labels


def test_disabled_by_default(render: Render) -> None:
    names = [item["metadata"]["name"] for item in render().objects if item["kind"] == "NetworkPolicy"]
    assert sorted(names) == ["epochal", "epochal-checker"]


def test_one_policy_per_namespace(render: Render) -> None:
    found = policies(render, policy={"namespaces": ["vision", "speech"]})
    assert [policy["metadata"]["namespace"] for policy in found] == ["vision", "speech"]
    assert found[0]["spec"] == found[1]["spec"]


def test_namespaces_default_to_watch_namespaces(render: Render) -> None:
    (policy,) = policies(render, watchNamespaces=["vision"])
    assert policy["metadata"]["namespace"] == "vision"


def test_policy_selects_trainers(render: Render) -> None:
    (policy,) = policies(render, policy={"namespaces": ["vision"]})
    selector, labels = policy["spec"]["podSelector"], trainer_labels()
    assert selector["matchLabels"].items() <= labels.items()
    (expression,) = selector["matchExpressions"]
    assert expression["operator"] == "Exists"
    assert expression["key"] in labels


def test_ingress_is_denied(render: Render) -> None:
    (policy,) = policies(render, policy={"namespaces": ["vision"]})
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert policy["spec"]["ingress"] == []


def test_egress_to_dns_operator_and_storage(render: Render) -> None:
    (policy,) = policies(render, policy={"namespaces": ["vision"]})
    dns, storage, operator = policy["spec"]["egress"]
    assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert dns["to"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ]
    assert operator["ports"] == [{"port": 8443, "protocol": "TCP"}]
    assert storage == {"ports": [{"port": port, "protocol": "TCP"} for port in (443, 9000)], "to": S3}


def test_egress_selects_this_operator(render: Render) -> None:
    (policy,) = policies(render, policy={"namespaces": ["vision"]})
    (peer,) = policy["spec"]["egress"][2]["to"]
    assert peer["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "epochal-system"}}
    template = render().one("Deployment")["spec"]["template"]
    assert peer["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()


def test_report_pods_reach_storage_only(render: Render) -> None:
    (trainers,) = policies(render, policy={"namespaces": ["vision"]})
    (reports,) = policies(render, of="reports", policy={"namespaces": ["vision"]})
    selector = reports["spec"]["podSelector"]
    assert selector == {
        "matchLabels": {"app.kubernetes.io/managed-by": "epochal"},
        "matchExpressions": [{"key": "epochal.dev/experiment-uid", "operator": "Exists"}],
    }
    labels = report_job(document(), (), parse(document()).spec, INSTALLATION)["spec"]["template"]["metadata"]["labels"]
    assert selector["matchLabels"].items() <= labels.items()
    assert "epochal.dev/experiment-uid" in labels
    assert "epochal.dev/experiment-uid" not in trainer_labels()
    dns, storage, _ = trainers["spec"]["egress"]
    assert reports["spec"] == trainers["spec"] | {"podSelector": selector, "egress": [dns, storage]}


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        ({"storage": STORAGE}, "trainerNetworkPolicy.namespaces: name the namespaces in which TrainingJobs run"),
        ({"namespaces": ["vision"]}, "trainerNetworkPolicy.storage.to: name the address ranges or the pods"),
        ({"namespaces": ["vision"], "storage": {"to": S3, "ports": []}}, "at '/trainerNetworkPolicy/storage/ports'"),
        ({"namespaces": ["vision"], "storage": {"to": ["192.0.2.0/24"]}}, "at '/trainerNetworkPolicy/storage/to/0'"),
        ({"namespaces": ["Vision"], "storage": STORAGE}, "at '/trainerNetworkPolicy/namespaces/0'"),
        ({"namespaces": ["vision"], "dns": {"ports": [0]}}, "at '/trainerNetworkPolicy/dns/ports/0'"),
    ],
)
def test_invalid_values_are_refused(render: Render, policy: Object, complaint: str) -> None:
    assert complaint in render(trainerNetworkPolicy={"enabled": True} | policy).error
