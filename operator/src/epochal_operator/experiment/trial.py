"""A trial of an Experiment, and its current state."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from epochal_api.experiment.spec import ExperimentSpec

TrialState = Literal["Running", "Paused", "Complete", "Failed", "Diverged"]
Place = tuple[int, int]
"""The number of a trial, and its rung."""


@dataclass(frozen=True)
class Rung:
    """A rung that a trial has finished.

    Args:
        epoch: The last epoch of the rung.
        value: The objective value of the trial after the rung; None if it is missing or not finite.
        uid: The uid of its TrainingJob.
        seconds: The duration of the rung.
    """

    epoch: int
    value: float | None
    uid: str
    seconds: int


@dataclass(frozen=True)
class Trial:
    """A trial of an Experiment and its current state.

    Args:
        number: The number of the trial. Trial 0 is the unchanged template.
        parameters: The parameters of the trial, as text.
        known: The number of events in the ledger when the trial was suggested.
        rungs: The finished rungs.
        state: Running while the rung after `rungs` is wanted. Paused after a rung, while a promotion is possible.
            Complete if the trial does not continue.
        dropped: Whether its checkpoints may be deleted.
        uids: The uids of the TrainingJobs of the current rung, the latest one last; the earlier TrainingJobs are lost.
        lost: The rungs that started again because their TrainingJob was lost.
        reason: The reason of the failure as a CamelCase word.
    """

    number: int
    parameters: Mapping[str, str]
    known: int
    rungs: tuple[Rung, ...] = ()
    state: TrialState = "Running"
    dropped: bool = False
    uids: tuple[str, ...] = ()
    lost: tuple[int, ...] = ()
    reason: str = ""

    @property
    def epoch(self) -> int:
        """The last epoch of the last finished rung, or 0."""
        return self.rungs[-1].epoch if self.rungs else 0

    @property
    def place(self) -> Place:
        """The number of the trial and its current rung, which the ledger has not finished."""
        return self.number, len(self.rungs)

    @property
    def value(self) -> float | None:
        """The objective value after the last finished rung, or None."""
        return self.rungs[-1].value if self.rungs else None

    @property
    def can_be_promoted(self) -> bool:
        """Whether the trial waits after a rung, and still has its checkpoints."""
        return self.state == "Paused" and not self.dropped

    @property
    def ended(self) -> bool:
        """Whether the trial never continues."""
        return self.dropped or self.state not in {"Running", "Paused"}


def best(trials: Iterable[Trial], *, maximize: bool) -> list[Trial]:
    """Return the trials with an objective value, the best first; of equal trials, the earlier first.

    Args:
        trials: The trials.
        maximize: Whether the highest value is the best.
    """
    ranked = [(-one.value if maximize else one.value, one.number, one) for one in trials if one.value is not None]
    return [one for *_, one in sorted(ranked, key=lambda each: each[:2])]


def finite(text: str | None) -> float | None:
    """Return the number in a text, or None if the text is not a finite number."""
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def max_trials(spec: ExperimentSpec) -> int:
    """Return the largest number of trials of a search."""
    return 1 if spec.search.method == "None" else spec.max_trials
