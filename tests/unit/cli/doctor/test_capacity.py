"""`epochal doctor`: nodes, GPUs, quotas and queues."""

from decimal import Decimal
from typing import Any

import pytest
from epochal.doctor import Level, nodes, queue, quota
from epochal.doctor.finding import Finding
from epochal_api.scheduling import Resources
from epochal_api.trainingjob.spec import TrainingJob

from tests.unit.cli.doctor.known_cluster import NODE, KnownCluster, job, problems


def node_finding(*found: dict[str, Any], **spec: Any) -> Finding:
    first, *_ = nodes.describe_nodes(found or [NODE], job(**spec).spec)
    return first


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"resources": {"limits": {"memory": "64Gi"}}}, "no node has 64.0Gi memory, the largest has 16.0Gi"),
        ({"resources": {"limits": {"nvidia.com/gpu": 2}}}, "no node has 2 nvidia.com/gpu, the largest has 0"),
        ({"scheduling": {"nodeSelector": {"disk": "hdd"}}}, "no node with the labels disk=hdd"),
    ],
)
def test_no_node_is_large_enough(spec: dict[str, Any], message: str) -> None:
    found = node_finding(**spec)
    assert (found.level, message in found.message, bool(found.remedy)) == (Level.PROBLEM, True, True)


def test_taints() -> None:
    tainted = NODE | {"spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}}
    found = node_finding(tainted)
    assert "does not tolerate: gpu=yes" in found.message
    assert found.remedy == "Add a toleration: tolerations: [{key: gpu, operator: Exists}]"
    tolerations = {"tolerations": [{"key": "gpu", "value": "yes"}]}
    assert node_finding(tainted, scheduling=tolerations).level == Level.OK
    assert node_finding(tainted, scheduling={"tolerations": [{"key": "gpu"}]}).level == Level.PROBLEM
    assert "no node is ready" in node_finding(NODE | {"spec": {"unschedulable": True}}).message


def test_gpus_and_the_image() -> None:
    status = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "allocatable": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "2"},
    }
    resources = {"limits": {"nvidia.com/gpu": 1}}
    counted, image = nodes.describe_nodes([NODE | {"status": status}], job(resources=resources).spec)
    assert counted.message == "1 node with 2 GPUs (nvidia.com/gpu): 1 large enough for the worker"
    assert (image.level, "needs CUDA" in image.message) == (Level.WARNING, True)


def quota_of(hard: dict[str, str], used: dict[str, str], **more: Any) -> list[Finding]:
    found = {"metadata": {"name": "team"}, "status": {"hard": hard, "used": used}, "spec": more}
    resources = Resources.model_validate({"requests": {"cpu": "2"}, "limits": {"nvidia.com/gpu": "1"}})
    return list(quota.describe_quotas([found], resources))


def test_quotas() -> None:
    assert [one.level for one in quota_of({"cpu": "8"}, {"cpu": "5"})] == [Level.OK]
    (found,) = quota_of({"requests.cpu": "8"}, {"requests.cpu": "7"})
    assert found.message == "the ResourceQuota team leaves 1 of 8 requests.cpu, and the job needs 2"
    assert quota_of({"requests.nvidia.com/gpu": "1"}, {"requests.nvidia.com/gpu": "1"})[0].level == Level.PROBLEM
    assert "limits.memory, so each worker must have a value" in quota_of({"limits.memory": "8Gi"}, {})[0].message
    assert quota_of({"count/trainingjobs.epochal.dev": "1"}, {"count/trainingjobs.epochal.dev": "1"})[0].level == (
        Level.PROBLEM
    )
    assert quota_of({"cpu": "0"}, {}, scopes=["BestEffort"])[0].level == Level.OK
    assert nodes.quantities({"a": "1Ki", "b": "x"}) == {"a": Decimal(1024)}


def in_queue(name: str = "team") -> TrainingJob:
    return job(scheduling={"queueName": name})


def test_queues(cluster: KnownCluster) -> None:
    assert "but the cluster has no Kueue" in problems(cluster, in_queue())["queue"]
    cluster.documents["/apis"] = {"groups": [{"name": "kueue.x-k8s.io"}]}
    active = {"conditions": [{"type": "Active", "status": "True"}]}
    cluster.objects["localqueues", "team"] = {"metadata": {"name": "team"}, "status": active}
    assert "queue" not in problems(cluster, in_queue())
    assert (
        "no LocalQueue teams in the namespace vision -> Did you mean team?"
        in (problems(cluster, in_queue("teams"))["queue"])
    )
    stopped = {"conditions": [{"type": "Active", "status": "False", "message": "its ClusterQueue is stopped\x1b"}]}
    found = queue.describe_queue("team", {"spec": {"clusterQueue": "gpus"}, "status": stopped})
    assert found.message == "the LocalQueue team admits no jobs: its ClusterQueue is stopped\\x1b"
    assert found.remedy.endswith("kubectl describe clusterqueues gpus")
    waiting = queue.describe_queue("team", {"status": active | {"pendingWorkloads": 3}})
    assert waiting.level == Level.WARNING
