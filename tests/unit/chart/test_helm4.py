"""Helm 4 lints the chart and renders the same objects as Helm 3."""

import subprocess
from typing import Any

import pytest
import yaml

from tests.unit.chart.conftest import REGISTRY, ROOT, Render, Rendering, renderer

EVERYTHING: dict[str, Any] = {
    "createNamespace": True,
    "metricLabels": ["team"],
    "watchNamespaces": ["vision", "speech"],
    "replicas": 2,
    "storage": {"endpoint": "https://minio.example.com:9000", "requireTLS": True},
    "trainingJobPolicy": {"enabled": True, "images": ["registry.example.com/team/*"]},
    "trainerNetworkPolicy": {"enabled": True, "storage": {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}},
    "serviceMonitor": {"enabled": True},
    "podMonitor": {"enabled": True},
    "prometheusRule": {"enabled": True},
    "dashboard": {"enabled": True},
}


@pytest.fixture(scope="session")
def render4(helm4: str) -> Render:
    return renderer(helm4)


def _texts(rendering: Rendering) -> list[str]:
    """Return the sorted texts of the objects of a rendering."""
    return sorted(str(yaml.dump(each, Dumper=yaml.CSafeDumper)) for each in rendering.objects)


@pytest.mark.parametrize(
    "values",
    [{}, EVERYTHING, {"crds": {"install": False}, "checker": {"enabled": False}}],
    ids=["defaults", "everything", "less"],
)
def test_both_render_the_same_objects(render: Render, render4: Render, values: dict[str, Any]) -> None:
    assert _texts(render4(**values)) == _texts(render(**values))


def test_both_refuse_a_wrong_value(render: Render, render4: Render) -> None:
    for each in (render, render4):
        assert "'replica' not allowed" in each(replica=2).error


@pytest.mark.parametrize("program", ["helm", "helm4"])
def test_lint_has_no_complaint(program: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(program)
    done = subprocess.run(
        [path, "lint", "--strict", "charts/epochal", "--kube-version=1.34.0", f"--set=imageRegistry={REGISTRY}"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 chart(s) failed" in done.stdout


@pytest.mark.parametrize(("program", "major"), [("helm", "v3."), ("helm4", "v4.")])
def test_the_programs_are_of_both_major_versions(program: str, major: str, request: pytest.FixtureRequest) -> None:
    found = subprocess.run(
        [request.getfixturevalue(program), "version", "--short"], check=True, capture_output=True, text=True, timeout=60
    )
    assert found.stdout.startswith(major)
