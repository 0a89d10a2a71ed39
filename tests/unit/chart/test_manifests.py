"""What is generated from models and chart is what they say now."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from epochal_api.crd import custom_resource_definition

ROOT = Path(__file__).resolve().parents[3]
FILE = "trainingjobs.epochal.dev.yaml"

Render = Callable[..., Any]


def test_chart_holds_the_generated_definition() -> None:
    held = (ROOT / "charts/epochal/files" / FILE).read_text()
    assert held == (ROOT / "manifests/crds" / FILE).read_text(), "run make manifests"


def test_chart_installs_the_generated_definition(render: Render) -> None:
    rendered = render().one("CustomResourceDefinition", "trainingjobs.epochal.dev")
    assert rendered["spec"] == custom_resource_definition()["spec"], "run make manifests"


def test_install_yaml_is_the_chart_with_its_namespace(render: Render) -> None:
    assert (ROOT / "manifests/install.yaml").read_text() == render(createNamespace=True).text, "run make manifests"


def test_install_yaml_can_be_applied_from_top_to_bottom() -> None:
    kinds = [item["kind"] for item in yaml.safe_load_all((ROOT / "manifests/install.yaml").read_text())]
    assert kinds[0] == "Namespace"
    before = ("CustomResourceDefinition", "Secret", "ServiceAccount", "ClusterRoleBinding", "RoleBinding")
    assert all(kinds.index(kind) < kinds.index("Deployment") for kind in before)
