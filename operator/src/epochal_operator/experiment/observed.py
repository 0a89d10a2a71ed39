"""An Experiment as it is read, and what is seen of it at one moment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from epochal_api.experiment import ExperimentSpec

from epochal_operator.experiment.domains import Choice
from epochal_operator.experiment.ledger import MAX_TEXT, Event, Warm
from epochal_operator.experiment.observe import Jobs, has_begun, has_ended, is_idle
from epochal_operator.experiment.reasons import StatusCause
from epochal_operator.experiment.space import Space
from epochal_operator.experiment.stored_ledger import StoredLedger
from epochal_operator.experiment.trials import Trial
from epochal_operator.runtime.resource import Object

Place = tuple[int, int]
"""A trial and its rung."""
RUNG_BYTES = 128
"""More than a rung takes in the ledger: its beginning, its end, and that it is given up."""
NUMBER_BYTES = 32
"""More than a number takes there, with the name of its parameter."""

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

    @cached_property
    def trial_bytes(self) -> int:
        """More bytes than a new trial takes in the ledger."""
        return RUNG_BYTES + sum(
            max((NUMBER_BYTES, *(2 * len(json.dumps(one)) for one in domain.values)))
            if isinstance(domain, Choice)
            else NUMBER_BYTES
            for domain in self.space.domains.values()
        )


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
        size: Bytes that the ledger takes of those that it may.
        room: Bytes that it may have.
        trial_bytes: More bytes than a new trial takes in it.
        promised: Rungs that its trials climb yet, by its schedule.
        damaged: Whether a part of the ledger cannot be read.
        foreign: Whether there is a ledger, and it is not this Experiment's own.
        ledger: The ledger as read, to which events are appended.
        news: What its TrainingJobs tell that the ledger does not.
        noted: Its trials, by the ledger alone.
        trials: Its trials, by both.
        jobs: Its TrainingJobs.
        report: The Job that writes its report, if there is one.
        blocked: What is in the way of TrainingJobs.
        held: TrainingJobs that are not to be made before a time, or not to be put right, as others undo it.
        undone: What is to be told of that, if anything is.
        hindered: What is in the way of all new ones.
        exhausted: Whether there is nothing left to suggest.
        batch: How many trials may be suggested at once.
        importance: How much each parameter matters, if that was asked since this process began.
        warm: What is known from the beginning, of other Experiments, and is not in the ledger yet.
        unnoted: Whether the API server does not take the ledger: nothing may follow from what is not in it.
        unreported: Whether the Job that writes the report cannot be made now.
        report_told: What an Event has told last of that Job, by its key.
        told: Whether the status was written, and is not as it was written: others hold a field of it.
    """

    now: datetime
    events: tuple[Event, ...] = ()
    size: int = 0
    room: int = MAX_TEXT
    trial_bytes: int = RUNG_BYTES
    promised: int = 0
    damaged: bool = False
    foreign: bool = False
    ledger: StoredLedger | None = None
    news: tuple[Event, ...] = ()
    noted: tuple[Trial, ...] = ()
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

    @cached_property
    def running(self) -> tuple[Trial, ...]:
        """The trials of which a rung is wanted."""
        return tuple(one for one in self.trials if one.state == "Running")

    @cached_property
    def strays(self) -> Mapping[Place, Object]:
        """The unfinished TrainingJobs of rungs that the ledger does not call Running, by place.

        A trial that the ledger calls Failed may have one: its spec was refused, and is accepted now.
        """
        wanted = {(one.number, len(one.rungs)) for one in self.running}
        return {place: job for place, job in self.jobs.items() if place not in wanted and not has_ended(job)}

    @property
    def busy_strays(self) -> int:
        """How many strays take a slot until their pods have stopped."""
        return sum(not is_idle(job) for job in self.strays.values())

    @cached_property
    def unstarted(self) -> frozenset[int]:
        """Numbers of the running trials that have trained nothing of their rung, and train nothing now."""
        found = ((one.number, self.job(one)) for one in self.running)
        return frozenset(number for number, job in found if job is None or (is_idle(job) and not has_begun(job)))

    @property
    def full(self) -> bool:
        """Whether the ledger may have no room for more trials than there are."""
        return not self.fits

    @property
    def fits(self) -> int:
        """How many new trials the ledger has room for in any case, beside what runs, and all that is promoted yet."""
        return max(0, self.room - self.size - RUNG_BYTES * (len(self.running) + self.promised)) // self.trial_bytes

    @property
    def climbs(self) -> int:
        """How many rungs more the ledger has room for in any case, beside those that run."""
        return max(0, self.room - self.size - RUNG_BYTES * len(self.running)) // RUNG_BYTES

    def job(self, trial: Trial) -> Object | None:
        """Returns the TrainingJob of the rung that a trial has come to, if there is one."""
        return self.jobs.get((trial.number, len(trial.rungs)))
