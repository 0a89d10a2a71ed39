"""The trainer beside a plain Keras script in the same image, and MNIST from apply to Complete."""

import json
from datetime import datetime
from pathlib import Path
from statistics import mean, median
from typing import Any

import yaml

from tests.bench.figures import Figure, spread
from tests.kit import buckets
from tests.kit.jobs import EXAMPLES, Namespace
from tests.kit.kubectl import Object, apply, get, kubectl

PLAIN = (Path(__file__).parent / "plain.py").read_text()
EPOCHS = 10
ROUNDS = 2


def _seconds(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def _pod_seconds(pod: Object) -> float:
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    return _seconds(ended["startedAt"], ended["finishedAt"])


def _ours(namespace: Namespace, name: str) -> tuple[list[float], float, float]:
    """Trains mnist.yaml; returns seconds of each steady epoch, of the pod, and from apply to Complete."""
    job = yaml.safe_load((EXAMPLES / "mnist.yaml").read_text())
    job["metadata"]["name"] = name
    job["spec"]["training"]["epochs"] = EPOCHS
    namespace.apply(job)
    status = namespace.complete(name, seconds=900)
    folder = status["results"]["uri"].removeprefix("s3://mnist-results/")
    history = buckets.read(buckets.connect(), "mnist-results", f"{folder.rstrip('/')}/history.csv").decode()
    header, *rows = [line.split(",") for line in history.splitlines()]
    seconds = [float(row[header.index("seconds")]) for row in rows]
    created = get("trainingjob", name, namespace=namespace.name)["metadata"]["creationTimestamp"]
    (pod,) = namespace.pods(name)
    return seconds[1:], _pod_seconds(pod), _seconds(created, status["completionTime"])


def _plain(namespace: Namespace, name: str, like: str) -> tuple[list[float], float]:
    """Runs the plain script in a pod like that of a TrainingJob; returns the same figures but for the last."""
    made = get("job", like, namespace=namespace.name)
    template: Any = made["spec"]["template"]
    template["metadata"] = {"annotations": template["metadata"]["annotations"]}
    container = template["spec"]["containers"][0]
    container["command"] = ["python3", "-c", PLAIN]
    container["env"] += [{"name": "ENDPOINT", "value": buckets.HOST}, {"name": "EPOCHS", "value": str(EPOCHS)}]
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template}}
    apply(job, namespace=namespace.name)
    kubectl(
        "wait", "--for=condition=Complete", f"job/{name}", "--namespace", namespace.name, "--timeout=900s", timeout=920
    )
    log = kubectl("logs", f"job/{name}", "--namespace", namespace.name)
    steady = json.loads(next(line for line in log.splitlines() if line.startswith("EPOCHS ")).removeprefix("EPOCHS "))
    pods = json.loads(
        kubectl("get", "pods", "--namespace", namespace.name, "--selector", f"job-name={name}", "-o", "json")
    )
    return steady, _pod_seconds(pods["items"][0])


def trainer_beside_script(namespace: Namespace) -> list[Figure]:
    """Trains MNIST with the trainer and with the plain script in turn."""
    ours: list[float] = []
    plain: list[float] = []
    our_pods: list[float] = []
    plain_pods: list[float] = []
    wholes: list[float] = []
    for number in range(ROUNDS):
        steady, pod, whole = _ours(namespace, f"mnist-{number}")
        ours, our_pods, wholes = [*ours, *steady], [*our_pods, pod], [*wholes, whole]
        steady, pod = _plain(namespace, f"plain-{number}", f"mnist-{number}")
        plain, plain_pods = [*plain, *steady], [*plain_pods, pod]
    steady_ratio = median(ours) / median(plain)
    pod_ratio = mean(our_pods) / mean(plain_pods)
    return [
        Figure(
            "steady seconds per epoch in the pod",
            f"a plain Keras script in the same image: {spread(plain)}",
            f"{spread(ours)}: ratio {steady_ratio:.3f}",
            "ratio at most 1.01",
            steady_ratio <= 1.01,
        ),
        Figure(
            f"whole pod of {EPOCHS} epochs, start to exit",
            f"the same script: {spread(plain_pods)}",
            f"{spread(our_pods)}: ratio {pod_ratio:.3f}",
            "ratio at most 1.05",
            pod_ratio <= 1.05,
        ),
        Figure(
            f"MNIST, {EPOCHS} epochs, apply -> Complete",
            "325 s, the service of 2018 with GPUs",
            spread(wholes),
            "under 200 s",
            max(wholes) < 200,
        ),
    ]
