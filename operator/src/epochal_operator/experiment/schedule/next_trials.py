"""Decide the next step of a search: the trials to promote, the number of new trials, and the end."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Literal

from epochal_api.experiment.spec import ExperimentSpec

from epochal_operator.experiment.schedule.pruning import promotions
from epochal_operator.experiment.trial import Trial, has_value, max_trials, parse_finite

EndReason = Literal[
    "Completed",
    "TargetReached",
    "FinishedEarly",
    "SearchExhausted",
    "TooManyFailedTrials",
    "AllTrialsDiverged",
    "NoTrialSucceeded",
]
"""The reason why a search has ended: the last three are failures."""
FAILURE_REASONS: frozenset[EndReason] = frozenset({"TooManyFailedTrials", "AllTrialsDiverged", "NoTrialSucceeded"})


@dataclass(frozen=True)
class NextTrials:
    """The trials to start now.

    Args:
        promote: The paused trials that continue with their next rung.
        create: The number of new trials.
    """

    promote: tuple[Trial, ...] = ()
    create: int = 0


def next_trials(
    spec: ExperimentSpec,
    trials: Sequence[Trial],
    occupied: int,
    *,
    exhausted: bool = False,
    blocked: Container[tuple[int, int]] = (),
) -> NextTrials:
    """Return the trials to start in the free slots: promotions first, then new trials.

    Args:
        spec: The spec.
        trials: The existing trials.
        occupied: The number of slots of spec.parallelism that trials occupy.
        exhausted: Whether the searcher has no new parameters to suggest.
        blocked: Trials and rungs that cannot start now, so that other trials may use their slots.
    """
    free = spec.parallelism - occupied
    if spec.suspend or free <= 0 or _failure_reason(spec, trials) or stop_reason(spec, trials):
        return NextTrials()
    if _all_have_diverged(spec, trials):  # running trials decide whether all diverge
        return NextTrials()
    remaining = 0 if exhausted else max(0, max_trials(spec) - len(trials))
    promoted = promotions(trials, spec, closed=not remaining)
    promote = [trial for trial in promoted if trial.rung_key not in blocked][:free]
    return NextTrials(tuple(promote), min(remaining, free - len(promote)))


def end_reason(
    spec: ExperimentSpec, trials: Sequence[Trial], *, exhausted: bool = False, unstarted_trials: Container[int] = ()
) -> EndReason | None:
    """Return the reason why a search has ended, or None while it continues.

    Args:
        spec: The spec of the Experiment.
        trials: The existing trials.
        exhausted: Whether the searcher has no new parameters to suggest.
        unstarted_trials: Numbers of the running trials that have not begun to train their rung.
    """
    if failure := _failure_reason(spec, trials):
        return failure
    stop = stop_reason(spec, trials)
    if any(trial.state == "Running" and not (stop and trial.number in unstarted_trials) for trial in trials):
        return None  # A search that stops does not wait for a trial that may never get a node.
    is_full = len(trials) >= max_trials(spec)
    if not stop and (not (is_full or exhausted) or promotions(trials, spec, closed=True)):
        return None
    if not has_value(trials):
        return "NoTrialSucceeded"
    return stop or ("Completed" if is_full else "SearchExhausted")


def stop_reason(spec: ExperimentSpec, trials: Sequence[Trial]) -> EndReason | None:
    """Return TargetReached or FinishedEarly if the target is reached or spec.finish is true, else None."""
    target, maximize = parse_finite(spec.objective.target), spec.objective.goal == "Maximize"
    values = (trial.value for trial in trials if trial.value is not None)
    if target is not None and any(value >= target if maximize else value <= target for value in values):
        return "TargetReached"
    return "FinishedEarly" if spec.finish else None


def _failure_reason(spec: ExperimentSpec, trials: Sequence[Trial]) -> EndReason | None:
    """Return TooManyFailedTrials or AllTrialsDiverged if a search has failed for this reason, else None."""
    if sum(trial.state == "Failed" for trial in trials) > spec.max_failed_trials:
        return "TooManyFailedTrials"
    is_running = any(trial.state == "Running" for trial in trials)
    return "AllTrialsDiverged" if _all_have_diverged(spec, trials) and not is_running else None


def _all_have_diverged(spec: ExperimentSpec, trials: Sequence[Trial]) -> bool:
    """Return whether more trials than maxFailedTrials have diverged, and no trial has failed or finished a rung."""
    diverged = sum(trial.state == "Diverged" for trial in trials)
    return diverged > spec.max_failed_trials and not any(trial.rungs or trial.state == "Failed" for trial in trials)
