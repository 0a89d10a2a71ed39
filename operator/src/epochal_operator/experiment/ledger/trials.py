"""The trials of an Experiment, computed from the events of its ledger."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from epochal_operator.experiment.ledger.events import (
    CHECKPOINT_LOST,
    CheckpointsUnneeded,
    Created,
    Diverged,
    Event,
    Failed,
    Finished,
    Started,
)
from epochal_operator.experiment.trial import Rung, Trial, TrialState, parse_finite

MAX_UIDS = 8
"""Maximum number of uids that a trial keeps for its current rung; older TrainingJobs are deleted."""
MAX_RUNGS = 32
"""Maximum number of rungs of a trial: a million epochs have 21 rungs with the smallest factor."""


def apply_events(events: Iterable[Event], before: Iterable[Trial] = ()) -> tuple[Trial, ...]:
    """Return the trials in the ledger, sorted by number.

    Events that do not fit the state of their trial are ignored: no content of a ledger is an error.

    Args:
        events: The events to apply, in the order of the ledger.
        before: The trials after all earlier events; empty if `events` is the whole ledger.
    """
    trials, lost_rungs = {trial.number: trial for trial in before}, defaultdict[int, list[int]](list)
    for event in events:
        if isinstance(event, Created):
            trials.setdefault(event.trial, Trial(event.trial, event.parameters, event.known_events))
        elif isinstance(event, Started | Finished | Diverged | Failed | CheckpointsUnneeded) and event.trial in trials:
            trial = trials[event.trial]
            after = trials[event.trial] = _apply_event(trial, event)
            if isinstance(event, Started) and after is not trial and trial.uids and event.uid not in trial.uids:
                lost_rungs[event.trial].append(event.rung)  # A tuple that grows would take quadratic time.
    for number, rungs in lost_rungs.items():
        trials[number] = replace(trials[number], lost_rungs=(*trials[number].lost_rungs, *rungs))
    return tuple(trials[number] for number in sorted(trials))


def _apply_event(trial: Trial, event: Started | Finished | Diverged | Failed | CheckpointsUnneeded) -> Trial:
    """Return a trial after an event, or the unchanged trial if the event does not fit its state."""
    if isinstance(event, CheckpointsUnneeded):
        return replace(trial, dropped=True)
    rung = len(trial.rungs)
    if event.rung != rung or rung >= MAX_RUNGS or trial.state not in {"Running", "Paused"}:
        return trial
    match event:
        case Started(uid=uid):
            other_uids = tuple(known for known in trial.uids if known != uid)[1 - MAX_UIDS :]
            return replace(trial, state="Running", uids=(*other_uids, uid))
        case Finished():
            value = parse_finite(event.value)
            finished = Rung(event.epoch, value, event.uid, event.seconds, event.value_epoch)
            state: TrialState = "Complete" if event.is_last else "Paused"
            return replace(trial, rungs=(*trial.rungs, finished), state=state, uids=())
        case Diverged():
            return replace(trial, state="Diverged", reason="NonFiniteLoss")
        case Failed():
            has_value = event.reason == CHECKPOINT_LOST and rung
            return replace(trial, state="Complete" if has_value else "Failed", reason=event.reason)
