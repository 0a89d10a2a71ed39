"""The checker in the chart: its pods, who reaches it, and how the operator finds it."""

from collections.abc import Callable
from typing import Any

from epochal_api.checker import PORT
from epochal_trainer.checker.environment import IMAGE_ENV

Render = Callable[..., Any]
NAME = "epochal-checker"


def pod(rendered: Any) -> dict[str, Any]:
    spec: dict[str, Any] = rendered.one("Deployment", NAME)["spec"]["template"]["spec"]
    return spec


def test_the_checker_has_the_image_of_trainers_and_tells_it(render: Render) -> None:
    rendered = render(trainerImage={"tag": "7"})
    (container,) = pod(rendered)["containers"]
    image = "registry.example.com/epochal-trainer:7"
    assert container["image"] == image
    assert container["env"] == [{"name": IMAGE_ENV, "value": image}]
    assert f"--trainer-image={image}" in rendered.container()["args"]


def test_its_pods_have_no_token_and_a_read_only_root(render: Render) -> None:
    rendered = render()
    spec = pod(rendered)
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == NAME
    assert rendered.one("ServiceAccount", NAME)["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"].keys() == {"memory"}
    bound = [item for item in rendered.objects if item["kind"].endswith("RoleBinding")]
    assert NAME not in {subject["name"] for item in bound for subject in item["subjects"]}


def test_only_pods_of_its_namespace_reach_it_and_it_reaches_nothing(render: Render) -> None:
    rendered = render()
    policy = rendered.one("NetworkPolicy", NAME)["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []
    # A podSelector without a namespaceSelector selects pods of the policy's own namespace.
    assert policy["ingress"] == [{"from": [{"podSelector": {}}], "ports": [{"port": PORT, "protocol": "TCP"}]}]
    labels = rendered.one("Deployment", NAME)["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()


def test_the_operator_finds_the_checker(render: Render) -> None:
    rendered = render(release="mine", namespace="ml", networkPolicy={"egress": {"enabled": True}})
    name = "mine-epochal-checker"
    (container,) = rendered.one("Deployment", "mine-epochal")["spec"]["template"]["spec"]["containers"]
    assert f"--checker-url=http://{name}.ml.svc:{PORT}" in container["args"]
    service = rendered.one("Service", name)["spec"]
    labels = rendered.one("Deployment", name)["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    assert [port["port"] for port in service["ports"]] == [PORT]
    selectors = [
        peer["podSelector"]["matchLabels"]
        for rule in rendered.one("NetworkPolicy", "mine-epochal")["spec"]["egress"]
        for peer in rule.get("to", [])
        if "matchLabels" in peer.get("podSelector", {})
    ]
    assert any(selector.items() <= labels.items() for selector in selectors)


def test_no_selector_of_the_operator_finds_the_checker(render: Render) -> None:
    rendered = render()
    labels = rendered.one("Deployment", NAME)["spec"]["template"]["metadata"]["labels"]
    operator = rendered.one("Deployment")["spec"]["selector"]["matchLabels"]
    assert not operator.items() <= labels.items()


def test_without_a_checker_the_operator_asks_none(render: Render) -> None:
    rendered = render(checker={"enabled": False}, networkPolicy={"egress": {"enabled": True}})
    assert not [item for item in rendered.objects if NAME in item["metadata"]["name"]]
    assert not [argument for argument in rendered.container()["args"] if "checker" in argument]
    assert "checker" not in rendered.text
