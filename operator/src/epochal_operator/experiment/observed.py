"""The parsed spec of an Experiment, and its observed state."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from epochal_api.experiment.spec import ExperimentSpec

from epochal_operator.experiment.actions import ImportanceState
from epochal_operator.experiment.ledger.encoding import MAX_TEXT
from epochal_operator.experiment.ledger.events import Event, Warm
from epochal_operator.experiment.ledger.stored import NO_LEDGER, StoredLedger
from epochal_operator.experiment.reasons import StatusCause
from epochal_operator.experiment.search.request import BATCH
from epochal_operator.experiment.search_space.domains import Choice
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial import Place, Trial
from epochal_operator.experiment.trial_state import Jobs, has_begun, has_ended, is_idle
from epochal_operator.runtime.api.resource import Object

RUNG_BYTES = 128
"""Upper limit for the bytes of a rung in the ledger: its start, its end, and the release of its checkpoints."""
NUMBER_BYTES = 32
"""Upper limit for the bytes of a number in the ledger, with the name of its parameter."""


@dataclass(frozen=True)
class ParsedSpec:
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


@dataclass(frozen=True)
class Importance:
    """The importance of each parameter.

    Args:
        state: The state for which the importances were computed.
        shares: The share of each parameter, 1 in total; empty if too few trials are known.
    """

    state: ImportanceState
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Observed:
    """The observed state of an Experiment.

    Args:
        now: The time of the observation, with a time zone.
        ledger: The ledger as read, to which events are appended.
        trial_bytes: An upper limit for the bytes of a new trial in the ledger.
        remaining_promotions: The number of rungs that the trials may still start, according to the schedule.
        news: The events of its TrainingJobs that are not in the ledger.
        trials: Its trials, according to the ledger and the news.
        jobs: Its TrainingJobs.
        report: The Job that writes its report; None if it does not exist.
        blocked: The causes that block TrainingJobs, by place.
        held: The due time of each TrainingJob that must not be created or corrected before, because others undo it.
        undone: The cause to report for `held`, or None.
        hindered: The cause that blocks all new TrainingJobs, or None.
        batch: The maximum number of trials in one request to the searcher.
        importance: The latest parameter importances since the start of this process, or None.
        warm: The trials of other Experiments for the warm start that are not in the ledger yet.
        unnoted: Whether the API server refuses the ledger. No action may depend on events that are not in the ledger.
        unreported: Whether the report Job cannot be created now.
        report_told: The key of the latest Event about the report Job.
        told: Whether the API server returned another status than the one that was written: others own a field of it.
    """

    now: datetime
    ledger: StoredLedger = NO_LEDGER
    trial_bytes: int = RUNG_BYTES
    remaining_promotions: int = 0
    news: tuple[Event, ...] = ()
    trials: tuple[Trial, ...] = ()
    jobs: Jobs = field(default_factory=dict)
    report: Object | None = None
    blocked: Mapping[Place, StatusCause] = field(default_factory=dict)
    held: Mapping[Place, datetime] = field(default_factory=dict)
    undone: StatusCause | None = None
    hindered: StatusCause | None = None
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
        wanted = {one.place for one in self.running}
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
    def fits(self) -> int:
        """The number of new trials that certainly fit into the ledger, beside the running rungs and all promotions."""
        return max(0, self._free - RUNG_BYTES * self.remaining_promotions) // self.trial_bytes

    @property
    def climbs(self) -> int:
        """The number of further rungs that certainly fit into the ledger, beside the running rungs."""
        return max(0, self._free) // RUNG_BYTES

    @property
    def _free(self) -> int:
        """The free bytes of the ledger, beside the running rungs."""
        return MAX_TEXT - self.ledger.sizes.taken - RUNG_BYTES * len(self.running)

    def job(self, trial: Trial) -> Object | None:
        """Return the TrainingJob of the current rung of a trial, or None."""
        return self.jobs.get(trial.place)
