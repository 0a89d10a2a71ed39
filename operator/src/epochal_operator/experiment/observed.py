"""The parsed spec of an Experiment, and its observed state."""

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
from epochal_operator.runtime.api.resource import Object

Place = tuple[int, int]
"""The number of a trial, and its rung."""
RUNG_BYTES = 128
"""Upper limit for the bytes of a rung in the ledger: its start, its end, and the release of its checkpoints."""
NUMBER_BYTES = 32
"""Upper limit for the bytes of a number in the ledger, with the name of its parameter."""

BATCH = 64
"""Trials of one request to the searcher. A larger request takes long, and its suggestions are the same."""


@dataclass(frozen=True)
class Wanted:
    """The parsed spec of an Experiment.

    Args:
        spec: The spec.
        given: The spec as JSON, as the user wrote it.
        space: The search space of its parameters.
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
        """An upper limit for the bytes of a new trial in the ledger."""
        return RUNG_BYTES + sum(
            max((NUMBER_BYTES, *(2 * len(json.dumps(one)) for one in domain.values)))
            if isinstance(domain, Choice)
            else NUMBER_BYTES
            for domain in self.space.domains.values()
        )


class Occasion(NamedTuple):
    """The state for which the parameter importances are computed: a new best trial, or the end of the search.

    Args:
        trial: The number of the best trial.
        value: Its objective value, as text.
        ended: Whether the search has ended.
    """

    trial: int
    value: str
    ended: bool


@dataclass(frozen=True)
class Importance:
    """The importance of each parameter.

    Args:
        occasion: The state for which the importances were computed.
        shares: The share of each parameter, 1 in total; empty if too few trials are known.
    """

    occasion: Occasion
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Observed:
    """The observed state of an Experiment.

    Args:
        now: The time of the observation, with a time zone.
        events: The events of its ledger.
        size: The used bytes of the ledger.
        room: The maximum bytes of the ledger.
        trial_bytes: An upper limit for the bytes of a new trial in the ledger.
        promised: The number of rungs that the trials may still start, according to the schedule.
        damaged: Whether a part of the ledger cannot be read.
        foreign: Whether a ledger exists that has no events of this Experiment.
        ledger: The ledger as read, to which events are appended.
        news: The events of its TrainingJobs that are not in the ledger.
        noted: Its trials, according to the ledger only.
        trials: Its trials, according to the ledger and the news.
        jobs: Its TrainingJobs.
        report: The Job that writes its report; None if it does not exist.
        blocked: The causes that block TrainingJobs, by place.
        held: The due time of each TrainingJob that must not be created or corrected before, because others undo it.
        undone: The cause to report for `held`, or None.
        hindered: The cause that blocks all new TrainingJobs, or None.
        exhausted: Whether the search has nothing left to suggest.
        batch: The maximum number of trials in one request to the searcher.
        importance: The latest parameter importances since the start of this process, or None.
        warm: The trials of other Experiments for the warm start that are not in the ledger yet.
        unnoted: Whether the API server refuses the ledger. No action may depend on events that are not in the ledger.
        unreported: Whether the report Job cannot be created now.
        report_told: The key of the latest Event about the report Job.
        told: Whether the API server returned another status than the one that was written: others own a field of it.
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
        """The trials in state Running, which have another rung to train."""
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
        """The number of strays that take a slot until their pods have stopped."""
        return sum(not is_idle(job) for job in self.strays.values())

    @cached_property
    def unstarted(self) -> frozenset[int]:
        """The numbers of the running trials that have not trained in their rung and do not train now."""
        found = ((one.number, self.job(one)) for one in self.running)
        return frozenset(number for number, job in found if job is None or (is_idle(job) and not has_begun(job)))

    @property
    def full(self) -> bool:
        """Whether the ledger may have no room for another trial."""
        return not self.fits

    @property
    def fits(self) -> int:
        """The number of new trials that certainly fit into the ledger, beside the running rungs and all promotions."""
        return max(0, self.room - self.size - RUNG_BYTES * (len(self.running) + self.promised)) // self.trial_bytes

    @property
    def climbs(self) -> int:
        """The number of further rungs that certainly fit into the ledger, beside the running rungs."""
        return max(0, self.room - self.size - RUNG_BYTES * len(self.running)) // RUNG_BYTES

    def job(self, trial: Trial) -> Object | None:
        """Return the TrainingJob of the current rung of a trial, or None."""
        return self.jobs.get((trial.number, len(trial.rungs)))
