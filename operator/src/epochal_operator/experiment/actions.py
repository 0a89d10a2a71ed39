"""The actions of a plan for an Experiment."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from epochal_api.experiment.status import ExperimentStatus

from epochal_operator.experiment.ledger.events import Event as Told
from epochal_operator.experiment.trial import Place
from epochal_operator.experiment.trial_state import Jobs, must_change
from epochal_operator.runtime.actions import ApplyStatus, DeleteSelf, EmitEvent
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.events import Event


class ImportanceState(NamedTuple):
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
class Append:
    """Append events to the ledger.

    Args:
        events: The observed events.
    """

    events: tuple[Told, ...]


@dataclass(frozen=True)
class Ask:
    """Ask the searcher for the parameters of new trials, or for the importance of each parameter.

    Args:
        trials: Numbers of the new trials.
        importance: The reason to compute the importances again; None if they are up to date.
    """

    trials: tuple[int, ...] = ()
    importance: ImportanceState | None = None


@dataclass(frozen=True)
class Create:
    """Create the TrainingJob for a rung of a trial.

    Args:
        place: The trial and the rung.
        body: The TrainingJob.
    """

    place: Place
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Unmade:
    """Report that the TrainingJob of a rung cannot be built; the other TrainingJobs are created anyway.

    Args:
        place: The trial and the rung.
        error: The exception that building the TrainingJob raised.
    """

    place: Place
    error: Exception


@dataclass(frozen=True)
class Suspend:
    """Suspend or resume the TrainingJob of a trial.

    Args:
        place: The trial and the rung.
        job: The observed TrainingJob.
        suspend: Whether the TrainingJob is suspended; False resumes it.
    """

    place: Place
    job: Object
    suspend: bool


@dataclass(frozen=True)
class CreateReport:
    """Create the Job that writes the report.

    Args:
        known: The number of events in the ledger that the report contains.
    """

    known: int


@dataclass(frozen=True)
class DeleteReport:
    """Delete the Job of the previous report.

    Args:
        job: The observed Job.
    """

    job: Object


@dataclass(frozen=True)
class WriteTrials:
    """Create, suspend and resume TrainingJobs of trials concurrently.

    Args:
        trials: The actions.
    """

    trials: tuple[Create | Unmade | Suspend, ...]


@dataclass(frozen=True)
class EmitReportEvent:
    """Emit an Event about the report Job, once for each key.

    Args:
        event: The Event.
    """

    event: Event


Action = (
    Append
    | Ask
    | Create
    | Unmade
    | Suspend
    | CreateReport
    | DeleteReport
    | EmitEvent
    | ApplyStatus[ExperimentStatus]
    | DeleteSelf
)
Plan = AnyPlan[Action]


def suspensions(jobs: Jobs, suspend: Mapping[Place, bool], held: Container[Place]) -> tuple[Suspend, ...]:
    """Return the actions that suspend or resume TrainingJobs, as far as their `spec.suspend` must change.

    Args:
        jobs: The TrainingJobs.
        suspend: Whether each TrainingJob must be suspended, by place.
        held: The places whose TrainingJobs must not be changed now.
    """
    return tuple(
        Suspend(place, jobs[place], value)
        for place, value in suspend.items()
        if place not in held and must_change(jobs[place], suspend=value)
    )
