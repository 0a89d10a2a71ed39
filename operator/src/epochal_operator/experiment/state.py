"""The state of an Experiment: its phase, and how it has ended according to its previous status."""

from dataclasses import dataclass
from datetime import datetime

from epochal_api.experiment.status import ExperimentState, ExperimentStatus
from epochal_api.kind import Metadata

from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.runtime.conditions import is_true

ENDED = frozenset({"Complete", "Failed"})
"""The states of an Experiment that has ended, and the conditions of its end."""


@dataclass(frozen=True)
class Phase:
    """The phase of an Experiment.

    Args:
        state: The `status.state`.
        cause: The reason and the message of the state.
        start: The start time of the Experiment, RFC 3339.
    """

    state: ExperimentState
    cause: StatusCause
    start: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the Experiment has ended: no further action follows unless its spec changes."""
        return self.state in ENDED


def is_finished(before: ExperimentStatus) -> bool:
    """Return whether the condition Finished is True."""
    return is_true(before.conditions, "Finished")


def search_has_ended(before: ExperimentStatus) -> bool:
    """Return whether a search has completed or failed, for a reason other than InvalidSpec."""
    found = [one for one in before.conditions or [] if one.type in ENDED and one.status == "True"]
    return any(one.reason != Reason.INVALID_SPEC for one in found)


def needs_no_ledger(metadata: Metadata, before: ExperimentStatus) -> bool:
    """Return whether an Experiment with trials has ended by its current spec.

    Args:
        metadata: The metadata of the Experiment.
        before: The previous status of the Experiment.
    """
    has_trials = before.trials is not None and before.trials.created > 0
    return has_trials and before.state in ENDED and before.observed_generation == metadata.generation


def end_of(before: ExperimentStatus) -> datetime | None:
    """Return the completion time of an Experiment from its status, or None."""
    return datetime.fromisoformat(before.completion_time) if before.completion_time is not None else None
