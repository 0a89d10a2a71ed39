"""Memory of the operator, with one and with many finished jobs."""

import json
import time
from pathlib import Path

from tests.bench.figures import Figure
from tests.kit import operator
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, get, kubectl, wait

MANY = 200


def _megabytes() -> float:
    (pod,) = operator.pods()
    uid = get("pod", pod, namespace=operator.NAMESPACE)["metadata"]["uid"]
    status = Path(f"/proc/{operator.process_of(uid)}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


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
