"""A training with a fault, and the cost of the fault."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from minio import Minio

from tests.faults.observer import Observer, Run
from tests.faults.results import Results
from tests.faults.s3proxy import Proxy
from tests.kit.audit import Audit
from tests.kit.jobs import DIGITS, FINISHED, Namespace, digits
from tests.kit.kubectl import Object, Refused, kubectl, wait

EVERY_SECONDS = 2
"""Seconds between two checkpoints."""
STORING_SECONDS = 4
"""How long a checkpoint may take until it counts, in addition: on a machine with two cores."""
MEANWHILE_SECONDS = 1
"""A training that made a step so long before the end of a disturbance did not stop."""
MOMENTS = 0.1, 0.8
"""The range of the random moments, as parts of a training."""
START_SECONDS = 400
FINISH_SECONDS = 400


def network() -> list[Object]:
    """Returns the layers of the digits' network with one more that has a state of its own: BatchNormalization."""
    rescaling, *others = DIGITS["spec"]["network"]["layers"]
    return [rescaling, {"layer": "BatchNormalization"}, *others]


def steady(name: str, epochs: int, **changes: Any) -> Object:
    """Returns a job whose callbacks, optimizer and layers all have a state that must survive a fault."""
    shared: dict[str, Any] = {
        "network__layers": network(),
        "training__epochs": epochs,
        "training__batchSize": 4,
        "training__callbacks": [
            {"callback": "ReduceLROnPlateau", "monitor": "val_loss", "factor": 0.5, "patience": 2},
            {"callback": "EarlyStopping", "monitor": "val_loss", "patience": 1000, "restore_best_weights": True},
        ],
        "training__checkpoint": {"everyEpochs": 5, "everySeconds": EVERY_SECONDS},
        "backoffLimit": 10,
        "results__evaluation": None,  # refused by the release that a fault upgrades from
    }
    return digits(name, **(shared | changes))


@dataclass(frozen=True)
class Cost:
    """The cost of one disturbance.

    Args:
        until: Seconds from its end until the training went on; 0 where it never stopped.
        stopping: Seconds from its begin until the trainer was gone, where that happened.
        waiting: Seconds from then until the next one's container started: Kubernetes' own back-off is most of it.
        starting: Seconds from then until its first step.
        repeated: Steps that were made again.
        thrown_back: Seconds from the first of the steps that were made again to the disturbance.
    """

    until: float
    stopping: float | None = None
    waiting: float | None = None
    starting: float | None = None
    repeated: int = 0
    thrown_back: float = 0.0


class Bed:
    """A namespace in which trainings are disturbed, and the results of undisturbed trainings in it.

    Args:
        store: The service that holds the buckets.
        epochs: How many epochs a training takes.
        outage: Seconds that each fault of the storage takes; as long as it says itself if None.
    """

    def __init__(
        self, namespace: Namespace, store: Minio, audit: Audit, *, epochs: int, seed: int, outage: float | None
    ) -> None:
        self.namespace = namespace
        self.store = store
        self.audit = audit
        self.epochs = epochs
        self._seed = seed
        self.outage = outage
        self._references: dict[int, Results] = {}

    def chance(self, name: str) -> random.Random:
        """Returns the random generator of one trial: the same for the same seed."""
        return random.Random(f"{self._seed} {name}")  # noqa: S311

    def moments(self, name: str, times: int) -> list[float]:
        """Returns the moments of the disturbances as parts of a training, and prints them for a repetition."""
        chance = self.chance(name)
        drawn = sorted(chance.uniform(*MOMENTS) for _ in range(times))
        print(f"      {name}: seed {self._seed}, at {', '.join(f'{part:.4f}' for part in drawn)}", flush=True)
        return drawn

    def reference(self, epochs: int | None = None) -> Results:
        """Returns the results of an undisturbed training of so many epochs, trained at the first call."""
        epochs = epochs or self.epochs
        if epochs not in self._references:
            self._references[epochs] = self.undisturbed(f"reference-{epochs}", epochs)
        return self._references[epochs]

    def undisturbed(self, name: str, epochs: int | None = None) -> Results:
        """Trains without a fault and returns the results."""
        with self.train(name, epochs=epochs) as training:
            return training.results()

    @contextmanager
    def train(
        self, name: str, *, epochs: int | None = None, through_proxy: bool = False, **changes: Any
    ) -> Iterator["Training"]:
        """Applies a job and watches it; deletes it in the end.

        Args:
            epochs: Its epochs; those of all if not given.
            through_proxy: Whether it reaches its buckets through a proxy that may misbehave.
            changes: Fields of its spec by path, as for `digits`.
        """
        with ExitStack() as stack:
            proxy = stack.enter_context(Proxy()) if through_proxy else None
            if proxy:
                changes = {"storage__endpoint": proxy.url} | changes
            observer = stack.enter_context(Observer(self.namespace.name, name))
            self.namespace.apply(steady(name, epochs or self.epochs, **changes))
            where = ("--namespace", self.namespace.name, "--ignore-not-found", "--wait=false")
            stack.callback(kubectl, "delete", "trainingjob", name, *where)
            yield Training(self, name, observer, proxy, epochs or self.epochs)


class Training:
    """A training under observation.

    Args:
        proxy: What is between it and its buckets, if anything.
    """

    def __init__(self, bed: Bed, name: str, observer: Observer, proxy: Proxy | None, epochs: int) -> None:
        self.bed = bed
        self.namespace = bed.namespace
        self.name = name
        self.observer = observer
        self.epochs = epochs
        self._proxy = proxy

    @property
    def proxy(self) -> Proxy:
        """The proxy between the training and its buckets."""
        assert self._proxy is not None, "this training reaches its buckets directly"
        return self._proxy

    @property
    def run(self) -> Run:
        return self.observer.runs[-1]

    @property
    def pid(self) -> int:
        assert self.run.pid is not None
        return self.run.pid

    def wait_part(self, part: float, seconds: float = START_SECONDS) -> None:
        """Waits until a running trainer has trained this part (0 to 1); raises if it ends before."""

        def poll() -> bool:
            if not self.observer.runs:
                return False
            run = self.run
            at_work = run.ended is None and run.pid is not None and run.first_step() is not None
            return at_work and run.done >= part * self.epochs * run.per_epoch

        try:
            wait(f"{self.name} to be trained to {part:.0%}", poll, seconds=seconds, every=0.01)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.namespace.describe(self.name)}") from None

    def complete(self, seconds: float = FINISH_SECONDS) -> Object:
        """Waits until the job is Complete and returns its status."""

        def ended() -> bool:
            try:
                return self.namespace.status(self.name).get("state") in FINISHED
            except Refused:
                return False

        with suppress(TimeoutError):
            wait(f"the end of {self.name}", ended, seconds=seconds, every=0.2)
        return self.namespace.complete(self.name, seconds=1)

    def results(self) -> Results:
        return Results(self.bed.store, self.complete())

    def cost(self, began: float, ended: float) -> Cost:
        """Returns the cost of a disturbance between two times (seconds since 1970), once the training has continued."""
        runs = [run for run in self.observer.runs if run.began < began]
        before = runs[-1] if runs else None
        since = [run for run in self.observer.runs if run.began >= began]
        # A pod may come too early, as onto a node that is about to be tainted: the next one then goes on.
        after = next((run for run in since if run.first_progress()), since[0] if since else None)
        if before and after is None:
            if any(ended - MEANWHILE_SECONDS < at <= ended for at, _ in before.steps):
                return Cost(until=0.0)
            line = next((at for at, _ in before.lines if at > ended), None)
            gone_on = before.first_step(ended) or line
            # One that said nothing more is Complete by now: it came to its end meanwhile.
            return Cost(until=_seconds(ended, gone_on) if gone_on else 0.0)
        assert after is not None, f"{self.name} was disturbed, and no trainer was seen since"
        step = _seconds(ended, after.first_progress())
        starting = _seconds(after.began, after.first_progress())
        if before is None or before.ended is None:
            return Cost(until=step, starting=starting)
        return Cost(
            until=step,
            stopping=before.ended - began,
            waiting=after.began - before.ended,
            starting=starting,
            repeated=max(0, before.done - after.resumed_from),
            thrown_back=_thrown_back(before, after, began),
        )


def _thrown_back(before: Run, after: Run, began: float) -> float:
    repeated = [at for at, done in before.steps if done > after.resumed_from]
    return max(0.0, began - repeated[0]) if repeated else 0.0


def _seconds(begin: float, end: float | None) -> float:
    assert end is not None, "no step was seen of the trainer that went on"
    return max(0.0, end - begin)


def now() -> float:
    return time.time()
