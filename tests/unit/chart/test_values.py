"""Values are commented, and a wrong one is refused with its name."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).resolve().parents[3] / "charts" / "epochal"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())

Render = Callable[..., Any]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"replica": 2}, "'replica' not allowed"),
        ({"image": {"tga": "1"}}, "at '/image': additional properties 'tga' not allowed"),
        ({"image": {"tag": 1}}, "at '/image/tag': got number, want string"),
        ({"image": {"repository": "Upper"}}, "at '/image/repository'"),
        ({"image": {"digest": "sha256:12"}}, "at '/image/digest'"),
        ({"image": {"pullPolicy": "always"}}, "at '/image/pullPolicy'"),
        ({"replicas": "two"}, "at '/replicas': got string, want integer"),
        ({"replicas": -1}, "at '/replicas'"),
        ({"replicas": 0}, "at '/replicas'"),
        ({"metricLabels": "team"}, "at '/metricLabels'"),
        ({"metricLabels": ["team", "team"]}, "at '/metricLabels'"),
        ({"metricLabels": list("abcdefghi")}, "at '/metricLabels'"),
        ({"metricLabels": ["te am"]}, "at '/metricLabels/0'"),
        ({"metricLabels": ["a' || 'a"]}, "at '/metricLabels/0'"),
        ({"metricLabels": ["job-name"]}, "at '/metricLabels/0'"),
        ({"metricLabels": ["app.kubernetes.io/name"]}, "at '/metricLabels/0'"),
        ({"metricLabels": ["epochal.dev/trainingjob"]}, "at '/metricLabels/0'"),
        ({"metricLabels": ["a.b", "team", "a_b"]}, "must not hold both a.b and a_b, which are both called label_a_b"),
        ({"watchWarning": {"enable": False}}, "at '/watchWarning'"),
        ({"workers": 0}, "at '/workers'"),
        ({"statusWritesPerSecond": 0}, "at '/statusWritesPerSecond'"),
        ({"logLevel": "INFO"}, "at '/logLevel'"),
        ({"storage": {"endpoint": "minio:9000"}}, "at '/storage/endpoint'"),
        ({"storage": {"endpoint": "http://minio:9000/bucket"}}, "at '/storage/endpoint'"),
        ({"storage": {"endpoint": "http://user:secret@minio:9000"}}, "at '/storage/endpoint'"),
        ({"storage": {"requireTLS": "yes"}}, "at '/storage/requireTLS'"),
        ({"trainerVolumes": {"scratch": "256 GB"}}, "at '/trainerVolumes/scratch'"),
        ({"trainingJobPolicy": {"images": ["registry.example.com/team*"]}}, "at '/trainingJobPolicy/images/0'"),
        ({"trainingJobPolicy": {"serviceAccountNames": ["a' || 'a"]}}, "at '/trainingJobPolicy/serviceAccountNames/0'"),
        ({"watchNamespaces": "vision"}, "at '/watchNamespaces'"),
        ({"watchNamespaces": ["vision", "vision"]}, "at '/watchNamespaces'"),
        ({"watchNamespaces": ["--log-level"]}, "at '/watchNamespaces/0'"),
        ({"resources": {"limit": {}}}, "at '/resources'"),
        ({"resources": {"limits": {"memory": "512 Mi"}}}, "at '/resources/limits/memory'"),
        ({"resources": {"limits": {"memory": "1GB"}}}, "at '/resources/limits/memory'"),
        ({"resources": {"requests": {"cpu": "some"}}}, "at '/resources/requests/cpu'"),
        ({"resources": {"requests": {"cpu": ""}}}, "at '/resources/requests/cpu'"),
        ({"resources": {"requests": {"cpu": "-1"}}}, "at '/resources/requests/cpu'"),
        ({"resources": {"requests": {"cpu": -1}}}, "at '/resources/requests/cpu'"),
        ({"imagePullSecrets": ["registry"]}, "at '/imagePullSecrets/0'"),
        ({"networkPolicy": {"metricsFrom": [{"podselector": {}}]}}, "at '/networkPolicy/metricsFrom/0'"),
        ({"networkPolicy": {"egress": {"enabled": True, "apiServerPorts": []}}}, "apiServerPorts"),
        ({"serviceMonitor": {"interval": "15"}}, "at '/serviceMonitor/interval'"),
    ],
)
def test_wrong_value_is_refused_by_name(render: Render, values: dict[str, Any], complaint: str) -> None:
    assert complaint in render(**values).error


@pytest.mark.parametrize("quantity", ["100m", "2", 2, 0.5, "1.5Gi", "1e3", "128974848", "2G", "0"])
def test_a_quantity_passes(render: Render, quantity: Any) -> None:
    limits = render(resources={"limits": {"memory": quantity}}).container()["resources"]["limits"]
    assert limits["memory"] == quantity


def test_values_of_a_parent_chart_pass(render: Render) -> None:
    assert render(**{"global": {"anything": 1}}).objects


def _leaves(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for key, value in values.items():
        inner = schema["properties"][key]
        yield f"{path}.{key}", inner
        if "properties" in inner:
            yield from _leaves(value, inner, f"{path}.{key}")


@pytest.mark.parametrize(("path", "schema"), [leaf for leaf in _leaves(VALUES, SCHEMA) if ".resources." not in leaf[0]])
def test_value_is_described_and_closed_to_typing_errors(path: str, schema: dict[str, Any]) -> None:
    assert schema["description"]
    if "properties" in schema:
        assert schema["additionalProperties"] is False


def test_every_value_has_a_comment() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    bare = [
        line
        for above, line in zip(["", *lines], lines, strict=False)
        if re.match(r"^ *[A-Za-z]+:", line)
        and not above.lstrip().startswith("#")
        # A section whose values have comments of their own, or a value within one that is explained as a whole.
        and not line.endswith(":")
        and not re.match(r"^  (requests|limits):", line)
    ]
    assert bare == []
