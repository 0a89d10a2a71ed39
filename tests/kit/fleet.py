"""Many TrainingJobs at once, and how long an operator takes to begin when there are so many."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.kit import apiserver
from tests.kit.apiserver import MERGE
from tests.kit.jobs import digits
from tests.kit.kubectl import Object, Refused, get, wait
from tests.kit.process import Process

CLIENTS = 8
"""Requests at once: the API server of a small machine has other work."""
SENTINEL = "zz-sentinel"
"""Name that comes last, wherever names are sorted."""
FINISHED: Object = {
    "observedGeneration": 1,
    "state": "Complete",
    "attempt": 1,
    "startTime": "2026-11-25T12:00:00Z",
    "completionTime": "2026-11-25T12:10:00Z",
    "conditions": [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": "",
            "lastTransitionTime": "2026-11-25T12:10:00Z",
            "observedGeneration": 1,
        }
        for kind, status, reason in (
            ("Ready", "True", "Completed"),
            ("Stalled", "False", "Progressing"),
            ("Suspended", "False", "Active"),
            ("Complete", "True", "Completed"),
            ("Failed", "False", "Unfinished"),
            ("Finished", "True", "Complete"),
        )
    ],
    "progress": {"attempt": 1, "sequence": 30, "stage": "Done", "epoch": 10, "epochs": 10, "percent": 100},
    "metrics": {"loss": "0.0368", "accuracy": "0.9892", "val_loss": "0.0436", "val_accuracy": "0.9861"},
    "best": {"epoch": 9, "metric": "val_loss", "value": "0.0436"},
    "display": {"epoch": "10/10", "metric": "val_loss 0.0436"},
}
"""The status of a TrainingJob that has ended."""


class Start(NamedTuple):
    """How an operator began.

    Args:
        acts: Seconds from the start of its process until it acted on the job that is last in any order.
        all_seen: Seconds until it had looked at every job.
        megabytes: Its resident memory, settled.
    """

    acts: float
    all_seen: float
    megabytes: float


def create(namespace: str, names: Iterable[str], *, finished: bool = False) -> None:
    """Creates suspended TrainingJobs, or such that have ended, with a bounded number of requests at once."""
    path = apiserver.path("trainingjobs", namespace=namespace)

    def one(name: str) -> None:
        apiserver.request("POST", path, digits(name, suspend=True))
        if finished:
            apiserver.request("PATCH", f"{path}/{name}/status", {"status": FINISHED}, content_type=MERGE)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, names))


def delete(namespace: str) -> None:
    """Deletes all TrainingJobs of a namespace, and waits until they are gone."""
    path = apiserver.path("trainingjobs", namespace=namespace)
    names = [job["metadata"]["name"] for job in apiserver.request("GET", path)["items"]]
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda name: apiserver.request("DELETE", f"{path}/{name}"), names))
    wait("all TrainingJobs to be gone", lambda: not apiserver.request("GET", f"{path}?limit=1")["items"], seconds=120)


def has_job(namespace: str, name: str) -> bool:
    """Returns whether a TrainingJob has got its Job."""
    try:
        get("job", name, namespace=namespace)
    except Refused:
        return False
    return True


def resident(pid: int) -> float:
    """Returns the resident memory of a process in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


def measure_start(process: Process, namespace: str, jobs: int) -> Start:
    """Starts an operator and measures how it begins.

    Args:
        process: The operator, which does not run yet; it serves this namespace.
        namespace: Where the jobs are, none of which needs anything done.
        jobs: How many there are. One more is created right before the start: the sentinel, which is last in any order.
    """
    create(namespace, [SENTINEL])
    began = time.monotonic()
    process.start()
    wait("the sentinel's Job", lambda: has_job(namespace, SENTINEL), seconds=120, every=0.02)
    acts = time.monotonic() - began
    wait(
        "all jobs to be looked at",
        lambda: (process.metric("epochal_queue_wait_seconds_count") or 0) >= jobs + 1,
        seconds=120,
        every=0.05,
    )
    all_seen = time.monotonic() - began
    time.sleep(10)
    return Start(acts, all_seen, resident(process.pid))
