"""The requests of pods: containers, init containers, sidecars, overhead, and pods that have ended."""

from decimal import Decimal
from typing import Any

import pytest
from epochal_studio.capacity.requests import node_requests, pod_requests


def container(restart: str = "", **requests: str) -> dict[str, Any]:
    return {"resources": {"requests": requests}, **({"restartPolicy": restart} if restart else {})}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({}, 0),
        ({"containers": [container(cpu="500m"), container(cpu="1")]}, 1.5),
        ({"containers": [container(cpu="1")], "initContainers": [container(cpu="3"), container(cpu="2")]}, 3),
        ({"containers": [container(cpu="1")], "initContainers": [container(cpu="500m")]}, 1),
        ({"containers": [container(cpu="1")], "initContainers": [container("Always", cpu="2")]}, 3),
        # The sidecar runs beside the init containers after it, and beside the containers.
        ({"containers": [container(cpu="1")], "initContainers": [container("Always", cpu="2"), container(cpu="4")]}, 6),
        ({"containers": [container(cpu="1")], "initContainers": [container(cpu="4"), container("Always", cpu="2")]}, 4),
        ({"containers": [container(cpu="1")], "overhead": {"cpu": "250m"}}, 1.25),
        ({"containers": [container(cpu="1")], "resources": {"requests": {"cpu": "5"}}}, 5),
        ({"containers": [container(), {"name": "without"}, "text", {"resources": {"requests": ["cpu"]}}]}, 0),
        ({"containers": "text", "initContainers": None, "overhead": 3}, 0),
    ],
)
def test_pod_requests(spec: dict[str, Any], cpu: float) -> None:
    assert float(pod_requests(spec).get("cpu", 0)) == cpu


def test_all_resources() -> None:
    spec = {"containers": [container(memory="1Gi", **{"nvidia.com/gpu": "2"}), container(memory="1e3")]}
    assert pod_requests(spec) == {"memory": Decimal(2**30 + 1000), "nvidia.com/gpu": Decimal(2)}


def test_pods_without_a_node_or_that_have_ended_request_nothing() -> None:
    def pod(node: str, phase: str) -> dict[str, Any]:
        return {"spec": {"nodeName": node, "containers": [container(cpu="1")]}, "status": {"phase": phase}}

    pods = [pod("a", "Running"), pod("a", "Pending"), pod("a", "Succeeded"), pod("b", "Failed"), pod("", "Pending"), {}]
    assert node_requests(pods) == {"a": {"cpu": Decimal(2)}}
