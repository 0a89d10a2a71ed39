"""The steps that a plan for an Experiment has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epochal_api.experiment_status import ExperimentStatus

from epochal_operator.experiment.ledger import Event as Told
from epochal_operator.experiment.observed import Occasion, Place
from epochal_operator.experiment.report import CreateReport, DeleteReport
from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.resource import Object


@dataclass(frozen=True)
class Append:
    """Add to the ledger.

    Args:
        events: What was observed.
    """

    events: tuple[Told, ...]


@dataclass(frozen=True)
class Ask:
    """Have parameters suggested for new trials, and add these to the ledger; or ask how much each parameter matters.

    Args:
        trials: Numbers of the new trials.
        importance: What there is to ask how much each parameter matters; None if nothing is.
    """

    trials: tuple[int, ...] = ()
    importance: Occasion | None = None


@dataclass(frozen=True)
class Create:
    """Create the TrainingJob of a rung.

    Args:
        place: The trial and the rung.
        body: The TrainingJob.
    """

    place: Place
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Unmade:
    """Tell that the TrainingJob of a rung cannot be built: others are made meanwhile.

    Args:
        place: The trial and the rung.
        error: Why.
    """

    place: Place
    error: Exception


@dataclass(frozen=True)
class Suspend:
    """Suspend a trial's TrainingJob, or have it go on.

    Args:
        place: The trial and the rung.
        job: The TrainingJob as seen.
        suspend: Which of both.
    """

    place: Place
    job: Object
    suspend: bool


@dataclass(frozen=True)
class DeleteExperiment:
    """Delete the Experiment: its time to live is over."""


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
    | DeleteExperiment
)
