"""The operator's Deployment on the local cluster."""

import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.kit.kubectl import Object, get, items, kubectl, wait

NAMESPACE = "epochal-system"
PROGRESS = "https://epochal.epochal-system.svc:8443"
METRICS = "http://epochal.epochal-system.svc:8080/metrics"
PROGRAMS = ("/epochal-operator", "/epochal-server", "/epochal-studio", "/epochal-trainer")
SELECTOR = "app.kubernetes.io/name=epochal"


def pods() -> list[str]:
    """Returns the names of the operator's pods that are not terminating."""
    found = items("pods", namespace=NAMESPACE, selector=SELECTOR)
    return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]


def leader() -> str:
    """Returns the name of the pod that holds the lease, or "" without a holder, or if that pod no longer exists."""
    holder = str(get("lease", "epochal", namespace=NAMESPACE)["spec"].get("holderIdentity") or "")
    return holder if holder in pods() else ""


def scale(replicas: int) -> None:
    """Sets the number of replicas and waits until exactly so many pods exist."""
    kubectl("scale", "deployment/epochal", "--namespace", NAMESPACE, f"--replicas={replicas}")
    kubectl("rollout", "status", "deployment/epochal", "--namespace", NAMESPACE, "--timeout=90s")
    wait(
        f"{replicas} pods of the operator",
        lambda: len(items("pods", namespace=NAMESPACE, selector=SELECTOR)) == replicas,
        seconds=60,
    )


def kill() -> None:
    """Ends the operator's processes as a crash would (SIGKILL): the kubelet starts them again."""
    for pod in pods():
        uid = kubectl("get", "pod", pod, "--namespace", NAMESPACE, "--output", "jsonpath={.metadata.uid}")
        os.kill(process_of(uid), signal.SIGKILL)


def process_of(pod_uid: str) -> int:
    """Returns the main process of a pod's container: an operator, a trainer or a server.

    The local cluster's node is this machine, so that its processes are seen from here.
    """
    found = []
    for cgroup in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            text, command = cgroup.read_text(), (cgroup.parent / "cmdline").read_text()
        except OSError:
            continue
        if pod_uid in text and any(part.endswith(PROGRAMS) for part in command.split("\0")[:2]):
            found.append(int(cgroup.parent.name))
    return min(found)


@contextmanager
def stopped(*pods: Object) -> Iterator[None]:
    """Stops the processes of trainers whose work does not matter: they would take the CPU of other tests."""
    processes = [process_of(pod["metadata"]["uid"]) for pod in pods]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def restarts() -> dict[str, int]:
    """Returns how often the container of each of the operator's pods was restarted."""
    found = items("pods", namespace=NAMESPACE, selector=SELECTOR)
    return {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in found}


def metrics() -> str:
    with urllib.request.urlopen(METRICS, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def logs() -> str:
    return kubectl("logs", "--namespace", NAMESPACE, "--selector", SELECTOR, "--tail", "-1")
