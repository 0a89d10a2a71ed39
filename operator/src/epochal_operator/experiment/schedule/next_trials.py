"""Decide the next step of a search: the trials to promote, the number of new trials, and the end."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Literal

from epochal_api.experiment.spec import ExperimentSpec

from epochal_operator.experiment.schedule.pruning import promotions
from epochal_operator.experiment.trial import Trial, finite, max_trials

End = Literal[
    "Completed", "TargetReached", "FinishedEarly", "SearchExhausted", "TooManyFailedTrials", "AllTrialsDiverged"
]
"""The reason why a search has ended: the last two are failures."""
FAILURES: frozenset[End] = frozenset({"TooManyFailedTrials", "AllTrialsDiverged"})


@dataclass(frozen=True)
class Next:
    """The trials to start now.

    Args:
        promote: The trials to promote.
        create: The number of new trials.
    """

    promote: tuple[Trial, ...] = ()
    create: int = 0


def decide(
    spec: ExperimentSpec,
    trials: Sequence[Trial],
    running: int,
    *,
    exhausted: bool = False,
    blocked: Container[tuple[int, int]] = (),
) -> Next:
    """Return the trials to start in the free slots: promotions first, then new trials.

    Args:
        spec: The spec of the Experiment.
        trials: The existing trials.
        running: The number of occupied slots.
        exhausted: Whether the searcher has no new parameters to suggest.
        blocked: Trials and rungs that cannot start now: other trials use their slots.
    """
    free = spec.parallelism - running
    if spec.suspend or free <= 0 or _failure(spec, trials) or stop(spec, trials):
        return Next()
    if _all_have_diverged(spec, trials):  # running trials decide whether all diverge
        return Next()
    left = 0 if exhausted else max(0, max_trials(spec) - len(trials))
    promote = [one for one in promotions(trials, spec, closed=not left) if one.place not in blocked][:free]
    return Next(tuple(promote), min(left, free - len(promote)))


def end(
    spec: ExperimentSpec, trials: Sequence[Trial], *, exhausted: bool = False, unstarted: Container[int] = ()
) -> End | None:
    """Return the reason why a search has ended, or None while it continues.

    Args:
        spec: The spec of the Experiment.
        trials: The existing trials.
        exhausted: Whether the searcher has no new parameters to suggest.
        unstarted: Numbers of the running trials that have not begun to train their rung.
    """
    if failed := _failure(spec, trials):
        return failed
    stopped = stop(spec, trials)
    if any(one.state == "Running" and not (stopped and one.number in unstarted) for one in trials):
        return None  # A search that stops does not wait for a trial that may never get a node.
    if stopped:
        return stopped
    full = len(trials) >= max_trials(spec)
    if not (full or exhausted) or promotions(trials, spec, closed=True):
        return None
    return "Completed" if full else "SearchExhausted"


def stop(spec: ExperimentSpec, trials: Sequence[Trial]) -> End | None:
    """Return the reason why no further trial is started although more are possible, or None.

    Args:
        spec: The spec of the Experiment.
        trials: The existing trials.
    """
    target, maximize = finite(spec.objective.target), spec.objective.goal == "Maximize"
    values = (one.value for one in trials if one.value is not None)
    if target is not None and any(value >= target if maximize else value <= target for value in values):
        return "TargetReached"
    return "FinishedEarly" if spec.finish else None


def _failure(spec: ExperimentSpec, trials: Sequence[Trial]) -> End | None:
    """Return the reason why a search has failed, or None."""
    if sum(one.state == "Failed" for one in trials) > spec.max_failed_trials:
        return "TooManyFailedTrials"
    runs = any(one.state == "Running" for one in trials)
    return "AllTrialsDiverged" if _all_have_diverged(spec, trials) and not runs else None


def _all_have_diverged(spec: ExperimentSpec, trials: Sequence[Trial]) -> bool:
    """Return whether more trials than maxFailedTrials have diverged, and no trial has failed or finished a rung."""
    diverged = sum(one.state == "Diverged" for one in trials)
    return diverged > spec.max_failed_trials and not any(one.rungs or one.state == "Failed" for one in trials)
