"""A search in virtual time: the operator's own decisions, ledger and suggestions, with recorded curves for trainings.

Nothing takes time but epochs: no pod has to start, and the operator acts at once.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from epochal_operator.experiment.ledger.encoding import encode
from epochal_operator.experiment.ledger.events import Created, Diverged, Event, Finished, Started
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.schedule.next_trials import end_reason, next_trials
from epochal_operator.experiment.schedule.pruning import trial_rungs
from epochal_operator.experiment.search.build_request import build_request
from epochal_operator.experiment.search.suggest import suggest

from tests.bench.experiments.curves import Curves
from tests.bench.experiments.search import spec_of
from tests.kit.kubectl import Object


@dataclass(frozen=True)
class Job:
    """The TrainingJob of a rung after its end, in virtual seconds; `value` is None if it diverged."""

    trial: int
    rung: int
    begin: float
    end: float
    first: int
    last: int
    value: float | None

    @property
    def uid(self) -> str:
        return f"{self.trial}-r{self.rung}"

    def trained(self, at: float) -> int:
        """Returns the number of epochs that it had trained at a time."""
        if at <= self.begin:
            return 0
        share = min(1.0, (at - self.begin) / (self.end - self.begin))
        return math.floor(share * (self.last - self.first))


@dataclass(frozen=True)
class Run:
    """A finished search: the Experiment, its ledger, and its TrainingJobs in the order of their ends."""

    document: Object
    ledger: tuple[Event, ...]
    jobs: tuple[Job, ...]

    @property
    def epochs(self) -> int:
        return sum(job.last - job.first for job in self.jobs)

    @property
    def epochs_from_zero(self) -> int:
        """Epochs of all trials if each rung trained all of its epochs anew."""
        return sum(job.last for job in self.jobs)

    @property
    def repeated(self) -> int:
        times = Counter((job.trial, epoch) for job in self.jobs for epoch in range(job.first, job.last))
        return self.epochs - len(times)

    @property
    def best(self) -> float:
        return min(job.value for job in self.jobs if job.value is not None)

    def epochs_until(self, value: float) -> float:
        """Returns the epochs of all trials until this value, or a better one, was reached; inf if never."""
        reached = (job.end for job in self.jobs if job.value is not None and job.value <= value)
        at = next(reached, None)
        return math.inf if at is None else sum(job.trained(at) for job in self.jobs)

    @property
    def ledger_object(self) -> Object:
        metadata = {"name": self.document["metadata"]["name"]}
        about = {"apiVersion": "epochal.dev/v1alpha1", "kind": "ExperimentLedger", "metadata": metadata}
        return about | {"data": encode(self.ledger)}


def simulate(document: Object, curves: Curves, *, from_checkpoints: bool = True) -> Run:
    """Returns the run of a search; without `from_checkpoints` each rung trains all of its epochs anew."""
    return _Simulation(document, curves, from_checkpoints=from_checkpoints).run()


class _Simulation:
    def __init__(self, document: Object, curves: Curves, *, from_checkpoints: bool) -> None:
        self._document = document
        self._spec = spec_of(document)
        self._curves = curves
        self._from_checkpoints = from_checkpoints
        self._now = 0.0
        self._ledger: list[Event] = []
        self._begun: list[Event] = []
        self._trials = apply_events(())
        self._running: list[tuple[float, int, Job]] = []
        self._ended: list[Job] = []

    def run(self) -> Run:
        self._fill_slots()
        while self._running:
            self._now, _, job = heappop(self._running)
            self._ended.append(job)
            self._write([self._outcome(job)])
            self._fill_slots()
        why = end_reason(self._spec, self._trials)
        assert why == "Completed", f"the search stopped: {why}"
        return Run(self._document, tuple(self._ledger), tuple(self._ended))

    def _fill_slots(self) -> None:
        """Fills the free slots as the operator does: first with promoted trials, then with new ones."""
        following = next_trials(self._spec, self._trials, len(self._running))
        for trial in following.promote:
            self._begin(*trial.rung_key)
        if following.create:
            known, first = len(self._ledger), len(self._trials)
            numbers = range(first, first + following.create)
            template = self._document["spec"]["template"]["spec"]
            answer = suggest(build_request(self._spec, template, self._ledger, numbers))
            assert not answer.exhausted
            self._write([Created(suggestion.trial, suggestion.parameters, known) for suggestion in answer.suggestions])
            for number in numbers:
                self._begin(number, 0)

    def _write(self, events: Sequence[Event]) -> None:
        """Appends to the ledger. Started TrainingJobs are written with the next events, as the operator does."""
        self._ledger += [*self._begun, *events]
        self._begun.clear()
        self._trials = apply_events(events, self._trials)

    def _begin(self, number: int, rung: int) -> None:
        trial = self._trials[number]
        budgets = (0, *self._ladder(number))
        curve = self._curves.of(trial.parameters)
        value = curve.best(budgets[rung + 1])
        first = budgets[rung] if self._from_checkpoints else 0
        last = budgets[rung + 1] if value is not None else len(curve.values) + 1
        job = Job(number, rung, self._now, self._now + (last - first) * curve.seconds, first, last, value)
        heappush(self._running, (job.end, number, job))
        started = Started(number, rung, job.uid)
        self._begun.append(started)
        self._trials = apply_events([started], self._trials)

    def _outcome(self, job: Job) -> Event:
        if job.value is None:
            return Diverged(job.trial, job.rung, job.uid)
        ended = job.rung == len(self._ladder(job.trial)) - 1
        seconds = round(job.end - job.begin)
        return Finished(job.trial, job.rung, job.last, repr(job.value), job.uid, seconds, ended)

    def _ladder(self, number: int) -> tuple[int, ...]:
        return trial_rungs(number, self._spec.schedule, self._spec.template.spec.training.epochs)
