"""Faults of pods: terminated, evicted, killed, also without the operator."""

import os
import signal
import time
from functools import partial

from tests.faults import cluster
from tests.faults.serving.bed import REPLICAS, Bed
from tests.faults.serving.scenario import Scenario
from tests.kit import operator
from tests.kit.kubectl import Object, Refused, kubectl, wait

CONNECTIONS = 8
"""Connections of the load, so requests in flight."""
ENDS, KILLS = 3, 2
BACK_SECONDS = 60


def tell_to_end(bed: Bed) -> str:
    """Deletes one pod after the other, each once the one before has a successor."""
    for _ in range(ENDS):
        delete(bed, bed.server.ready_pods()[0])
        _all_ready(bed)
    return f"{ENDS} pods"


def delete(bed: Bed, pod: Object) -> None:
    kubectl("delete", "pod", pod["metadata"]["name"], "--namespace", bed.namespace)


def evict_in_turn(bed: Bed) -> str:
    """Evicts all pods as a drain does: each again and again, until it may go."""
    refused = 0
    for pod in bed.server.ready_pods():
        name = pod["metadata"]["name"]
        end = time.monotonic() + BACK_SECONDS
        while (why := _evict(bed, name)) and time.monotonic() < end:
            refused += 1
            time.sleep(0.5)
        assert not why, f"{name} could not be evicted: {why}"
    _all_ready(bed)
    assert refused, "all pods were evicted at once: nothing held any of them"
    return f"{REPLICAS} pods; the second one not before the first one's successor was ready"


def _evict(bed: Bed, name: str) -> str:
    """Evicts a pod, and returns the reason of a refusal; empty if there is none."""
    try:
        cluster.evict(bed.namespace, name)
    except Refused as error:
        return str(error)
    return ""


def kill(bed: Bed) -> str:
    for pod in bed.server.ready_pods()[:KILLS]:
        name = pod["metadata"]["name"]
        os.kill(operator.process_of(pod["metadata"]["uid"]), signal.SIGKILL)
        wait(f"{name} to be started again", partial(bed.server.restarts, name), seconds=BACK_SECONDS)
        _all_ready(bed)
    return f"{KILLS} pods"


def lose_operator(bed: Bed) -> str:
    """Takes the operator away, and a pod of the server."""
    with cluster.scaled_to_nothing(operator.NAMESPACE, "epochal"):
        delete(bed, bed.server.ready_pods()[0])
        _all_ready(bed)
    return "a pod was deleted meanwhile, and had a successor"


def _all_ready(bed: Bed) -> None:
    wait("all pods to be ready", lambda: len(bed.server.ready_pods()) == REPLICAS, seconds=BACK_SECONDS)


SCENARIOS = (
    Scenario("pods told to end, one after the other", tell_to_end),
    Scenario("pods evicted, one after the other", evict_in_turn),
    Scenario("pods killed, one after the other", kill, lost=KILLS * CONNECTIONS, nobody=True),
    Scenario("operator gone, and a pod deleted", lose_operator),
)
