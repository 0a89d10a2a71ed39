"""Faults of the operator while trainings run, and trainings that continue from another training."""

import os
import signal
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure
from tests.faults.disturbed_training import Bed, Cost
from tests.faults.scenario import Outcome, Trial, slug
from tests.kit import apiserver, fleet, operator
from tests.kit.kubectl import get, kubectl, wait
from tests.kit.process import Process, installed_away

MANY = 1000
ACTS_SECONDS = 3
EXPERIMENTS, TRIALS = 10, 1000
ACTS_BESIDE_TRIALS_SECONDS = 10
BACK_SECONDS = 60
BETWEEN = 0.3, 2.5
"""Seconds between an operator's process and its end."""
SMALL_EPOCHS = 12
SMALL: dict[str, Any] = {"resources__requests": {"cpu": "50m", "memory": "512Mi"}}


@dataclass(frozen=True)
class OperatorKills:
    """The operator is killed again and again while trainings run.

    Args:
        name: What the table calls it.
    """

    jobs: int = 20
    kills: int = 50
    epochs: int = SMALL_EPOCHS
    name: str = "SIGKILL of the operator, 20 jobs"
    alone: bool = True

    def trials(self) -> list[Trial]:
        return [Trial(slug(self.name), self.kills, self._run)]

    def _run(self, bed: Bed) -> Outcome:
        reference = bed.reference(epochs=self.epochs)
        chance = bed.chance(self.name)
        names = [f"beside-{number:02}" for number in range(self.jobs)]
        with ExitStack() as stack:
            trainings = [stack.enter_context(bed.train(name, epochs=self.epochs, **SMALL)) for name in names]
            done = 0
            while done < self.kills:
                kill(chance.uniform(*BETWEEN))
                done += 1
            differences = [found for training in trainings for found in training.results().differences(reference)]
            starts = {training.name: len(training.observer.runs) for training in trainings}
        wrong = [f"{name} had {count} trainers" for name, count in starts.items() if count != 1]
        wrong += [fault for fault in bed.audit.faults if fault.startswith("beside-")]
        return Outcome((Cost(until=0.0),) * self.kills, tuple(differences), tuple(wrong))


def kill(after: float) -> None:
    """Kills the operator some seconds after its process has started.

    The kubelet would wait longer and longer until it starts the same pod again, up to five minutes: the pod is
    removed with its process, and its Deployment makes another at once.
    """

    def process() -> int | None:
        for pod in operator.pods():
            try:
                return operator.process_of(get("pod", pod, namespace=operator.NAMESPACE)["metadata"]["uid"])
            except ValueError:
                continue
        return None

    pid = wait("the operator's process", process, seconds=BACK_SECONDS, every=0.1)
    time.sleep(after)
    names = operator.pods()
    os.kill(pid, signal.SIGKILL)
    kubectl("delete", "pod", *names, "--namespace", operator.NAMESPACE, "--grace-period=0", "--force")


@dataclass(frozen=True)
class GoingOn:
    """Ends a training early, and continues from it in another training.

    Args:
        ways: How the other one names the first: by name, by uri, or both.
        name: What the table calls it.
        alone: Whether nothing else may run meanwhile.
    """

    ways: tuple[str, ...] = ("name", "uri")
    name: str = "another job goes on from a finished one"
    alone: bool = False

    def trials(self) -> list[Trial]:
        """Returns the trials: by the name of the first training, or by where its results lie."""
        return [Trial(f"{slug(self.name)}-by-{how}", 1, partial(self._run, how)) for how in self.ways]

    def _run(self, how: str, bed: Bed) -> Outcome:
        reference = bed.reference()
        with bed.train(f"first-by-{how}", epochs=bed.epochs // 2) as first:
            uri = first.complete()["results"]["uri"]
            source = {"name": first.name} if how == "name" else {"uri": uri}
            with bed.train(f"further-by-{how}", training__continueFrom=source) as further:
                differences = further.results().differences(reference)
                begun = further.run.resumed_from
        expected = bed.epochs // 2 * further.run.per_epoch
        wrong = [] if begun == expected else [f"began at step {begun} instead of {expected}"]
        return Outcome((Cost(until=0.0),), tuple(differences), tuple(wrong))


def start_with_many(namespace: str) -> Figure:
    """Measures how soon after its start an operator acts beside very many jobs."""
    kubectl("create", "namespace", namespace)
    jobs = f"{apiserver.path('jobs', namespace=namespace)}?limit=1"

    def have_jobs() -> bool:
        found = apiserver.request("GET", jobs)["metadata"]
        return int(found.get("remainingItemCount", 0)) + 1 >= MANY

    try:
        fleet.create(namespace, [f"many-{number:04}" for number in range(MANY)])
        wait(f"{MANY} Jobs", have_jobs, seconds=300, every=1)
        with installed_away(), tempfile.TemporaryDirectory() as folder:
            process = Process(Path(os.environ["KUBECONFIG"]), Path(folder) / "log", namespaces=(namespace,))
            try:
                start = fleet.measure_start(process, namespace, MANY)
            finally:
                process.stop()
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")
    return Figure(
        f"the operator acts, from its start, with {MANY:,} jobs",
        "FfDL's API 3-5 s, manager 4-6 s",
        f"{start.acts:.1f} s; had looked at all after {start.all_seen:.1f} s; {start.megabytes:.0f} MB",
        f"within {ACTS_SECONDS} s",
        start.acts <= ACTS_SECONDS,
    )


def start_with_experiments(namespace: str) -> Figure:
    """Measures how soon after its start an operator acts beside running Experiments with very many trials."""
    kubectl("create", "namespace", namespace)
    names = [f"search-{number}" for number in range(EXPERIMENTS)]

    def have_trials() -> bool:
        found = [get("experiment", name, namespace=namespace).get("status") or {} for name in names]
        return all((status.get("trials") or {}).get("created") == TRIALS for status in found)

    try:
        with installed_away(), tempfile.TemporaryDirectory() as folder:
            for name in names:
                fleet.create_experiment(namespace, name, trials=TRIALS)
            first, second = (
                Process(Path(os.environ["KUBECONFIG"]), Path(folder) / name, namespaces=(namespace,))
                for name in ("first", "second")
            )
            first.start()  # It writes the ledgers from the TrainingJobs, and creates the last trials.
            try:
                wait("the trials of all Experiments", have_trials, seconds=300, every=1)
            finally:
                first.stop()
            try:
                start = fleet.measure_start(second, namespace, EXPERIMENTS * (TRIALS + 1))
            finally:
                second.stop()
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")
    return Figure(
        f"the operator acts, from its start, with {EXPERIMENTS} running Experiments of {TRIALS:,} trials",
        "",
        f"{start.acts:.1f} s; had looked at all after {start.all_seen:.1f} s; {start.megabytes:.0f} MB",
        f"within {ACTS_BESIDE_TRIALS_SECONDS} s",
        start.acts <= ACTS_BESIDE_TRIALS_SECONDS,
    )


SCENARIOS = (OperatorKills(), GoingOn())
