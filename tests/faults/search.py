"""A search that is disturbed."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL, PARAMETERS_ANNOTATION
from epochal_operator.experiment.trial_state import parse_trial_name

from tests.faults.observer import Observer, Run
from tests.faults.searched import Left, Place, Rung, named
from tests.faults.training import FINISH_SECONDS, START_SECONDS, Bed, steady
from tests.kit import buckets
from tests.kit.jobs import FINISHED, search
from tests.kit.kubectl import Object, Refused, apply, get, items, kubectl, wait

EPOCHS = 12
MEMORY = 1536 * 2**20
"""Bytes that a trainer may take, so that the kernel can run out of them."""
TRIALS = 8
DIVERGES = 1
"""The trial of such a search whose loss is no number."""
METRIC = "val_loss"

_RATE = {"name": "rate", "paths": ["training.optimizer.learning_rate"]}
_FILTERS = {"name": "filters", "paths": ["network.layers[2].filters"]}


def unhurried(name: str, **changes: Any) -> Object:
    """Returns a search whose trials and promotions are the same in whatever order its trials end.

    A Grid does not learn; and with fewer trials than the factor of the schedule, nobody goes on but the template and,
    once all others have ended their first rung, the best of them. Trial 1 diverges.

    Args:
        name: Its name.
        changes: Fields of its spec.
    """
    grid = [
        _RATE | {"float": {"min": "0.001", "max": "0.009", "step": "0.004"}},
        _FILTERS | {"int": {"min": 4, "max": 8, "step": 4}},
    ]
    initial = [{"rate": "1e30"}]
    schedule = {"method": "ASHA", "minEpochs": 4, "factor": 7}
    return _search(name, {"method": "Grid"}, schedule, parameters=grid, initialTrials=initial, **changes)


def learning(name: str, **changes: Any) -> Object:
    """Returns a search that learns: what it tries depends on the order in which its trials end.

    Args:
        name: Its name.
        changes: Fields of its spec.
    """
    ranges = [
        _RATE | {"float": {"min": "1e-4", "max": "1e-1", "scale": "Log"}},
        _FILTERS | {"int": {"min": 4, "max": 16, "step": 4}},
    ]
    method = {"method": "TPE", "seed": 7, "startupTrials": 3}
    return _search(name, method, {"method": "ASHA", "minEpochs": 3, "factor": 2}, parameters=ranges, **changes)


def _search(name: str, method: Object, schedule: Object, **changes: Any) -> Object:
    template = steady(name, EPOCHS, resources__limits={"memory": MEMORY})
    shared: dict[str, Any] = {
        "objective": {"metric": METRIC, "goal": "Minimize"},
        "search": method,
        "schedule": schedule,
        "parallelism": 2,
        "maxTrials": TRIALS,
        "maxFailedTrials": 1,
        "template": {"spec": template["spec"]},
    }
    experiment = search(name)
    experiment["spec"] = shared | changes
    return experiment


class Search:
    """A search that is watched.

    Args:
        bed: Where it runs.
        name: Its name.
    """

    def __init__(self, bed: Bed, name: str) -> None:
        self.bed = bed
        self.name = name
        self.namespace = bed.namespace

    def apply(self, experiment: Object) -> None:
        """Applies it."""
        apply(experiment, namespace=self.namespace.name)

    def patch(self, **spec: Any) -> None:
        """Changes fields of its spec."""
        self.namespace.patch(spec, self.name, kind="exp")

    def experiment(self) -> Object:
        """Returns the Experiment."""
        return get("experiment", self.name, namespace=self.namespace.name)

    def status(self) -> Object:
        """Returns its status, empty as long as it has none."""
        status: Object = self.experiment().get("status") or {}
        return status

    def condition(self, kind: str) -> Object:
        """Returns a condition, empty if it isn't there."""
        conditions: list[Object] = self.status().get("conditions") or []
        return next((one for one in conditions if one["type"] == kind), {})

    def trainings(self) -> dict[Place, Object]:
        """Returns its TrainingJobs by trial and rung."""
        found = items("trainingjobs", namespace=self.namespace.name, selector=f"{EXPERIMENT_LABEL}={self.name}")
        named = ((parse_trial_name(one["metadata"]["name"], self.name), one) for one in found)
        return {place: one for place, one in sorted(named, key=lambda pair: pair[0] or (0, 0)) if place is not None}

    def job(self, place: Place) -> Object:
        """Returns the TrainingJob of a rung."""
        return self.trainings()[place]

    def wait(self, what: str, look: Any, seconds: float = START_SECONDS) -> None:
        """Waits until there is something to see, and tells how the search stands if there is not."""
        try:
            wait(f"{what} of {self.name}", look, seconds=seconds)
        except TimeoutError as error:
            told = kubectl("describe", "exp", self.name, "--namespace", self.namespace.name)
            raise TimeoutError(f"{error}\n{told}") from None

    def ended(self) -> bool:
        """Returns whether it has ended, as far as the API server answers."""
        try:
            return self.status().get("state") in FINISHED
        except Refused:
            return False

    def left(self, seconds: float = FINISH_SECONDS) -> Left:
        """Waits until it has ended, and returns what it has left."""
        self.wait("the end", self.ended, seconds)
        experiment = self.experiment()
        assert experiment["status"]["state"] == "Complete", experiment["status"]
        found = self.trainings()
        rungs = {place: self._rung(one) for place, one in found.items()}
        ledger = get("experimentledger", self.name, namespace=self.namespace.name)
        return Left(experiment, ledger["data"], rungs, frozenset(one["metadata"]["uid"] for one in found.values()))

    @contextmanager
    def at_work(self, besides: Collection[Place] = ()) -> Iterator[tuple[Place, Run]]:
        """Waits until a trainer of one of its trials makes steps, and watches it.

        Args:
            besides: Rungs that are not to be taken: another fault has hit them.
        """
        place = self._training(besides)
        with Observer(self.namespace.name, self.job(place)["metadata"]["name"]) as observer:
            wait(f"steps of {named(place)}", lambda: self._steps(observer), seconds=START_SECONDS, every=0.02)
            yield place, observer.runs[-1]

    def _training(self, besides: Collection[Place]) -> Place:
        def look() -> Place | None:
            # Not one that is about to end, nor the one that diverges at once.
            fit = (place for place, one in self.trainings().items() if place not in besides and place[0] != DIVERGES)
            return next((place for place in fit if _is_young(self.job(place))), None)

        return wait(f"a trial of {self.name} at work", look, seconds=START_SECONDS, every=0.1)

    def _steps(self, observer: Observer) -> bool:
        run = observer.runs[-1] if observer.runs else None
        return run is not None and run.pid is not None and run.first_step() is not None

    def _rung(self, job: Object) -> Rung:
        status = job["status"]
        ends = {one["type"]: one["reason"] for one in status["conditions"] if one["status"] == "True"}
        is_complete = "Complete" in ends
        return Rung(
            parameters=job["metadata"]["annotations"][PARAMETERS_ANNOTATION],
            end=ends.get("Complete") or ends.get("Failed") or "",
            epoch=status["progress"]["epoch"] if is_complete else 0,
            value=status["best"]["value"] if is_complete else None,
            history=self._history(status) if is_complete else (),
        )

    def _history(self, status: Object) -> tuple[Mapping[str, str], ...]:
        bucket, _, folder = status["results"]["uri"].removeprefix("s3://").rstrip("/").partition("/")
        text = buckets.read(self.bed.store, bucket, f"{folder}/history.csv").decode()
        rows = csv.DictReader(io.StringIO(text))
        return tuple({name: value for name, value in row.items() if name != "seconds"} for row in rows)


def _is_young(job: Object) -> bool:
    """Returns whether a trainer is at work that has at least one more epoch of its rung before it."""
    status, training = job.get("status") or {}, job["spec"]["training"]
    progress = status.get("progress") or {}
    last = training.get("stopAfterEpoch", training["epochs"])
    at_work = status.get("state") == "Running" and progress.get("stage") == "Training"
    return at_work and progress.get("epoch", 0) + 1 < last
