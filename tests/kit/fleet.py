"""Many TrainingJobs and trials at once, and the time that an operator takes to start with them."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from epochal_api.experiment.spec import ExperimentSpec
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial import Trial
from epochal_operator.experiment.trial_job import training_job

from tests.kit import apiserver
from tests.kit.apiserver import MERGE
from tests.kit.jobs import WAITING, digits
from tests.kit.kubectl import Object, Refused, get, wait
from tests.kit.process import Process

CLIENTS = 8
"""Requests at once: the API server of a small machine has other work."""
SENTINEL = "zz-sentinel"
"""A name that comes last in any order."""
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
    """How soon an operator acted after its start.

    Args:
        acts: Seconds from the start of its process until it acted on the job that is last in any order.
        all_seen: Seconds until it had looked at every job.
        megabytes: Its resident memory, settled.
    """

    acts: float
    all_seen: float
    megabytes: float


def create(namespace: str, names: Iterable[str], *, finished: bool = False) -> None:
    """Creates TrainingJobs whose Jobs have no pods, or that have ended, with a bounded number of requests."""
    path = apiserver.path("trainingjobs", namespace=namespace)

    def create_one(name: str) -> None:
        apiserver.request("POST", path, digits(name, **WAITING))
        if finished:
            apiserver.request("PATCH", f"{path}/{name}/status", {"status": FINISHED}, content_type=MERGE)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(create_one, names))


def create_experiment(namespace: str, name: str, *, trials: int) -> None:
    """Create a running Experiment that lacks its last trial: the TrainingJobs of all others are Complete.

    Args:
        trials: The number of its trials, with the last one.
    """
    # No node has this label: the last trial never runs.
    template = digits("template", scheduling={"nodeSelector": {"epochal.dev/none": ""}})["spec"]
    document = {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {
            "objective": {"metric": "val_loss", "goal": "Minimize"},
            "search": {"method": "Random", "seed": 0},
            "schedule": {"method": "None"},
            "parallelism": 1,
            "maxTrials": trials,
            "parameters": [{"name": "seed", "paths": ["training.seed"], "int": {"min": 0, "max": 2**31 - 1}}],
            "template": {"spec": template},
        },
    }
    created = apiserver.request("POST", apiserver.path("experiments", namespace=namespace), document)
    spec = ExperimentSpec.model_validate(created["spec"])
    space, path = Space.of(spec.parameters), apiserver.path("trainingjobs", namespace=namespace)

    def create_one(number: int) -> None:
        body = training_job(created, spec, space, Trial(number, {"seed": str(number)}, 1))
        apiserver.request("POST", path, body)
        apiserver.request(
            "PATCH", f"{path}/{body['metadata']['name']}/status", {"status": FINISHED}, content_type=MERGE
        )

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(create_one, range(trials - 1)))


def delete(namespace: str) -> None:
    path = apiserver.path("trainingjobs", namespace=namespace)
    names = [job["metadata"]["name"] for job in apiserver.request("GET", path)["items"]]
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda name: apiserver.request("DELETE", f"{path}/{name}"), names))
    wait("all TrainingJobs to be gone", lambda: not apiserver.request("GET", f"{path}?limit=1")["items"], seconds=120)


def has_job(namespace: str, name: str) -> bool:
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
