"""A search that is disturbed."""

import csv
import io
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL, PARAMETERS_ANNOTATION
from epochal_operator.experiment.trial_state import parse_trial_name

from tests.faults.disturbed_training import FINISH_SECONDS, START_SECONDS, Bed, steady
from tests.faults.observer import Observer, Run
from tests.faults.search_results import Place, Rung, SearchResults, named
from tests.kit import buckets
from tests.kit.jobs import FINISHED, search
from tests.kit.kubectl import Object, Refused, apply, get, items, kubectl, wait

EPOCHS = 12
MEMORY = 1536 * 2**20
"""Memory limit of a trainer in bytes, so that the kernel can kill it."""
TRIALS = 8
DIVERGES = 1
"""The trial of `unhurried` whose loss is NaN."""
METRIC = "val_loss"

_RATE = {"name": "rate", "paths": ["training.optimizer.learning_rate"]}
_FILTERS = {"name": "filters", "paths": ["network.layers[2].filters"]}


def unhurried(name: str, **changes: Any) -> Object:
    """Returns a search whose trials and promotions are the same in whatever order its trials end.

    A Grid does not learn; and with fewer trials than the factor of the schedule, nobody goes on but the template and,
    once all others have ended their first rung, the best of them. Trial 1 diverges.
    """
    grid = [
        _RATE | {"float": {"min": "0.001", "max": "0.009", "step": "0.004"}},
        _FILTERS | {"int": {"min": 4, "max": 8, "step": 4}},
    ]
    initial = [{"rate": "1e30"}]
    schedule = {"method": "ASHA", "minEpochs": 4, "factor": 7}
    return _search(name, {"method": "Grid"}, schedule, parameters=grid, initialTrials=initial, **changes)


def learning(name: str, **changes: Any) -> Object:
    """Returns a search that learns: its trials depend on the order in which earlier trials end."""
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
    def __init__(self, bed: Bed, name: str) -> None:
        self.bed = bed
        self.name = name
        self.namespace = bed.namespace

    def apply(self, experiment: Object) -> None:
        apply(experiment, namespace=self.namespace.name)

    def patch(self, **spec: Any) -> None:
        self.namespace.patch(spec, self.name, kind="exp")

    def experiment(self) -> Object:
        return get("experiment", self.name, namespace=self.namespace.name)

    def status(self) -> Object:
        """Returns its status, empty before the first one."""
        status: Object = self.experiment().get("status") or {}
        return status

    def condition(self, kind: str) -> Object:
        """Returns a condition, empty if it does not exist."""
        conditions: list[Object] = self.status().get("conditions") or []
        return next((condition for condition in conditions if condition["type"] == kind), {})

    def trainings(self) -> dict[Place, Object]:
        """Returns its TrainingJobs by trial and rung."""
        found = items("trainingjobs", namespace=self.namespace.name, selector=f"{EXPERIMENT_LABEL}={self.name}")
        named = ((parse_trial_name(item["metadata"]["name"], self.name), item) for item in found)
        return {place: one for place, one in sorted(named, key=lambda pair: pair[0] or (0, 0)) if place is not None}

    def job(self, place: Place) -> Object:
        return self.trainings()[place]

    def wait(self, what: str, poll: Any, seconds: float = START_SECONDS) -> None:
        """Waits for a value, and describes the search if there is none in time."""
        try:
            wait(f"{what} of {self.name}", poll, seconds=seconds)
        except TimeoutError as error:
            description = kubectl("describe", "exp", self.name, "--namespace", self.namespace.name)
            raise TimeoutError(f"{error}\n{description}") from None

    def ended(self) -> bool:
        """Returns whether it has ended, as far as the API server answers."""
        try:
            return self.status().get("state") in FINISHED
        except Refused:
            return False

    def left(self, seconds: float = FINISH_SECONDS) -> SearchResults:
        """Waits until it has ended, and returns its results."""
        self.wait("the end", self.ended, seconds)
        experiment = self.experiment()
        assert experiment["status"]["state"] == "Complete", experiment["status"]
        found = self.trainings()
        rungs = {place: self._rung(one) for place, one in found.items()}
        ledger = get("experimentledger", self.name, namespace=self.namespace.name)
        return SearchResults(
            experiment, ledger["data"], rungs, frozenset(item["metadata"]["uid"] for item in found.values())
        )

    @contextmanager
    def at_work(self, besides: Collection[Place] = ()) -> Iterator[tuple[Place, Run]]:
        """Waits until a trainer makes steps, except for rungs that another fault has hit, and observes it."""
        missed: set[Place] = set()
        while True:
            place = self._training({*besides, *missed})
            with Observer(self.namespace.name, self.job(place)["metadata"]["name"]) as observer:
                if self._makes_steps(place, observer):
                    yield place, observer.runs[-1]
                    return
            missed.add(place)

    def _makes_steps(self, place: Place, observer: Observer) -> bool:
        """Waits until the trainer of a rung makes steps; returns False if the rung ends before they are observed."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                return bool(wait(f"steps of {named(place)}", lambda: self._steps(observer), seconds=10, every=0.02))
            except TimeoutError:
                if self.job(place).get("status", {}).get("state") in FINISHED:
                    return False
        raise TimeoutError(f"waited {START_SECONDS} s for steps of {named(place)}")

    def _training(self, besides: Collection[Place]) -> Place:
        def poll() -> Place | None:
            # Not one that is about to end, nor the one that diverges at once.
            fit = (place for place, one in self.trainings().items() if place not in besides and place[0] != DIVERGES)
            return next((place for place in fit if _is_young(self.job(place))), None)

        return wait(f"a trial of {self.name} at work", poll, seconds=START_SECONDS, every=0.1)

    def _steps(self, observer: Observer) -> bool:
        run = observer.runs[-1] if observer.runs else None
        return run is not None and run.pid is not None and run.first_step() is not None

    def _rung(self, job: Object) -> Rung:
        status = job["status"]
        ends = {
            condition["type"]: condition["reason"]
            for condition in status["conditions"]
            if condition["status"] == "True"
        }
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
    """Returns whether a trainer runs that has at least one more epoch of its rung to train."""
    status, training = job.get("status") or {}, job["spec"]["training"]
    progress = status.get("progress") or {}
    last = training.get("stopAfterEpoch", training["epochs"])
    at_work = status.get("state") == "Running" and progress.get("stage") == "Training"
    return at_work and progress.get("epoch", 0) + 1 < last
