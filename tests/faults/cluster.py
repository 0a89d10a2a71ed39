"""Faults of a cluster: a component that stops, a service that is away, a node that is drained."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.faults import node
from tests.kit.kubectl import Object, Refused, apply, kubectl, wait
from tests.kit.pods import restricted

NODE = "epochal"


def component(action: str, name: str) -> None:
    """Stops, starts or restarts a component of the control plane, or the kubelet."""
    node.in_host(sys.executable, "tests/cluster", action, name)


@contextmanager
def without(name: str) -> Iterator[None]:
    """Stops a component, and starts it again in the end."""
    component("stop", name)
    try:
        yield
    finally:
        component("start", name)


@contextmanager
def scaled_to_nothing(namespace: str, deployment: str) -> Iterator[None]:
    """Takes all pods of a Deployment away, and waits in the end until they are back."""
    where = ["--namespace", namespace]
    selector = json.loads(
        kubectl("get", "deployment", deployment, *where, "--output=jsonpath={.spec.selector.matchLabels}")
    )
    labels = ",".join(f"{key}={value}" for key, value in selector.items())
    kubectl("scale", f"deployment/{deployment}", *where, "--replicas=0")
    try:
        kubectl("delete", "pods", *where, "--selector", labels, "--grace-period=1", "--wait")
        yield
    finally:
        kubectl("scale", f"deployment/{deployment}", *where, "--replicas=1")
        kubectl("rollout", "status", f"deployment/{deployment}", *where, "--timeout=90s")


def evict(namespace: str, pod: str) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    kubectl("create", "--raw", path, "--filename", "-", stdin=json.dumps(eviction))


def drain(job: str) -> None:
    """Drains the node of a job's pods, as for maintenance, and lets pods onto it again."""
    try:
        kubectl(
            "drain", NODE, f"--pod-selector=batch.kubernetes.io/job-name={job}", "--delete-emptydir-data", "--force"
        )
    finally:
        kubectl("uncordon", NODE)


def preempt(namespace: str, image: str, resources: Object) -> None:
    """Runs a pod of high priority that takes the resources of another pod for some seconds."""
    name = "first"
    of_class = f"{namespace}-{name}"
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": of_class}}
    pod = restricted(name, image, ["sleep", "3"], namespace=namespace)
    pod["spec"]["priorityClassName"] = of_class
    pod["spec"]["containers"][0]["resources"] = {"limits": resources}
    try:
        apply(priority | {"value": 1_000_000})
        apply(pod)
        kubectl(
            "wait",
            "--for=jsonpath={.status.phase}=Succeeded",
            f"pod/{name}",
            "-n",
            namespace,
            "--timeout=180s",
            timeout=200,
        )
    finally:
        kubectl("delete", "pod", name, "--namespace", namespace, "--ignore-not-found", "--wait=false")
        kubectl("delete", "priorityclass", of_class, "--ignore-not-found")


def not_ready(seconds: float) -> None:
    """Waits until the node is not Ready."""

    def poll() -> bool:
        try:
            path = '{.status.conditions[?(@.type=="Ready")].status}'
            return kubectl("get", "node", NODE, f"--output=jsonpath={path}") != "True"
        except Refused:
            return False

    wait("the node to be missed", poll, seconds=seconds)
    time.sleep(1)


@contextmanager
def tainted(key: str) -> Iterator[None]:
    """Taints the node as the control plane does with one of many.

    With its only node gone it takes the fault for one of its own and evicts nothing:
    https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction
    """
    kubectl("taint", "node", NODE, f"{key}:NoExecute", "--overwrite")
    try:
        yield
    finally:
        with suppress(Refused):  # it may be gone already
            kubectl("taint", "node", NODE, f"{key}:NoExecute-")


def evicted(namespace: str, pod: str, seconds: float) -> None:
    """Waits until the control plane deletes a pod."""

    def poll() -> bool:
        return bool(kubectl("get", "pod", pod, "-n", namespace, "--output=jsonpath={.metadata.deletionTimestamp}"))

    wait(f"{pod} to be given up", poll, seconds=seconds)
