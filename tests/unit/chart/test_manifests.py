"""The generated manifests are up to date."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal_api.crd import ALL_KINDS, Kind, custom_resource_definition, definition_name

ROOT = Path(__file__).resolve().parents[3]

Render = Callable[..., Any]


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.plural)
def test_chart_installs_the_generated_definition(render: Render, kind: Kind) -> None:
    rendered = render().one("CustomResourceDefinition", definition_name(kind))
    assert rendered["spec"] == custom_resource_definition(kind)["spec"], "run make manifests"


def test_install_yaml_is_the_chart_with_its_namespace(render: Render) -> None:
    assert (ROOT / "manifests/install.yaml").read_text() == render(createNamespace=True).text, "run make manifests"


def test_install_yaml_can_be_applied_from_top_to_bottom() -> None:
    kinds = [item["kind"] for item in yaml.load_all((ROOT / "manifests/install.yaml").read_text(), yaml.CSafeLoader)]
    assert kinds[:2] == ["PriorityClass", "Namespace"]
    before = (
        "PriorityClass",
        "CustomResourceDefinition",
        "Secret",
        "ServiceAccount",
        "ClusterRoleBinding",
        "RoleBinding",
    )
    assert all(kinds.index(kind) < kinds.index("Deployment") for kind in before)
