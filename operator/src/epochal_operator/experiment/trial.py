"""A trial of an Experiment, and its current state."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from epochal_api.experiment.spec import ExperimentSpec

TrialState = Literal["Running", "Paused", "Complete", "Failed", "Diverged"]
RungKey = tuple[int, int]
"""The number of a trial, and its rung counted from 0."""


@dataclass(frozen=True)
class Rung:
    """A rung that a trial has finished.

    Args:
        epoch: The last epoch of the rung.
        value: The objective value of the trial after the rung; None if it is missing or not finite.
        value_epoch: The epoch with this value; None if unknown.
    """

    epoch: int
    value: float | None
    uid: str
    seconds: int
    value_epoch: int | None = None


@dataclass(frozen=True)
class Trial:
    """A trial of an Experiment and its current state.

    Args:
        number: The number of the trial. Trial 0 is the unchanged template.
        known_events: The number of events in the ledger when the trial was suggested.
        state: Running: the trial trains its current rung, or waits to train it. Paused: the trial finished a rung, and
            may be promoted. Complete: the trial has a value, and does not continue.
        dropped: Whether its checkpoints may be deleted, so that it never continues.
        uids: The uids of the TrainingJobs of the current rung, the latest one last; the earlier TrainingJobs are lost.
        lost_rungs: The rungs that started again because their TrainingJob was lost.
        reason: The reason of the failure as a CamelCase word.
    """

    number: int
    parameters: Mapping[str, str]
    known_events: int
    rungs: tuple[Rung, ...] = ()
    state: TrialState = "Running"
    dropped: bool = False
    uids: tuple[str, ...] = ()
    lost_rungs: tuple[int, ...] = ()
    reason: str = ""

    @property
    def epoch(self) -> int:
        """The last epoch of the last finished rung, or 0."""
        return self.rungs[-1].epoch if self.rungs else 0

    @property
    def rung_key(self) -> RungKey:
        """The number of the trial and its current rung, the first rung that it has not finished."""
        return self.number, len(self.rungs)

    @property
    def value(self) -> float | None:
        """The objective value after the last finished rung, or None."""
        return self.rungs[-1].value if self.rungs else None

    @property
    def can_be_promoted(self) -> bool:
        """Whether the trial is Paused after a rung, and its checkpoints are kept."""
        return self.state == "Paused" and not self.dropped

    @property
    def is_finished(self) -> bool:
        """Whether the trial never continues."""
        return self.dropped or self.state not in {"Running", "Paused"}


def has_value(trials: Iterable[Trial]) -> bool:
    """Return whether at least one of the trials has an objective value."""
    return any(trial.value is not None for trial in trials)


def rank_trials(trials: Iterable[Trial], *, maximize: bool) -> list[Trial]:
    """Return the trials with an objective value, the best first; of equal trials, the earlier first."""
    ranked = [
        (-trial.value if maximize else trial.value, trial.number, trial) for trial in trials if trial.value is not None
    ]
    return [trial for *_, trial in sorted(ranked, key=lambda entry: entry[:2])]


def parse_finite(text: str | None) -> float | None:
    """Return the number in a text, or None if the text is not a finite number."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def max_trials(spec: ExperimentSpec) -> int:
    """Return the largest number of trials of a search."""
    return 1 if spec.search.method == "None" else spec.max_trials
