"""The actions of a plan for an Experiment."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from epochal_api.experiment.status import ExperimentStatus

from epochal_operator.experiment.ledger.events import Event as LedgerEvent
from epochal_operator.experiment.trial import RungKey
from epochal_operator.experiment.trial_state import Jobs, needs_suspend_change
from epochal_operator.runtime.actions import ApplyStatus, DeleteSelf, EmitEvent
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.events import Event


class ImportanceState(NamedTuple):
    """The state for which the parameter importances are computed: a new best trial, or the end of the search.

    Args:
        value: Its objective value, as text.
        is_final: Whether the search has ended.
    """

    trial: int
    value: str
    is_final: bool


@dataclass(frozen=True)
class AppendEvents:
    """Append observed events to the ledger."""

    events: tuple[LedgerEvent, ...]


@dataclass(frozen=True)
class AskSearcher:
    """Ask the searcher for the parameters of new trials, or for the importance of each parameter.

    Args:
        importance: The reason to compute the importances again; None if they are up to date.
    """

    trials: tuple[int, ...] = ()
    importance: ImportanceState | None = None


@dataclass(frozen=True)
class CreateTrial:
    """Create the TrainingJob for a rung of a trial."""

    rung_key: RungKey
    body: Mapping[str, Any]


@dataclass(frozen=True)
class BuildFailure:
    """Report that the TrainingJob of a rung cannot be built; the other TrainingJobs are created anyway."""

    rung_key: RungKey
    error: Exception


@dataclass(frozen=True)
class SuspendTrial:
    """Suspend the observed TrainingJob of a rung, or resume it if `suspend` is False."""

    rung_key: RungKey
    job: Object
    suspend: bool


@dataclass(frozen=True)
class CreateReport:
    """Create the Job that writes the report of the first `known_events` events in the ledger."""

    known_events: int


@dataclass(frozen=True)
class DeleteReport:
    """Delete the Job of the previous report."""

    job: Object


@dataclass(frozen=True)
class WriteTrials:
    """Create, suspend and resume TrainingJobs of trials concurrently."""

    trials: tuple[CreateTrial | BuildFailure | SuspendTrial, ...]


@dataclass(frozen=True)
class EmitReportEvent:
    """Emit an Event about the report Job, once for each key."""

    event: Event


Action = (
    AppendEvents
    | AskSearcher
    | CreateTrial
    | BuildFailure
    | SuspendTrial
    | CreateReport
    | DeleteReport
    | EmitEvent
    | ApplyStatus[ExperimentStatus]
    | DeleteSelf
)
Plan = AnyPlan[Action]


def suspensions(jobs: Jobs, suspend: Mapping[RungKey, bool], delayed: Container[RungKey]) -> tuple[SuspendTrial, ...]:
    """Return the actions that change `spec.suspend` of TrainingJobs to the desired value, except delayed ones."""
    return tuple(
        SuspendTrial(rung_key, jobs[rung_key], value)
        for rung_key, value in suspend.items()
        if rung_key not in delayed and needs_suspend_change(jobs[rung_key], suspend=value)
    )
