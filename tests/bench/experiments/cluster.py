"""A whole search on the local cluster: the overhead of a rung beside its epochs, and idle slots."""

import csv
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL, RUNG_LABEL, TRIAL_LABEL

from tests.bench.experiments.search import ASHA, METRIC, NAME, experiment
from tests.bench.figures import Figure, spread
from tests.kit import buckets
from tests.kit.jobs import digits_file
from tests.kit.kubectl import Object, apply, kubectl

NAMESPACE = "bench-experiments"
TRIALS = 12
EPOCHS = 9
SLOTS = 2
SECONDS = 1500
"""Longest that the search may take."""
EPOCH = 20
"""Seconds of the epoch that the overhead is compared with."""
IDLE = 5
"""Most seconds that a slot may be idle while there are new trials to begin."""


@dataclass(frozen=True)
class Rung:
    """The TrainingJob of a rung; times are in seconds since 1970."""

    number: int
    created: float
    begin: float
    end: float
    complete: float
    training: float
    stages: Mapping[str, float]

    @property
    def overhead(self) -> float:
        """The time from the TrainingJob's creation to its completion without its epochs."""
        return self.complete - self.created - self.training


def idle(rungs: Sequence[Rung], slots: int) -> list[float]:
    """Returns how long slots had nothing to run before each next rung, as long as there were new trials to begin.

    A slot is taken while a container runs. The first to be free gets the first that begins.

    Args:
        slots: How many may run at the same time.
    """
    begun = sorted(rungs, key=lambda rung: rung.begin)
    last = max(place for place, rung in enumerate(begun) if rung.number == 0)
    freed = sorted(rung.end for rung in rungs)
    return [max(0.0, rung.begin - end) for rung, end in zip(begun[slots : last + 1], freed, strict=False)]


def search_on_cluster() -> list[Figure]:
    """Runs a search in a new namespace, and measures it by the times in its objects."""
    store = buckets.connect()
    with tempfile.TemporaryDirectory() as folder:
        buckets.fill(store, "digits-data", [digits_file(Path(folder))])
    buckets.fill(store, "digits-results", [])
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", timeout=300)
    apply(*buckets.namespace_with_credentials(NAMESPACE, *buckets.credentials()))
    document = experiment("TPE", ASHA, trials=TRIALS, epochs=EPOCHS, parallelism=SLOTS)
    apply({**document, "metadata": {"name": NAME}}, namespace=NAMESPACE)
    where = ["--namespace", NAMESPACE]
    kubectl("wait", "--for=condition=Finished", f"exp/{NAME}", *where, f"--timeout={SECONDS}s", timeout=SECONDS + 20)
    found = figures(_get("exp", NAME), _rungs(store), _values())
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    return found


def figures(experiment: Object, rungs: Sequence[Rung], template: Sequence[float]) -> list[Figure]:
    """Returns the figures of a search; `template` has the value of the template's own trial after each rung."""
    status = experiment["status"]
    overhead = [rung.overhead for rung in rungs]
    waited = idle(rungs, SLOTS)
    trained, repeated = (status["epochs"].get(name, 0) for name in ("trained", "repeated"))
    return [
        Figure(
            f"a search on the cluster, {TRIALS} trials of at most {EPOCHS} epochs: {METRIC}",
            f"its template: {min(template):.4g}",
            f"{float(status['best']['value']):.4g}; {status['state']} after {len(rungs)} rungs and {trained} epochs",
            "better than its template",
            status["state"] == "Complete" and float(status["best"]["value"]) < min(template),
        ),
        Figure("its epochs that were trained twice", f"{trained} epochs", str(repeated), "0", not repeated),
        Figure(
            f"overhead of a rung, {SLOTS} at a time, TrainingJob created -> complete but for its epochs",
            f"an epoch of {EPOCH} s: {median(overhead) / EPOCH:.0%}",
            f"{spread(overhead)}: {_parts(rungs)}",
        ),
        Figure(
            f"a slot without a running container, {SLOTS} slots, while there are new trials",
            "",
            spread(waited),
            f"at most {IDLE} s",
            max(waited) <= IDLE,
        ),
    ]


def _parts(rungs: Sequence[Rung]) -> str:
    """Returns the parts of an overhead, by medians."""
    stages = ("import", "start", "network", "storage", "data", "test", "results")
    parts = {
        "until the container begins": [rung.begin - rung.created for rung in rungs],
        **{name: [rung.stages.get(name, 0.0) for rung in rungs] for name in stages},
        "checkpoints and what else lies between epochs": [rung.stages["training"] - rung.training for rung in rungs],
        "from the container's end until complete": [rung.complete - rung.end for rung in rungs],
    }
    return ", ".join(f"{name} {median(seconds):.2g} s" for name, seconds in parts.items())


def _get(*what: str) -> Any:
    return json.loads(kubectl("get", *what, "--namespace", NAMESPACE, "--output", "json"))


def _trainings() -> list[Object]:
    found: list[Object] = _get("tj", "--selector", f"{EXPERIMENT_LABEL}={NAME}")["items"]
    return sorted(found, key=lambda one: (_number(one, TRIAL_LABEL), _number(one, RUNG_LABEL)))


def _number(training: Object, label: str) -> int:
    return int(training["metadata"]["labels"][label])


def _values() -> list[float]:
    """Returns the value of the template's own trial after each of its rungs."""
    return [
        float(training["status"]["best"]["value"]) for training in _trainings() if _number(training, TRIAL_LABEL) == 0
    ]


def _rungs(store: Any) -> list[Rung]:
    pods = {pod["metadata"]["labels"]["batch.kubernetes.io/job-name"]: pod for pod in _pods()}
    rungs: list[Rung] = []
    done: dict[int, int] = {}
    for training in _trainings():
        metadata, status = training["metadata"], training["status"]
        trial = _number(training, TRIAL_LABEL)
        bucket, _, folder = status["results"]["uri"].removeprefix("s3://").rstrip("/").partition("/")
        stages = json.loads(buckets.read(store, bucket, f"{folder}/summary.json"))["seconds"]
        history = csv.DictReader(io.StringIO(buckets.read(store, bucket, f"{folder}/history.csv").decode()))
        own = [float(row["seconds"]) for row in history if int(row["epoch"]) > done.get(trial, 0)]
        done[trial] = status["progress"]["epoch"]
        ran = pods[metadata["name"]]["status"]["containerStatuses"][0]["state"]["terminated"]
        rungs.append(
            Rung(
                number=_number(training, RUNG_LABEL),
                created=_seconds(metadata["creationTimestamp"]),
                begin=_seconds(ran["startedAt"]),
                end=_seconds(ran["finishedAt"]),
                complete=_seconds(status["completionTime"]),
                training=sum(own),
                stages=stages,
            )
        )
    return rungs


def _pods() -> list[Object]:
    found: list[Object] = _get("pods", "--selector", "batch.kubernetes.io/job-name")["items"]
    return found


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
