"""Workloads of the cluster from its start: DNS, MinIO, and a node that offers GPUs."""

import socket
from string import Template
from typing import Any

import apiserver
import binaries
import images
import network
import pki
from paths import BIN, KUBECONFIG, SOURCE, STATE
from process import call, wait_until
from report import Failure

NODE = f"/api/v1/nodes/{pki.NODE}"
GPUS = "4"
APPLIED = STATE / "addons.yaml"
DEPLOYMENTS = ("kube-system/coredns", "minio/minio")
SERVICES = ("/api/v1/namespaces/kube-system/services/kube-dns", "/api/v1/namespaces/minio/services/minio")


def apply() -> None:
    manifest = _manifest()
    call(
        *(BIN / "kubectl", f"--kubeconfig={KUBECONFIG}", "apply", "--server-side", "--force-conflicts", "--filename=-"),
        stdin=manifest,
    )
    APPLIED.write_text(manifest)


def _manifest() -> str:
    values = {
        "coredns": images.tag(binaries.COREDNS),
        "minio": images.tag(binaries.MINIO),
        "dns_service": network.DNS_SERVICE,
        "domain": network.DOMAIN,
        "state": str(STATE),
    }
    files = sorted((SOURCE / "addons").glob("*.yaml"))
    return "\n---\n".join(Template(file.read_text()).substitute(values) for file in files)


def offer_gpus() -> None:
    """Gives the node GPUs that do not exist; the scheduler counts them like real ones."""
    if apiserver.request(NODE)["status"]["capacity"].get("nvidia.com/gpu") != GPUS:
        gpus = {"nvidia.com/gpu": GPUS}
        apiserver.request(f"{NODE}/status", {"status": {"capacity": gpus, "allocatable": gpus}})


def wait_for_node() -> None:
    """Waits until the node is ready and offers its GPUs."""
    wait_until(_node_settled, what="the node", timeout=60, why_not=_node)


def wait_for_workloads() -> None:
    """Waits until DNS and MinIO serve."""
    wait_until(ready, what="DNS and MinIO", timeout=120, why_not=_pods)


def ready() -> bool:
    try:
        return APPLIED.read_text() == _manifest() and _node_ready(apiserver.request(NODE)) and _workloads_ready()
    except (Failure, FileNotFoundError):
        return False


def _node_settled() -> bool:
    try:
        offer_gpus()
        return _node_ready(apiserver.request(NODE))
    except Failure:  # it has not registered yet
        return False


def _node_ready(node: dict[str, Any]) -> bool:
    status = node["status"]
    conditions = {condition["type"]: condition["status"] for condition in status["conditions"]}
    return conditions.get("Ready") == "True" and bool(status["allocatable"].get("nvidia.com/gpu") == GPUS)


def _workloads_ready() -> bool:
    found = {
        f"{deployment['metadata']['namespace']}/{deployment['metadata']['name']}": deployment
        for deployment in apiserver.request("/apis/apps/v1/deployments")["items"]
    }
    rolled_out = all(name in found and _rolled_out(found[name]) for name in DEPLOYMENTS)
    # A kubelet that has just started does not know the state of its pods yet.
    return rolled_out and all(map(_serves, SERVICES))


def _serves(service: str) -> bool:
    """Whether a connection to a service is accepted."""
    spec = apiserver.request(service)["spec"]
    port = next(port["port"] for port in spec["ports"] if port["protocol"] == "TCP")
    try:
        socket.create_connection((spec["clusterIP"], port), timeout=1).close()
    except OSError:
        return False
    return True


def _rolled_out(deployment: dict[str, Any]) -> bool:
    status, wanted = deployment["status"], deployment["spec"]["replicas"]
    return bool(
        status.get("observedGeneration") == deployment["metadata"]["generation"]
        and status.get("replicas") == status.get("updatedReplicas") == status.get("availableReplicas") == wanted
    )


def _node() -> str:
    return _kubectl("describe", "node", pki.NODE)


def _pods() -> str:
    return _kubectl("get", "pods,events", "--all-namespaces")


def _kubectl(*arguments: str) -> str:
    try:
        return call(BIN / "kubectl", f"--kubeconfig={KUBECONFIG}", *arguments)
    except Failure as failure:
        return str(failure)
