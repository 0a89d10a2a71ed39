"""Faults of the cluster: its control plane, its node, its name service."""

import time

from tests.faults import cluster, node
from tests.faults.disturbed_training import Training
from tests.faults.scenario import Scenario

AWAY_SECONDS = 10
NAMELESS_SECONDS = 20
MISSED_SECONDS = 120
"""Longer than the controller manager waits for a silent node."""
UNREACHABLE = "node.kubernetes.io/unreachable"
TOLERATION = {
    "key": UNREACHABLE,
    "operator": "Exists",
    "effect": "NoExecute",
    "tolerationSeconds": 1,
}


def lose_api_server(training: Training) -> None:
    with cluster.without("kube-apiserver"):
        time.sleep(AWAY_SECONDS)


def lose_etcd(training: Training) -> None:
    with cluster.without("etcd"):
        time.sleep(AWAY_SECONDS)


def lose_kubelet(training: Training) -> None:
    """Takes the kubelet away for some seconds; its pods run on."""
    with cluster.without("kubelet"):
        time.sleep(AWAY_SECONDS)


def kill_without_kubelet(training: Training) -> None:
    """Kills the trainer while the kubelet is away: it finds out only once it is back."""
    with cluster.without("kubelet"):
        node.kill_all(training.run.uid)
        time.sleep(AWAY_SECONDS)


def lose_node(training: Training) -> None:
    """Switches the node off as far as the training sees it, until the control plane misses it, and on again."""
    with cluster.without("kubelet"):
        node.kill_all(training.run.uid)
        cluster.not_ready(MISSED_SECONDS)
        with cluster.tainted(UNREACHABLE):
            cluster.evicted(training.namespace.name, training.run.pod, MISSED_SECONDS)


def lose_names(training: Training) -> None:
    """Takes the name service away for some seconds, and kills the trainer: the next one starts without."""
    with cluster.scaled_to_nothing("kube-system", "coredns"):
        node.kill_all(training.run.uid)
        time.sleep(NAMELESS_SECONDS)


SCENARIOS = (
    Scenario("API server away", lose_api_server, alone=True, repeats=False),
    Scenario("etcd away", lose_etcd, alone=True, repeats=False),
    Scenario("kubelet away", lose_kubelet, alone=True, repeats=False),
    Scenario("trainer killed with the kubelet away", kill_without_kubelet, alone=True),
    Scenario(
        "node loss",
        lose_node,
        alone=True,
        changes={"backoffLimit": 0, "scheduling__tolerations": [TOLERATION]},
    ),
    Scenario("trainer killed with the name service away", lose_names, alone=True),
)
