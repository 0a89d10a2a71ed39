"""The actions of a plan for an Experiment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epochal_api.experiment_status import ExperimentStatus

from epochal_operator.experiment.ledger import Event as Told
from epochal_operator.experiment.observed import Occasion, Place
from epochal_operator.experiment.report import CreateReport, DeleteReport
from epochal_operator.runtime.actions import ApplyStatus, DeleteSelf, EmitEvent
from epochal_operator.runtime.events import Event
from epochal_operator.runtime.resource import Object


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
    importance: Occasion | None = None


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
"""The actions of a plan."""
