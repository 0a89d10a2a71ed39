"""Scenarios: a fault, the trainings and moments that it hits, its allowed cost, and how it is tried."""

import re
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from tests.faults.disturbed_training import EVERY_SECONDS, STORING_SECONDS, Bed, Cost, Training, now

Span = tuple[float, float]
Inject = Callable[[Training], Span | None]
"""Injects a fault. Returns its begin and end in seconds since 1970 if they differ from those of the call."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one trial.

    Args:
        costs: The cost of each disturbance.
        differences: What differs from the results of an undisturbed training; None if no results were compared.
        wrong: The broken promises.
    """

    costs: tuple[Cost, ...] = ()
    differences: tuple[str, ...] | None = None
    wrong: tuple[str, ...] = ()
    traceback_text: str = ""
    times: int = 1

    @property
    def survived(self) -> bool:
        return not self.wrong

    @property
    def identical(self) -> bool:
        return self.differences == ()

    @property
    def is_compared(self) -> bool:
        """Whether results were compared, or should have been: a trial that failed counts as different."""
        return self.differences is not None or not self.survived


@dataclass(frozen=True)
class Trial:
    """One trial of a scenario.

    Args:
        times: How many disturbances it holds.
    """

    name: str
    times: int
    run: Callable[[Bed], Outcome]

    def make(self, bed: Bed) -> Outcome:
        """Runs the trial; an exception becomes an outcome."""
        try:
            outcome = self.run(bed)
        except Exception as error:  # noqa: BLE001 - a scenario that fails is a result, too
            outcome = Outcome(
                wrong=(f"{type(error).__name__}: {error}".partition("\n")[0],), traceback_text=traceback.format_exc()
            )
        return replace(outcome, times=self.times)


class Tryable(Protocol):
    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def alone(self) -> bool:
        """Whether nothing else may run meanwhile."""

    def trials(self) -> list[Trial]:
        """Returns the trials, which may run side by side."""


@dataclass(frozen=True)
class Scenario:
    """A fault that a training must survive with the weights of one that was never disturbed.

    Args:
        name: What the table calls it.
        jobs: How many trainings it is tried on.
        times: How often it is brought about in each.
        at_start: Whether it begins with the job, not at random steps.
        alone: Whether other trainings must not run meanwhile: it touches more than its own.
        repeats: Whether steps may be repeated: at most those of one checkpoint interval.
        through_proxy: Whether the training reaches its buckets through a proxy.
        changes: Fields of the job's spec by path.
        around: What must be so before the job is applied, by namespace and name of the job.
        holds: Checks what else must hold in the end.
    """

    name: str
    inject: Inject
    jobs: int = 1
    times: int = 1
    at_start: bool = False
    alone: bool = False
    repeats: bool = True
    through_proxy: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    around: Callable[[str, str], AbstractContextManager[None]] = field(default=lambda *_: nullcontext())
    holds: Callable[[Training], None] = field(default=lambda _: None)

    def trials(self) -> list[Trial]:
        """Returns the trials: a training each."""
        names = [f"{slug(self.name)}-{number}" for number in range(self.jobs)]
        return [Trial(name, self.times, partial(self._run, name)) for name in names]

    def _run(self, name: str, bed: Bed) -> Outcome:
        reference = bed.reference()
        moments = bed.moments(name, self.times)
        spans: list[Span] = []
        with (
            self.around(bed.namespace.name, name),
            bed.train(name, through_proxy=self.through_proxy, **self.changes) as training,
        ):
            for part in moments:
                if not self.at_start:
                    training.wait_part(part)
                began = now()
                spans.append(self.inject(training) or (began, now()))
            differences = training.results().differences(reference)
            costs = tuple(training.cost(*span) for span in spans)
            self.holds(training)
        return Outcome(costs, tuple(differences), tuple(self._wrong(bed, name, costs)))

    def _wrong(self, bed: Bed, name: str, costs: tuple[Cost, ...]) -> list[str]:
        """Returns the broken promises."""
        wrong = [fault for fault in bed.audit.faults if fault.startswith(name)]
        for cost in costs:
            if cost.repeated and not self.repeats:
                wrong.append(f"{cost.repeated} steps were repeated")
            if cost.thrown_back > EVERY_SECONDS + STORING_SECONDS:
                wrong.append(f"thrown back by {cost.thrown_back:.1f} s, more than one checkpoint interval")
        return wrong


def slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", text.lower())[:50].strip("-")
