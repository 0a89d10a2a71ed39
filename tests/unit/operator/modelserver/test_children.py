"""The children of a ModelServer besides its Deployment."""

from dataclasses import replace
from typing import Any

import pytest
from epochal_operator.modelserver import cache_transform
from epochal_operator.modelserver.children import CHILDREN, autoscaler, disruption_budget, network_policy, service, url
from epochal_operator.modelserver.deployment import deployment
from epochal_operator.modelserver.observed import Observed

from tests.unit.operator.modelserver.servers import MODEL, UID, pod, server
from tests.unit.operator.objects import INSTALLATION, NOW

SELECTOR = {"epochal.dev/modelserver": "digits", "epochal.dev/modelserver-uid": UID}
TLS = {"secretRef": {"name": "certificate"}}
RULES: dict[str, Any] = {"ingress": [{"ports": [{"port": 8080, "protocol": "TCP"}]}]}
WITH_RULES = replace(INSTALLATION, server_network=RULES)
NOTHING = Observed(NOW)
EVERYTHING = server(autoscaling={"maxReplicas": 4})


@pytest.mark.parametrize("child", CHILDREN, ids=lambda child: child.resource.kind)
def test_child_has_name_labels_and_owner_of_its_model_server(child: Any) -> None:
    made = child.build(EVERYTHING, MODEL, WITH_RULES, NOTHING)
    assert (made["apiVersion"], made["kind"]) == (child.resource.api_version, child.resource.kind)
    assert (made["metadata"]["name"], made["metadata"]["namespace"]) == ("digits", "vision")
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("ModelServer", UID, True)
    assert SELECTOR.items() <= made["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("spec", "name", "port", "address"),
    [({}, "http", 80, "http://digits.vision.svc"), ({"tls": TLS}, "https", 443, "https://digits.vision.svc")],
)
def test_service_port_and_probes_use_the_port_of_the_pods(spec: Any, name: str, port: int, address: str) -> None:
    made = service(server(**spec), MODEL, INSTALLATION, NOTHING)["spec"]
    assert made["selector"] == SELECTOR
    assert url(server(**spec)) == address
    ports = {found["port"]: found["targetPort"] for found in made["ports"]}
    assert [*ports] == [port], "a client of another port would hang"
    (container,) = deployment(server(**spec), MODEL, INSTALLATION)["spec"]["template"]["spec"]["containers"]
    assert ports[port] == container["ports"][0]["name"] == name
    assert {container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("readiness", "liveness")} == {name}


@pytest.mark.parametrize("spec", [{}, {"tls": TLS}], ids=["http", "https"])
def test_service_has_the_ports_of_earlier_pods(spec: Any) -> None:
    pods = tuple(cache_transform.pod(pod(of=server(**fields))) for fields in ({}, {"tls": TLS}))
    made = service(server(**spec), MODEL, INSTALLATION, replace(NOTHING, pods=pods))["spec"]
    assert {found["port"]: found["targetPort"] for found in made["ports"]} == {80: "http", 443: "https"}
    assert made["selector"] == SELECTOR


def test_disruption_budget_allows_one_eviction_at_a_time() -> None:
    made = disruption_budget(server(), MODEL, INSTALLATION, NOTHING)["spec"]
    assert (made["maxUnavailable"], made["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    assert made["selector"]["matchLabels"] == SELECTOR


def test_autoscaler_scales_the_model_server() -> None:
    assert autoscaler(server(), MODEL, INSTALLATION, NOTHING) is None
    one = server(autoscaling={"minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercentage": 50})
    made = autoscaler(one, MODEL, INSTALLATION, NOTHING)
    assert made is not None
    assert made["spec"]["scaleTargetRef"]["kind"] == "ModelServer"
    assert (made["spec"]["minReplicas"], made["spec"]["maxReplicas"]) == (2, 4)
    assert made["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50


def test_network_policy_has_the_rules_of_the_installation() -> None:
    assert network_policy(server(), MODEL, INSTALLATION, NOTHING) is None
    made = network_policy(server(), MODEL, WITH_RULES, NOTHING)
    assert made is not None
    assert made["spec"] == {"podSelector": {"matchLabels": SELECTOR}, "policyTypes": ["Ingress"], **RULES}
    both = network_policy(server(), MODEL, replace(INSTALLATION, server_network=RULES | {"egress": []}), NOTHING)
    assert both is not None
    assert (both["spec"]["policyTypes"], both["spec"]["egress"]) == (["Ingress", "Egress"], [])
