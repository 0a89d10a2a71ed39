"""The events of a ledger: all that an Experiment has observed. Events are only appended.

The state of the trials, the suggestions and the status follow from the spec, the events and the existing TrainingJobs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MAX_EVENTS = 32 * 1024
"""Events of a ledger: several times as many as a search with all trials has."""
MAX_NUMBER = 10**9
"""The largest number in an event: larger than any trial number, epoch or duration in seconds."""
MAX_STRING = 256
"""Characters of a name, a value or a reason: the values of parameters are the longest."""


@dataclass(frozen=True)
class Owner:
    """The Experiment with this uid owns the ledger: the first event of each ledger."""

    uid: str


@dataclass(frozen=True)
class Created:
    """A trial was created in the ledger, before its first TrainingJob exists.

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
        uid: The uid of the TrainingJob; empty if it does not exist.
    """

    trial: int
    rung: int
    uid: str


@dataclass(frozen=True)
class Started(_RungEvent):
    """The TrainingJob of a rung of a trial exists."""


@dataclass(frozen=True)
class Diverged(_RungEvent):
    """The loss of a trial has become NaN or infinite."""


@dataclass(frozen=True)
class Failed(_RungEvent):
    """A trial has failed, or the API server has refused it."""

    reason: str


@dataclass(frozen=True)
class Finished:
    """A trial has finished a rung.

    Args:
        epoch: The last epoch of the rung, counted from the first epoch of the trial.
        value: The objective value of the trial after this rung, as text.
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
missing. Its objective value stays valid.
"""
REJECTED = "Rejected"
"""The reason of a failed trial: the API server or Epochal refused its TrainingJob."""


@dataclass(frozen=True)
class CheckpointsUnneeded:
    """The checkpoints of a trial may be deleted: the trial never continues."""

    trial: int


@dataclass(frozen=True)
class WarmStartTrial:
    """A trial of another Experiment with its result, from which the search starts (`spec.warmStartFrom`)."""

    experiment: str
    trial: int
    parameters: Mapping[str, str]
    value: str
    epoch: int


@dataclass(frozen=True)
class NoUntriedParameters:
    """The searcher has no more untried parameters to suggest.

    Args:
        known_events: The number of events in the ledger at that time.
    """

    known_events: int


@dataclass(frozen=True)
class UnknownEvent:
    """A line of the ledger that only another version of Epochal can read."""

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
