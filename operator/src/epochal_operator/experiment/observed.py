"""An Experiment as it is read, and what is seen of it at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from epochal_api.experiment import ExperimentSpec

from epochal_operator.experiment.ledger import MAX_TEXT, Event, Warm
from epochal_operator.experiment.observe import Jobs
from epochal_operator.experiment.reasons import StatusCause
from epochal_operator.experiment.space import Space
from epochal_operator.experiment.trials import Trial
from epochal_operator.runtime.resource import Object

Place = tuple[int, int]
"""A trial and its rung."""
RUNG_BYTES = 128
"""More than a rung takes in the ledger: its beginning, its end, and that it is given up."""

BATCH = 64
"""Trials that are suggested at once: more take long, and what is suggested is the same."""


@dataclass(frozen=True)
class Wanted:
    """What an Experiment's spec asks for.

    Args:
        spec: The spec.
        given: The same as JSON, as it was written.
        space: The space of its parameters.
    """

    spec: ExperimentSpec
    given: Object
    space: Space

    @property
    def template(self) -> Object:
        """The template's spec, as JSON."""
        found: Object = self.given["template"]["spec"]
        return found


class Occasion(NamedTuple):
    """What there is to tell anew how much each parameter matters: a new best, and the end.

    Args:
        trial: The best trial.
        value: What it is worth.
        ended: Whether the search is over.
    """

    trial: int
    value: str
    ended: bool


@dataclass(frozen=True)
class Importance:
    """How much each parameter matters.

    Args:
        occasion: When that was asked.
        shares: Share of each parameter, 1 in all; none if too little is known.
    """

    occasion: Occasion
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Observed:
    """What is seen of an Experiment at one moment.

    Args:
        now: The time, with a time zone.
        events: Its ledger.
        size: Bytes of the ledger as text.
        damaged: Whether a part of the ledger cannot be read.
        news: What its TrainingJobs tell that the ledger does not.
        trials: Its trials, by both.
        jobs: Its TrainingJobs.
        report: The Job that writes its report, if there is one.
        blocked: What is in the way of TrainingJobs.
        held: TrainingJobs that are not to be put right before a time: others undo it.
        undone: What is to be told of that, if anything is.
        hindered: What is in the way of all new ones.
        exhausted: Whether there is nothing left to suggest.
        batch: How many trials may be suggested at once.
        importance: How much each parameter matters, if that was asked since this process began.
        warm: What is known from the beginning, of other Experiments, and is not in the ledger yet.
        unnoted: Whether the API server does not take the ledger: nothing may follow from what is not in it.
        unreported: Whether the Job that writes the report cannot be made now.
        report_told: The Job of which an Event has told that it has failed.
        told: Whether the status was written, and is not as it was written: others hold a field of it.
    """

    now: datetime
    events: tuple[Event, ...] = ()
    size: int = 0
    damaged: bool = False
    news: tuple[Event, ...] = ()
    trials: tuple[Trial, ...] = ()
    jobs: Jobs = field(default_factory=dict)
    report: Object | None = None
    blocked: Mapping[Place, StatusCause] = field(default_factory=dict)
    held: Mapping[Place, datetime] = field(default_factory=dict)
    undone: StatusCause | None = None
    hindered: StatusCause | None = None
    exhausted: bool = False
    batch: int = BATCH
    importance: Importance | None = None
    warm: tuple[Warm, ...] = ()
    unnoted: bool = False
    unreported: bool = False
    report_told: str = ""
    told: bool = False

    @property
    def running(self) -> tuple[Trial, ...]:
        """The trials of which a rung is wanted."""
        return tuple(one for one in self.trials if one.state == "Running")

    @property
    def full(self) -> bool:
        """Whether the ledger may have no room for more than what runs."""
        return self.size + RUNG_BYTES * (len(self.running) + 1) > MAX_TEXT

    def job(self, trial: Trial) -> Object | None:
        """Returns the TrainingJob of the rung that a trial has come to, if there is one."""
        return self.jobs.get((trial.number, len(trial.rungs)))
