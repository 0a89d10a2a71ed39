"""TrainingJobs and Experiments of the tests, and a namespace in which they run."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.kit import operator
from tests.kit.kubectl import Object, Refused, apply, get, items, kubectl, wait

EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"
DIGITS: Object = yaml.load((EXAMPLES / "digits.yaml").read_text(), yaml.CSafeLoader)
FINISHED = {"Complete", "Failed"}
FINISH_SECONDS = 180
SNAPSHOT_LINES = 25
WAITING: dict[str, Any] = {"scheduling__queueName": "served-by-nobody"}
"""Changes for `digits`: the Job of the TrainingJob exists and has no pod, because no LocalQueue admits it."""
CPU = "100m"
"""CPU request of each pod: the node has room for all tests that run side by side, so no pod is Unschedulable."""


def digits(name: str = "digits", **changes: Any) -> Object:
    """Returns the job of digits.yaml with fields of its spec changed.

    Args:
        changes: Values by path, parts joined by two underscores, such as training__epochs=2; None removes a field.
    """
    job = copy.deepcopy(DIGITS)
    job["metadata"]["name"] = name
    job["spec"]["resources"]["requests"]["cpu"] = CPU
    job["spec"]["results"] |= {"exports": [], "evaluation": False}  # few tests look at them, and each takes seconds
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = job["spec"]
        for parent in parents:
            target = target.setdefault(parent, {})
        if value is None:
            target.pop(last, None)
        else:
            target[last] = value
    return job


def search(name: str = "search", template: Object | None = None, **changes: Any) -> Object:
    """Returns an Experiment that trains the job of digits.yaml once, for an epoch, with fields of its spec changed.

    Args:
        template: Changes of the template, as `digits` takes them.
    """
    of_trials: Object = {"training__epochs": 1, "training__callbacks": None} | (template or {})
    objective = {"metric": "val_loss", "goal": "Minimize"}
    spec = {"objective": objective, "search": {"method": "None"}, "template": {"spec": digits(**of_trials)["spec"]}}
    return {
        "apiVersion": DIGITS["apiVersion"],
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": spec | changes,
    }


def digits_file(folder: Path) -> Path:
    """Writes digits.npz into a folder and returns its path."""
    subprocess.run([sys.executable, str(EXAMPLES / "digits.py"), str(folder)], check=True)
    return folder / "digits.npz"


class Namespace:
    """A namespace of the cluster in which TrainingJobs run."""

    def __init__(self, name: str) -> None:
        self.name = name

    def apply(self, *jobs: Object) -> None:
        apply(*jobs, namespace=self.name)

    def job(self, name: str = "digits") -> Object:
        return get("trainingjob", name, namespace=self.name)

    def status(self, name: str = "digits") -> Object:
        """Returns the status of a TrainingJob, empty before its first status."""
        status: Object = self.job(name).get("status", {})
        return status

    def condition(self, kind: str, name: str = "digits") -> Object:
        """Returns a condition of a TrainingJob, empty if it isn't there."""
        conditions: list[Object] = self.status(name).get("conditions", [])
        return next((condition for condition in conditions if condition["type"] == kind), {})

    def wait_state(self, *states: str, name: str = "digits", seconds: float = FINISH_SECONDS) -> Object:
        """Waits until a TrainingJob is in one of these states and returns its status; the error describes the job."""

        def poll() -> Object | None:
            status = self.status(name)
            return status if status.get("state") in states else None

        try:
            return wait(f"{name} to be {' or '.join(states)}", poll, seconds=seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.describe(name)}") from None

    def finish(self, name: str = "digits", seconds: float = FINISH_SECONDS) -> Object:
        """Waits until a TrainingJob is Complete or Failed and returns its status."""
        return self.wait_state(*FINISHED, name=name, seconds=seconds)

    def complete(self, name: str = "digits", seconds: float = FINISH_SECONDS) -> Object:
        """Waits until a TrainingJob is Complete and returns its status; raises if it fails."""
        status = self.finish(name, seconds)
        assert status["state"] == "Complete", self.describe(name)
        return status

    def wait_epoch(self, epoch: int, name: str = "digits", seconds: float = FINISH_SECONDS) -> None:
        """Waits until so many epochs are finished."""

        def poll() -> bool:
            done: int = self.status(name).get("progress", {}).get("epoch", 0)
            return done >= epoch

        wait(f"epoch {epoch} of {name}", poll, seconds=seconds, every=0.1)

    def pods(self, name: str = "digits") -> list[Object]:
        return items("pods", namespace=self.name, selector=f"batch.kubernetes.io/job-name={name}")

    def objects(self, kind: str, name: str) -> list[str]:
        """Returns the names of the objects of a kind that belong to a TrainingJob: they begin with its name."""
        names = [item["metadata"]["name"] for item in items(kind, namespace=self.name)]
        return [found for found in names if found == name or found.startswith(f"{name}-")]

    def running_pod(self, name: str = "digits", seconds: float = 60) -> str:
        """Waits until a pod of a TrainingJob runs and returns its name."""

        def poll() -> str | None:
            running = (pod for pod in self.pods(name) if pod["status"]["phase"] == "Running")
            return next((pod["metadata"]["name"] for pod in running), None)

        return wait(f"a running pod of {name}", poll, seconds=seconds)

    def patch(self, spec: Object, name: str = "digits", *, kind: str = "tj") -> None:
        """Changes fields of the spec of a TrainingJob, or of its Job."""
        kubectl("patch", kind, name, "--namespace", self.name, "--type", "merge", "--patch", json.dumps({"spec": spec}))

    def describe(self, name: str = "digits") -> str:
        """Returns the description of a job, its pods and their logs."""
        parts = [kubectl("describe", "trainingjob", name, "--namespace", self.name)]
        for pod in self.pods(name):
            parts.append(yaml.safe_dump(pod["status"]))
            try:
                parts.append(kubectl("logs", pod["metadata"]["name"], "--namespace", self.name, "--tail", "40"))
            except Refused as error:
                parts.append(str(error))
        return "\n".join(parts)

    def events(self, name: str = "digits") -> list[Object]:
        found = items("events", namespace=self.name)
        about = [event for event in found if event["involvedObject"]["kind"] == "TrainingJob"]
        return [event for event in about if event["involvedObject"]["name"] == name]

    def warnings(self, name: str = "digits") -> list[str]:
        """Returns the reasons of the warnings about a TrainingJob, sorted."""
        return sorted(event["reason"] for event in self.events(name) if event["type"] == "Warning")

    def snapshot(self) -> str:
        """Return the objects and the latest Events of the namespace, and the operator's log lines about it."""
        here = ("--namespace", self.name)
        log = kubectl("logs", "deployment/epochal", "--namespace", operator.NAMESPACE, "--since", "5m", "--tail", "-1")
        events = kubectl("get", "events", *here, "--sort-by", "{.metadata.creationTimestamp}", "--no-headers")
        return "\n".join((
            kubectl("get", "exp,tj,modelservers,jobs,pods", *here, "--output", "wide"),
            *(line[:400] for line in events.splitlines()[-SNAPSHOT_LINES:]),
            *[line[:400] for line in log.splitlines() if f'"{self.name}"' in line][-SNAPSHOT_LINES:],
        ))  # fmt: skip
