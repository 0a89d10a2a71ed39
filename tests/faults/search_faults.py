"""Faults of a search: of its trials, operator and cluster, and changes by a person."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.faults import cluster, node
from tests.faults.disturbed_search import MEMORY, Search
from tests.faults.search_results import Place
from tests.kit import operator
from tests.kit.kubectl import get, kubectl, wait

AFTER = 0.0, 3.0
"""Seconds from when a trial is at work until its operator is ended."""
TAKE_OVER_SECONDS = 30
"""For another replica to find that a lease has run out."""
AWAY_SECONDS = 10
STORAGE_SECONDS = 15
GONE_SECONDS = 150
"""Longer than the grace that a trainer has to end."""


@dataclass
class Course:
    """The faults of a search so far."""

    search: Search
    chance: random.Random
    hit: set[Place] = field(default_factory=set)
    deleted: int = 0


Inject = Callable[[Course], list[str]]
"""Injects a fault. Returns the faults found at once."""


def delete_trial(course: Course) -> list[str]:
    """Deletes the TrainingJob of a trial as a person does."""
    search = course.search
    with search.at_work(course.hit) as (place, _):
        before = search.job(place)["metadata"]
        kubectl("delete", "tj", before["name"], "--namespace", search.namespace.name)
        course.hit.add(place)
        course.deleted += 1

    def again() -> bool:
        now = search.trainings().get(place)
        return now is not None and now["metadata"]["uid"] != before["uid"]

    search.wait(f"{before['name']} to be made again", again)
    return []


def evict(course: Course) -> list[str]:
    search = course.search
    with search.at_work(course.hit) as (place, run):
        name = search.job(place)["metadata"]["name"]
        cluster.evict(search.namespace.name, run.pod)
        course.hit.add(place)
        wait(f"the trainer of {run.pod} to end", lambda: run.ended is not None, seconds=GONE_SECONDS, every=0.05)
    search.wait(f"{name} to go on", lambda: any(pod != run.pod for pod in _pods(search, name)))
    failed = get("job", name, namespace=search.namespace.name)["status"].get("failed", 0)
    return [f"an eviction counts as a failure of {name}"] if failed else []


def _pods(search: Search, job: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in search.namespace.pods(job)]


def out_of_memory(course: Course) -> list[str]:
    """Has the kernel kill the trainer of a trial for memory."""
    with course.search.at_work(course.hit) as (place, run):
        assert run.pid is not None
        node.out_of_memory(run.pid, MEMORY)
        course.hit.add(place)
        wait(f"the trainer of {run.pod} to end", lambda: run.ended is not None, seconds=GONE_SECONDS, every=0.05)
    return []


def suspend(course: Course) -> list[str]:
    """Suspends the search, and resumes it once no trial runs."""
    search = course.search
    with search.at_work():
        search.patch(suspend=True)
        search.wait("all trials to be suspended", lambda: search.status().get("state") == "Suspended", GONE_SECONDS)
        states = {training["metadata"]["name"]: training["status"]["state"] for training in search.trainings().values()}
    search.patch(suspend=False)
    search.wait("it to go on", lambda: search.condition("Suspended").get("status") == "False")
    return [f"{name} was {state}" for name, state in states.items() if state not in {"Suspended", "Complete", "Failed"}]


def lose_storage(course: Course) -> list[str]:
    """Takes the storage away for some seconds."""
    with course.search.at_work(), cluster.scaled_to_nothing("minio", "minio"):
        time.sleep(course.search.bed.outage or STORAGE_SECONDS)
    return []


def restart_api_server(course: Course) -> list[str]:
    """Takes the API server away for some seconds."""
    with course.search.at_work(), cluster.without("kube-apiserver"):
        time.sleep(AWAY_SECONDS)
    return []


def kill_leader(course: Course) -> list[str]:
    """Kills the leader with SIGKILL, like a lost node: its lease has to run out."""
    leader = wait("a leader", operator.leader, seconds=TAKE_OVER_SECONDS)
    with course.search.at_work():
        time.sleep(course.chance.uniform(*AFTER))
        pid = operator.process_of(get("pod", leader, namespace=operator.NAMESPACE)["metadata"]["uid"])
        os.kill(pid, signal.SIGKILL)
        kubectl("delete", "pod", leader, "--namespace", operator.NAMESPACE, "--grace-period=0", "--force")
        wait("another leader", lambda: operator.leader() not in {"", leader}, seconds=TAKE_OVER_SECONDS)
    kubectl("rollout", "status", "deployment/epochal", "--namespace", operator.NAMESPACE, "--timeout=90s")
    return []


@contextmanager
def two_replicas() -> Iterator[None]:
    """Runs two operators, one of which leads."""
    operator.scale(2)
    try:
        yield
    finally:
        operator.scale(1)
