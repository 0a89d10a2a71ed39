"""The capacity of the nodes, as far as the user may list nodes and pods."""

from typing import Any

import pytest
from epochal.client.failures import AnswerTooLarge
from epochal_studio.capacity import routes
from epochal_studio.problems import too_busy

from tests.unit.studio.in_memory import StudioInMemory


@pytest.fixture
def cluster(studio: StudioInMemory) -> StudioInMemory:
    """Studio whose user may list the nodes and the pods of all namespaces, with two nodes and some pods."""
    studio.alice.namespaces.add("")
    gpus = {"nvidia.com/gpu": "4", "nvidia.com/mig-1g.5gb": "2"}
    add_node(studio, "gpu-1", {"cpu": "8", "memory": "64Gi", **gpus})
    add_node(studio, "cpu-1", {"cpu": "3920m", "memory": "16Gi", "example.com/license": "1"}, ready="Unknown")
    add_pod(studio, "one", "gpu-1", cpu="500m", memory="4Gi", **{"nvidia.com/gpu": "1"})
    add_pod(studio, "two", "gpu-1", namespace="speech", cpu="1", memory="4Gi", **{"nvidia.com/gpu": "2"})
    add_pod(studio, "ended", "gpu-1", phase="Succeeded", cpu="4")
    add_pod(studio, "waiting", "", phase="Pending", cpu="4")
    return studio


def add_node(studio: StudioInMemory, name: str, allocatable: dict[str, str], *, ready: str = "True") -> None:
    studio.server.objects.create("nodes", "", {"metadata": {"name": name}, "spec": {}})
    status = {"allocatable": allocatable, "conditions": [{"type": "Ready", "status": ready}]}
    studio.server.objects.patch("nodes", "", name, {"status": status}, subresource="status")


def add_pod(
    studio: StudioInMemory, name: str, node: str, *, namespace: str = "vision", phase: str = "Running", **requests: str
) -> None:
    spec = {"nodeName": node, "containers": [{"name": "main", "resources": {"requests": requests}}]}
    studio.server.objects.create("pods", namespace, {"metadata": {"name": name}, "spec": spec})
    studio.server.objects.patch("pods", namespace, name, {"status": {"phase": phase}}, subresource="status")


async def capacity(studio: StudioInMemory) -> Any:
    found = await studio.get("/api/capacity")
    assert found.status == 200, found.text
    assert studio.state.capacities.count == 0
    return found.json()


async def test_free_is_what_no_pod_requests(cluster: StudioInMemory) -> None:
    found = await capacity(cluster)
    nodes = {node["name"]: node for node in found["nodes"]}
    assert nodes["gpu-1"] == {
        "name": "gpu-1",
        "isReady": True,
        "gpus": {"nvidia.com/gpu": 4, "nvidia.com/mig-1g.5gb": 2},
        "freeGpus": {"nvidia.com/gpu": 1, "nvidia.com/mig-1g.5gb": 2},
        "memory": 64 * 2**30,
        "freeMemory": 56 * 2**30,
        "cpu": 8.0,
        "freeCpu": 6.5,
    }
    assert (nodes["cpu-1"]["isReady"], nodes["cpu-1"]["gpus"], nodes["cpu-1"]["freeCpu"]) == (False, {}, 3.92)
    assert found["problem"] is None


async def test_without_the_right_to_list_pods(cluster: StudioInMemory) -> None:
    cluster.alice.denied.add(("list", "pods"))
    found = await capacity(cluster)
    assert [(node["freeGpus"], node["freeMemory"], node["freeCpu"]) for node in found["nodes"]] == [(None,) * 3] * 2
    assert "list for pods" in found["problem"]["remedy"]


async def test_without_the_right_to_list_nodes(cluster: StudioInMemory) -> None:
    cluster.alice.denied.add(("list", "nodes"))
    found = await capacity(cluster)
    assert found["nodes"] is None
    assert found["problem"]["reason"] == "Forbidden"
    assert "list for nodes" in found["problem"]["remedy"]


async def test_many_pods_and_nodes(cluster: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "PODS_OF_A_PAGE", 10)
    for number in range(30):
        add_pod(cluster, f"more-{number}", "cpu-1", cpu="10m")
    nodes = {node["name"]: node for node in (await capacity(cluster))["nodes"]}
    assert nodes["cpu-1"]["freeCpu"] == 3.62
    monkeypatch.setattr(routes, "MAX_PODS", 20)
    found = await capacity(cluster)
    assert {node["freeCpu"] for node in found["nodes"]} == {None}
    assert "more than 20 running pods" in found["problem"]["message"]
    monkeypatch.setattr(routes, "MAX_NODES", 1)
    assert len((await capacity(cluster))["nodes"]) == 1


async def test_pods_that_take_too_long(cluster: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "SECONDS", -1)
    found = await capacity(cluster)
    assert found["nodes"][0]["freeCpu"] is None
    assert "has not listed the pods" in found["problem"]["message"]


async def test_the_memory_of_pages_is_given_back(cluster: StudioInMemory) -> None:
    for number in range(60):
        add_pod(cluster, f"large-{number}", "gpu-1", cpu="1m", note="x" * 300_000)
    assert (await capacity(cluster))["problem"] is None  # 18 MB in all, of which 16 MiB fit at once
    assert cluster.state.threads.memory.count == 0


async def test_pods_that_cannot_be_read_hide_no_node(cluster: StudioInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (too_busy("Studio reads too many large objects."), AnswerTooLarge("cannot list pods: it has 9 MiB.")):

        def fail(_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(routes, "node_requests", fail)
        found = await capacity(cluster)
        assert [node["freeCpu"] for node in found["nodes"]] == [None] * 2
        assert found["problem"]["message"] == str(error)
