"""Memory of the operator with one and with many finished jobs, and of the API server with the chart's policies."""

import json
import time
from statistics import median

from tests.bench.figures import Figure, spread
from tests.faults.cluster import component
from tests.kit import operator, proc
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, Refused, apply, get, kubectl, wait

MANY = 200
POLICIES = "validatingadmissionpolicies,validatingadmissionpolicybindings"
STARTS = 3
"""Starts of the API server with the policies, and without them."""


def _megabytes() -> float:
    (pod,) = operator.pods()
    uid = get("pod", pod, namespace=operator.NAMESPACE)["metadata"]["uid"]
    return proc.resident(operator.process_of(uid))


def _finished(namespace: Namespace, name: str, like: Object) -> None:
    """Creates a job with the status of a finished one, since 200 trainings would measure nothing more."""
    namespace.apply(digits(name, suspend=True))
    status = {key: value for key, value in like.items() if key != "jobName"}
    patch = json.dumps({"status": status})
    where = ["--namespace", namespace.name, "--subresource", "status", "--type", "merge"]
    kubectl("patch", "tj", name, *where, "--patch", patch)


def operator_memory(namespace: Namespace) -> list[Figure]:
    """Measures the operator's resident memory after a restart with one, then with many finished jobs."""
    namespace.apply(digits("one"))
    status = namespace.complete("one")
    time.sleep(10)
    with_one = _megabytes()
    for number in range(MANY - 1):
        _finished(namespace, f"finished-{number:03}", status)
    wait(
        "the operator to know them all",
        lambda: operator.metrics().count("epochal_trainingjob_info{") >= MANY,
        seconds=60,
    )
    time.sleep(10)
    with_many = _megabytes()
    return [
        Figure(
            f"operator memory with {MANY} finished jobs",
            f"with 1: {with_one:.0f} MB",
            f"{with_many:.0f} MB",
            "under 120 MB",
            with_many < 120,
        )
    ]


def policy_memory(namespace: Namespace) -> list[Figure]:
    """Measures the API server's resident memory after a start with the chart's admission policies, and without them.

    Each start accepts a TrainingJob, so that the API server has compiled the policies.
    """
    policies = json.loads(kubectl("get", POLICIES, "--output=json"))["items"]
    for policy in policies:
        policy["metadata"] = {key: policy["metadata"][key] for key in ("name", "labels", "annotations")}
    with_policies, without = list[float](), list[float]()
    for _ in range(STARTS):
        with_policies.append(_after_start(namespace))
        for kind in POLICIES.split(","):
            kubectl("delete", kind, *{policy["metadata"]["name"] for policy in policies}, "--ignore-not-found")
        try:
            without.append(_after_start(namespace))
        finally:
            apply(*policies)
    more = median(with_policies) - median(without)
    return [
        Figure(
            "memory of the API server with the chart's admission policies",
            f"without them: {spread(without, 'MB')}",
            f"{spread(with_policies, 'MB')}: {more:+.0f} MB",
        )
    ]


def _after_start(namespace: Namespace) -> float:
    component("restart", "kube-apiserver")
    wait("the API server to accept a TrainingJob", lambda: _accepts(namespace), seconds=60)
    time.sleep(60)
    return proc.resident(proc.find("kube-apiserver"))


def _accepts(namespace: Namespace) -> bool:
    try:
        namespace.apply(digits("accepted", suspend=True))
        kubectl("delete", "tj", "accepted", "--namespace", namespace.name)
    except Refused:
        return False
    return True
