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
    """The inputs that show whether the parameter importances must be computed again.

    Args:
        trial: The number of the best trial.
        value: The objective value of the best trial, as text.
        is_final: Whether the search has ended.
    """

    trial: int
    value: str
    is_final: bool


@dataclass(frozen=True)
class AppendEvents:
    """Append events to the ledger of the Experiment."""

    events: tuple[LedgerEvent, ...]


@dataclass(frozen=True)
class AskSearcher:
    """Request the parameters of new trials, or the importance of each parameter, from the searcher.

    Args:
        trials: The numbers of the new trials; empty in a request for the importances.
        importance: The inputs for which the importances are requested; None in a request without importances.
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
    """Handle an error that prevented Epochal from building the TrainingJob of a rung.

    The trial fails if this is its first rung. A later rung is retried. Other TrainingJobs are not affected.
    """

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
    """Emit an Event about the report Job, and remember its key, so that later plans do not emit it again."""

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
    """Return the actions that set `spec.suspend` of TrainingJobs to the values in `suspend`.

    A TrainingJob gets no action if it is in `delayed`, has ended, is being deleted, or already has the value.
    """
    return tuple(
        SuspendTrial(rung_key, jobs[rung_key], value)
        for rung_key, value in suspend.items()
        if rung_key not in delayed and needs_suspend_change(jobs[rung_key], suspend=value)
    )
