"""The parsed spec of an Experiment, and its observed state."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from epochal_api.experiment.spec import ExperimentSpec

from epochal_operator.experiment.actions import ImportanceState
from epochal_operator.experiment.ledger.encoding import MAX_LEDGER_BYTES
from epochal_operator.experiment.ledger.events import Event, WarmStartTrial
from epochal_operator.experiment.ledger.stored import NO_LEDGER, StoredLedger
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.search.request import BATCH
from epochal_operator.experiment.search_space.domains import Choice
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial import RungKey, Trial
from epochal_operator.experiment.trial_state import Jobs, has_ended, has_started, is_idle
from epochal_operator.runtime.api.resource import Object

RUNG_BYTES = 128
"""Upper limit for the ledger bytes of a rung: its Started, Finished and CheckpointsUnneeded events."""
NUMBER_BYTES = 32
"""Upper limit for the bytes of a number in the ledger, with the name of its parameter."""


@dataclass(frozen=True)
class ParsedSpec:
    """The parsed spec of an Experiment.

    Args:
        raw: The spec as JSON, as the user wrote it.
    """

    spec: ExperimentSpec
    raw: Object
    space: Space

    @property
    def template(self) -> Object:
        """The template's spec, as JSON."""
        template: Object = self.raw["template"]["spec"]
        return template

    @cached_property
    def trial_bytes(self) -> int:
        """An upper limit for the bytes of a new trial in the ledger."""
        return RUNG_BYTES + sum(
            max((NUMBER_BYTES, *(2 * len(json.dumps(value)) for value in domain.values)))
            if isinstance(domain, Choice)
            else NUMBER_BYTES
            for domain in self.space.domains.values()
        )


@dataclass(frozen=True)
class Importance:
    """The importance of each parameter.

    Args:
        state: The inputs for which the importances were computed.
        shares: The importance of each parameter as a share of 1; empty if too few trials have values.
    """

    state: ImportanceState
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Observed:
    """The observed state of an Experiment.

    Args:
        ledger: The ledger as read, to which events are appended.
        trial_bytes: An upper limit for the bytes of a new trial in the ledger.
        remaining_promotions: Upper limit for the rungs that existing trials may still start, according to the schedule.
        new_events: The events of the Experiment's TrainingJobs that are not in the ledger.
        trials: The trials after the events in the ledger and `new_events`.
        blocked: The causes for which TrainingJobs cannot be created, by trial and rung.
        delayed: The time before which a TrainingJob must not be written again, by trial and rung: a retry is due then,
            or another client undoes writes.
        delay_cause: The cause to report for `delayed`, or None.
        blocker: The cause that blocks new trials, and see `blocks_existing_trials`; or None.
        batch_size: The maximum number of trials in one request to the searcher.
        importance: The latest parameter importances since the start of this process, or None.
        warm_trials: The trials of other Experiments for the warm start that are not in the ledger yet.
        ledger_refused: Whether the last write of the ledger failed and its backoff has not ended, so that no action may
            depend on new events.
        report_event_key: The key of the latest Event about the report Job.
        status_apply_had_no_effect: Whether the last apply did not change the Experiment's status; see ReconcileState.
    """

    now: datetime
    ledger: StoredLedger = NO_LEDGER
    trial_bytes: int = RUNG_BYTES
    remaining_promotions: int = 0
    new_events: tuple[Event, ...] = ()
    trials: tuple[Trial, ...] = ()
    jobs: Jobs = field(default_factory=dict)
    report: Object | None = None
    blocked: Mapping[RungKey, StatusCause] = field(default_factory=dict)
    delayed: Mapping[RungKey, datetime] = field(default_factory=dict)
    delay_cause: StatusCause | None = None
    blocker: StatusCause | None = None
    batch_size: int = BATCH
    importance: Importance | None = None
    warm_trials: tuple[WarmStartTrial, ...] = ()
    ledger_refused: bool = False
    report_refused: bool = False
    report_event_key: str = ""
    status_apply_had_no_effect: bool = False

    @cached_property
    def running(self) -> tuple[Trial, ...]:
        """The trials in state Running: they train a rung, or wait for it."""
        return tuple(trial for trial in self.trials if trial.state == "Running")

    @cached_property
    def unexpected_jobs(self) -> Mapping[RungKey, Object]:
        """The unfinished TrainingJobs of the Experiment, except those of the current rung of a Running trial.

        An example is a Failed trial with a TrainingJob whose refused spec is accepted now.
        """
        expected = {trial.rung_key for trial in self.running}
        return {key: job for key, job in self.jobs.items() if key not in expected and not has_ended(job)}

    @property
    def blocks_existing_trials(self) -> bool:
        """Whether the blocker also blocks TrainingJobs of existing trials. A failed search blocks only new trials."""
        return self.blocker is not None and self.blocker.reason != Reason.SEARCH_FAILED

    @property
    def busy_unexpected_jobs(self) -> int:
        """The number of `unexpected_jobs` that are not idle. Each takes a slot of spec.parallelism until it is idle."""
        return sum(not is_idle(job) for job in self.unexpected_jobs.values())

    @cached_property
    def unstarted_trials(self) -> frozenset[int]:
        """The numbers of the Running trials whose current TrainingJob is missing, or is idle and has never run."""
        jobs = ((trial.number, self.job(trial)) for trial in self.running)
        return frozenset(number for number, job in jobs if job is None or (is_idle(job) and not has_started(job)))

    @property
    def trial_capacity(self) -> int:
        """The number of new trials that certainly fit into the ledger, after the running rungs and all promotions."""
        return max(0, self._free_bytes - RUNG_BYTES * self.remaining_promotions) // self.trial_bytes

    @property
    def rung_capacity(self) -> int:
        """The number of new rungs that certainly fit into the ledger, after the running rungs."""
        return max(0, self._free_bytes) // RUNG_BYTES

    @property
    def _free_bytes(self) -> int:
        """The bytes of the ledger that stay free once all running rungs have ended; may be negative."""
        return MAX_LEDGER_BYTES - self.ledger.sizes.used - RUNG_BYTES * len(self.running)

    def job(self, trial: Trial) -> Object | None:
        """Return the TrainingJob of the current rung of a trial, or None."""
        return self.jobs.get(trial.rung_key)
