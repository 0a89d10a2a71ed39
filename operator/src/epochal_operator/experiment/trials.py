"""The trials of an Experiment, computed from the events of its ledger."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from epochal_operator.experiment.ledger import (
    CHECKPOINT_LOST,
    Created,
    Diverged,
    Dropped,
    Event,
    Exhausted,
    Failed,
    Finished,
    Started,
    Warm,
)

TrialState = Literal["Running", "Paused", "Complete", "Failed", "Diverged"]
MAX_UIDS = 8
"""The number of remembered TrainingJobs of a rung; older TrainingJobs are deleted and cannot reappear."""
MAX_RUNGS = 32
"""The most rungs of a trial: a million epochs have 21 rungs with the smallest factor."""


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
    def ended(self) -> bool:
        """Whether the trial never continues."""
        return self.dropped or self.state not in {"Running", "Paused"}


def fold(events: Iterable[Event], before: Iterable[Trial] = ()) -> tuple[Trial, ...]:
    """Return the trials in the ledger, sorted by number.

    Events that do not fit the state of their trial are ignored: no content of a ledger is an error.

    Args:
        events: The events of the ledger, or the events after a first part.
        before: The trials after the first part of the events.
    """
    trials = {trial.number: trial for trial in before}
    changed: dict[int, _Changed] = {}
    for event in events:
        match event:
            case Created(number, parameters, known):
                trials.setdefault(number, Trial(number, parameters, known))
            case Started() | Finished() | Diverged() | Failed() | Dropped() if event.trial in trials:
                if event.trial not in changed:
                    changed[event.trial] = _Changed(trials[event.trial])
                changed[event.trial].take(event)
    trials |= {number: one.trial() for number, one in changed.items()}
    return tuple(trials[number] for number in sorted(trials))


def value(trial: Trial) -> float | None:
    """Return the objective value of a trial after its last finished rung, or None."""
    return trial.rungs[-1].value if trial.rungs else None


def best(trials: Iterable[Trial], *, maximize: bool) -> list[Trial]:
    """Return the trials with an objective value, the best first; of equal trials, the earlier first.

    Args:
        trials: The trials.
        maximize: Whether the highest value is the best.
    """
    known = [(one, worth) for one in trials if (worth := value(one)) is not None]
    return [one for one, _ in sorted(known, key=lambda pair: (-pair[1] if maximize else pair[1], pair[0].number))]


def warm(events: Iterable[Event]) -> tuple[Warm, ...]:
    """Return the trials of other Experiments in a ledger (warm start)."""
    return tuple(event for event in events if isinstance(event, Warm))


def exhausted(events: Iterable[Event]) -> bool:
    """Return whether a ledger contains an Exhausted event."""
    return any(isinstance(event, Exhausted) for event in events)


def finite(text: str | None) -> float | None:
    """Return the number in a text, or None if the text is not a finite number."""
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if math.isfinite(found) else None


class _Changed:
    """A mutable trial, to which events are applied; a tuple of rungs that grows would take quadratic time."""

    def __init__(self, trial: Trial) -> None:
        self._before = trial
        self._rungs = list(trial.rungs)
        self._lost = list(trial.lost)
        self._uids = trial.uids
        self._state = trial.state
        self._dropped = trial.dropped
        self._reason = trial.reason

    def take(self, event: Started | Finished | Diverged | Failed | Dropped) -> None:
        """Apply an event if it fits the state of the trial."""
        if isinstance(event, Dropped):
            self._dropped = True
            return
        rung = len(self._rungs)
        if event.rung != rung or rung >= MAX_RUNGS or self._state not in {"Running", "Paused"}:
            return
        match event:
            case Started(uid=uid):
                if self._uids and uid not in self._uids:
                    self._lost.append(rung)
                kept = tuple(one for one in self._uids if one != uid)[1 - MAX_UIDS :]
                self._state, self._uids = "Running", (*kept, uid)
            case Finished():
                self._rungs.append(Rung(event.epoch, finite(event.value), event.uid, event.seconds))
                self._state, self._uids = ("Complete" if event.ended else "Paused"), ()
            case Diverged():
                self._state, self._reason = "Diverged", "NonFiniteLoss"
            case Failed():
                is_lost = event.reason == CHECKPOINT_LOST and rung
                self._state, self._reason = ("Complete" if is_lost else "Failed"), event.reason

    def trial(self) -> Trial:
        """Return the trial after the events."""
        return replace(
            self._before,
            rungs=tuple(self._rungs),
            state=self._state,
            dropped=self._dropped,
            uids=self._uids,
            lost=tuple(self._lost),
            reason=self._reason,
        )
