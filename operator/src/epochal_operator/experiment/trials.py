"""The trials of an Experiment, as far as its ledger tells."""

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
"""TrainingJobs of a rung that are told apart from a new one: those before them are gone, and never come back."""
MAX_RUNGS = 32
"""Rungs of a trial that are read: a million epochs have 21, by the least factor."""


@dataclass(frozen=True)
class Rung:
    """A rung that a trial has finished.

    Args:
        epoch: Its last epoch.
        value: What the trial was worth by then.
        uid: Its TrainingJob.
        seconds: How long it took.
    """

    epoch: int
    value: float | None
    uid: str
    seconds: int


@dataclass(frozen=True)
class Trial:
    """A trial.

    Args:
        number: Its number. Trial 0 is the template as it is written.
        parameters: Its parameters, as text.
        known: Events of the ledger that were known when it was suggested.
        rungs: The rungs that it has finished.
        state: Running, while the rung after those is wanted; Paused, when it has finished a rung, and may be promoted
            to the next one; Complete, when it does not go on.
        dropped: Whether its checkpoints are given up.
        uids: TrainingJobs of the rung that is wanted now, the latest one last: of more than one, the others are lost.
        lost: Rungs that were begun again, since their TrainingJob was gone.
        reason: Why it has failed, in one word.
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
        """The last epoch that it has finished a rung with."""
        return self.rungs[-1].epoch if self.rungs else 0

    @property
    def ended(self) -> bool:
        """Whether it never goes on."""
        return self.dropped or self.state not in {"Running", "Paused"}


def fold(events: Iterable[Event], before: Iterable[Trial] = ()) -> tuple[Trial, ...]:
    """Returns the trials that a ledger tells of, by their numbers.

    What does not fit is passed over: whatever a ledger holds, it is no reason to stop.

    Args:
        events: The ledger, or the rest of it.
        before: The trials that the part before the rest tells of.
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
    """Returns what a trial is worth: what its last rung has told, whatever became of it in the one after that."""
    return trial.rungs[-1].value if trial.rungs else None


def best(trials: Iterable[Trial], *, maximize: bool) -> list[Trial]:
    """Returns the trials that are worth something, the best first; of two that are the same, the earlier one.

    Args:
        trials: The trials.
        maximize: Whether the highest value is the best.
    """
    known = [(one, worth) for one in trials if (worth := value(one)) is not None]
    return [one for one, _ in sorted(known, key=lambda pair: (-pair[1] if maximize else pair[1], pair[0].number))]


def warm(events: Iterable[Event]) -> tuple[Warm, ...]:
    """Returns the trials of other Experiments that a ledger tells of."""
    return tuple(event for event in events if isinstance(event, Warm))


def exhausted(events: Iterable[Event]) -> bool:
    """Returns whether a ledger tells that there is nothing left to suggest."""
    return any(isinstance(event, Exhausted) for event in events)


def finite(text: str | None) -> float | None:
    """Returns the number that a text is, or None if it is none, or not a finite one."""
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if math.isfinite(found) else None


class _Changed:
    """A trial while events are applied to it: its rungs are a list, since a tuple that grows takes quadratic time."""

    def __init__(self, trial: Trial) -> None:
        self._before = trial
        self._rungs = list(trial.rungs)
        self._lost = list(trial.lost)
        self._uids = trial.uids
        self._state = trial.state
        self._dropped = trial.dropped
        self._reason = trial.reason

    def take(self, event: Started | Finished | Diverged | Failed | Dropped) -> None:
        """Applies an event, unless it does not fit."""
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
        """Returns the trial after the events."""
        return replace(
            self._before,
            rungs=tuple(self._rungs),
            state=self._state,
            dropped=self._dropped,
            uids=self._uids,
            lost=tuple(self._lost),
            reason=self._reason,
        )
