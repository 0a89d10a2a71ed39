"""The schema and the comments of the values."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).resolve().parents[3] / "charts" / "epochal"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.load((CHART / "values.yaml").read_text(), yaml.CSafeLoader)

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
        ({"imageRegistry": "https://registry.example.com/team"}, "at '/imageRegistry'"),
        ({"imageRegistry": "registry.example.com:port/team"}, "at '/imageRegistry'"),
        ({"replicas": "two"}, "at '/replicas': got string, want integer"),
        ({"replicas": -1}, "at '/replicas'"),
        ({"replicas": 0}, "at '/replicas'"),
        ({"metricLabels": "team"}, "at '/metricLabels'"),
        ({"metricLabels": ["team", "team"]}, "at '/metricLabels'"),
        ({"metricLabels": list("abcdefghi")}, "at '/metricLabels'"),
        ({"metricLabels": ["te am"]}, "at '/metricLabels/0'"),
        ({"metricLabels": ["a' || 'a"]}, "at '/metricLabels/0'"),
        *(
            (
                {"metricLabels": ["team", label]},
                f"must not contain labels by which Kubernetes or Epochal select pods, found {label}",
            )
            for label in ("job-name", "app.kubernetes.io/name", "epochal.dev/trainingjob")
        ),
        ({"metricLabels": ["a.b", "team", "a_b"]}, "must not hold both a.b and a_b, which both become label_a_b"),
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
        ({"trainingJobPolicy": {"storageEndpoints": ["https://minio*"]}}, "at '/trainingJobPolicy/storageEndpoints/0'"),
        ({"trainingJobPolicy": {"storageEndpoints": ["minio:9000"]}}, "at '/trainingJobPolicy/storageEndpoints/0'"),
        ({"trainingJobPolicy": {"tolerationKeys": ["a' || 'a"]}}, "at '/trainingJobPolicy/tolerationKeys/0'"),
        (
            {"trainingJobPolicy": {"enabled": True}},
            "trainingJobPolicy.storageEndpoints: must contain an endpoint",
        ),
        *(
            ({"podLabels": {label: "mine"}}, f"podLabels: must not repeat a key of the chart, found {label}")
            for label in ("app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/version")
        ),
        (
            {"podAnnotations": {"kubectl.kubernetes.io/default-container": "mine"}},
            "podAnnotations: must not repeat a key of the chart, found kubectl.kubernetes.io/default-container",
        ),
        *(
            (
                {section: {"enabled": True, "labels": {"app.kubernetes.io/name": "mine"}}},
                f"{section}.labels: must not repeat",
            )
            for section in ("serviceMonitor", "podMonitor", "prometheusRule", "dashboard")
        ),
        ({"crds": {"annotations": {"helm.sh/resource-policy": "delete"}}}, "crds.annotations: must not repeat"),
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
def test_invalid_value_is_refused(render: Render, values: dict[str, Any], complaint: str) -> None:
    assert complaint in render(**values).error


def test_quantities_are_accepted(render: Render) -> None:
    """Schema and template have the same rules for each resource, so one rendering with nine resources suffices."""
    quantities = ["100m", "2", 2, 0.5, "1.5Gi", "1e3", "128974848", "2G", "0"]
    given = {f"example.com/{index}": quantity for index, quantity in enumerate(quantities)}
    assert render(resources={"limits": given}).container()["resources"]["limits"].items() >= given.items()


def test_requests_up_to_their_limits_are_accepted(render: Render) -> None:
    pairs: list[tuple[Any, Any]] = [
        ("100m", "0.1"),
        (1, "1000m"),
        ("999999u", "1"),
        ("64Mi", 67108864),
        ("1G", "1Gi"),
        ("1e8", "0.1G"),
        ("128Mi", 1073741824),
        ("1Ki", "1P"),
    ]
    requests, limits = ({f"example.com/{index}": pair[side] for index, pair in enumerate(pairs)} for side in (0, 1))
    rendered = render(resources={"requests": requests, "limits": limits}).container()["resources"]
    assert rendered["requests"].items() >= requests.items()
    assert rendered["limits"].items() >= limits.items()


@pytest.mark.parametrize(
    ("resources", "complaint"),
    [
        (
            {"requests": {"cpu": "200m"}, "limits": {"cpu": "0.1"}},
            "resources.requests.cpu: must be at most resources.limits.cpu, found 200m and 0.1",
        ),
        ({"limits": {"cpu": "50m"}}, "requests.cpu: must be at most resources.limits.cpu, found 250m and 50m"),
        ({"requests": {"memory": "1Gi"}, "limits": {"memory": "1G"}}, "resources.requests.memory: must be at most"),
        (
            {"requests": {"memory": 0}, "limits": {"memory": 512}},
            "resources.limits.memory: must be at least 64Mi, found 512: did you forget the unit, such as Mi?",
        ),
        ({"requests": {"memory": "1Mi"}, "limits": {"memory": "63Mi"}}, "must be at least 64Mi, found 63Mi"),
        ({"requests": {"memory": "1Mi"}, "limits": {"memory": "512m"}}, "must be at most resources.limits.memory"),
    ],
)
def test_insufficient_resources_are_refused(render: Render, resources: Any, complaint: str) -> None:
    assert complaint in render(resources=resources).error


def test_global_values_are_accepted(render: Render) -> None:
    assert render(**{"global": {"anything": 1}}).objects


def _leaves(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for key, value in values.items():
        inner = schema["properties"][key]
        yield f"{path}.{key}", inner
        if "properties" in inner:
            yield from _leaves(value, inner, f"{path}.{key}")


@pytest.mark.parametrize(("path", "schema"), [leaf for leaf in _leaves(VALUES, SCHEMA) if ".resources." not in leaf[0]])
def test_schema_describes_every_value_and_is_closed(path: str, schema: dict[str, Any]) -> None:
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
        and not re.match(r"^ +(requests|limits):", line)
    ]
    assert bare == []
