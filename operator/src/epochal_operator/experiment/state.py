"""The state of an Experiment: its phase, and how it has ended according to its previous status."""

from dataclasses import dataclass
from datetime import datetime

from epochal_api.experiment.status import ExperimentState, ExperimentStatus
from epochal_api.kind import Metadata

from epochal_operator.experiment.reasons import REFUSALS, Reason, StatusCause
from epochal_operator.runtime.conditions import get_condition, is_true

FINISHED_STATES = frozenset({"Complete", "Failed"})
"""The states of an Experiment that has ended, and the conditions of its end."""


@dataclass(frozen=True)
class Phase:
    """The phase of an Experiment."""

    state: ExperimentState
    cause: StatusCause
    start: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the Experiment has ended, so that it continues only after a change of its spec."""
        return self.state in FINISHED_STATES


def was_finished(before: ExperimentStatus) -> bool:
    """Return whether the condition Finished is True in the previous status."""
    return is_true(before.conditions, "Finished")


def has_search_result(before: ExperimentStatus) -> bool:
    """Return whether a search has completed or failed, for a reason other than a refused spec."""
    return any(
        condition.type in FINISHED_STATES and condition.status == "True" and condition.reason not in REFUSALS
        for condition in before.conditions or []
    )


def was_refused(before: ExperimentStatus, reason: Reason, generation: int) -> bool:
    """Return whether the status shows that this generation of the spec was refused for this reason."""
    failed = get_condition(before.conditions, "Failed")
    is_current = before.observed_generation == generation
    return is_current and failed is not None and failed.status == "True" and failed.reason == reason


def needs_no_ledger(metadata: Metadata, before: ExperimentStatus) -> bool:
    """Return whether an Experiment has created trials and has ended with its current spec.

    Then no trial continues, and its status is final, even if its ExperimentLedger cannot be read. An Experiment without
    trials may have ended because its spec was refused, and another version of Epochal may accept the spec.
    """
    has_trials = before.trials is not None and before.trials.created > 0
    return has_trials and before.state in FINISHED_STATES and before.observed_generation == metadata.generation


def completion_time(before: ExperimentStatus) -> datetime | None:
    """Return the completion time of an Experiment from its status, or None."""
    return datetime.fromisoformat(before.completion_time) if before.completion_time is not None else None
