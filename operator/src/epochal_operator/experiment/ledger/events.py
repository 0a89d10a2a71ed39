"""The events in the ledger of an Experiment: the history of its trials. Events are only appended.

The state of the trials, the suggestions and the status follow from the spec, the events and the existing TrainingJobs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MAX_EVENTS = 32 * 1024
"""Maximum number of events in a ledger, which then is full: several times as many as the largest search causes."""
MAX_NUMBER = 10**9
"""The largest number in an event: larger than any trial number, epoch or duration in seconds."""
MAX_STRING = 256
"""Maximum characters of a name, a value or a reason in an event: the values of parameters are the longest."""


@dataclass(frozen=True)
class Owner:
    """The first event of each ledger: the uid of the Experiment that owns the ledger."""

    uid: str


@dataclass(frozen=True)
class Created:
    """A new trial has these parameters. The event is stored before the first TrainingJob of the trial is created.

    Args:
        known_events: The number of events in the ledger when the trial was suggested.
    """

    trial: int
    parameters: Mapping[str, str]
    known_events: int


@dataclass(frozen=True)
class _RungEvent:
    """An event of the TrainingJob of a rung.

    Args:
        rung: The rung, counted from 0.
        uid: The uid of the TrainingJob; empty if it was never created.
    """

    trial: int
    rung: int
    uid: str


@dataclass(frozen=True)
class Started(_RungEvent):
    """The TrainingJob of a rung was created. A second Started event of a rung means that its TrainingJob was lost."""


@dataclass(frozen=True)
class Diverged(_RungEvent):
    """A trial diverged in a rung: its loss or its objective value is NaN or infinite."""


@dataclass(frozen=True)
class Failed(_RungEvent):
    """The TrainingJob of a rung failed, was refused, or could not be built, so its trial fails.

    With the reason CHECKPOINT_LOST, a trial after its first rung counts as complete instead.
    """

    reason: str


@dataclass(frozen=True)
class Finished:
    """A trial has finished a rung.

    Args:
        epoch: The last epoch of the rung, counted from the first epoch of the trial.
        value: The objective value of the trial after this rung, as text.
        uid: The uid of the TrainingJob; empty if the TrainingJob was lost.
        seconds: The time from start to completion of the TrainingJob.
        is_last: Whether the trial has no further rung: all epochs are trained, or a callback stopped the training.
        value_epoch: The epoch with this value; None in ledgers of earlier versions.
    """

    trial: int
    rung: int
    epoch: int
    value: str | None
    uid: str
    seconds: int
    is_last: bool
    value_epoch: int | None = None


CHECKPOINT_LOST = "CheckpointLost"
"""The reason of a trial that has not failed but cannot continue, because the checkpoint of its previous rung is
missing or from a later version of Epochal. Its objective value stays valid.
"""
REJECTED = "Rejected"
"""The reason of a failed trial: the API server or Epochal refused its TrainingJob."""


@dataclass(frozen=True)
class CheckpointsUnneeded:
    """The checkpoints of a trial may be deleted: the trial never continues."""

    trial: int


@dataclass(frozen=True)
class WarmStartTrial:
    """A trial of another Experiment in `spec.warmStartFrom`, with its result for the sampler of this search.

    Args:
        epoch: The last epoch of the last rung that the trial has finished.
    """

    experiment: str
    trial: int
    parameters: Mapping[str, str]
    value: str
    epoch: int


@dataclass(frozen=True)
class NoUntriedParameters:
    """The searcher has no more untried parameters to suggest.

    Args:
        known_events: The number of events in the ledger at the time of the search request.
    """

    known_events: int


@dataclass(frozen=True)
class UnknownEvent:
    """A line that this version of Epochal cannot read. It stays unchanged in the ledger."""

    line: str


Event = (
    Owner
    | Created
    | Started
    | Finished
    | Diverged
    | Failed
    | CheckpointsUnneeded
    | WarmStartTrial
    | NoUntriedParameters
    | UnknownEvent
)
