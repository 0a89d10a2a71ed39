"""What comes next in a search: which trials go on, how many new ones there are, and when it is over."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Literal

from epochal_api.experiment import ExperimentSpec

from epochal_operator.experiment.schedule import Promotion, promotions
from epochal_operator.experiment.trials import Trial, finite, value

End = Literal[
    "Completed", "TargetReached", "FinishedEarly", "SearchExhausted", "TooManyFailedTrials", "AllTrialsDiverged"
]
"""Why a search is over: the last two are failures."""
FAILURES: frozenset[End] = frozenset({"TooManyFailedTrials", "AllTrialsDiverged"})


@dataclass(frozen=True)
class Next:
    """What to begin now.

    Args:
        promote: Trials that go on, by rungs.
        create: How many new trials to begin.
    """

    promote: tuple[Promotion, ...] = ()
    create: int = 0


def decide(
    spec: ExperimentSpec,
    trials: Sequence[Trial],
    running: int,
    *,
    exhausted: bool = False,
    blocked: Container[tuple[int, int]] = (),
) -> Next:
    """Returns what to do with the slots that are free: trials go on before new ones begin.

    Args:
        spec: What is searched.
        trials: The trials so far.
        running: Slots that are taken.
        exhausted: Whether there is nothing left to suggest.
        blocked: Who cannot go on just now: others take the slots meanwhile.
    """
    free = spec.parallelism - running
    if spec.suspend or free <= 0 or failure(spec, trials) or stop(spec, trials):
        return Next()
    if _all_have_diverged(spec, trials):  # those that run yet are waited for: they tell whether it is hopeless
        return Next()
    left = 0 if exhausted else max(0, limit(spec) - len(trials))
    promote = [one for one in promotions(trials, spec, closed=not left) if one not in blocked][:free]
    return Next(tuple(promote), min(left, free - len(promote)))


def end(
    spec: ExperimentSpec, trials: Sequence[Trial], *, exhausted: bool = False, unstarted: Container[int] = ()
) -> End | None:
    """Returns why a search is over, or None while it goes on.

    Args:
        spec: What is searched.
        trials: The trials so far.
        exhausted: Whether there is nothing left to suggest.
        unstarted: Running trials that train nothing, and have trained nothing of their rung.
    """
    if failed := failure(spec, trials):
        return failed
    stopped = stop(spec, trials)
    if any(one.state == "Running" and not (stopped and one.number in unstarted) for one in trials):
        return None  # A search that stops does not wait for a trial that may never get a node.
    if stopped:
        return stopped
    full = len(trials) >= limit(spec)
    if not (full or exhausted) or promotions(trials, spec, closed=True):
        return None
    return "Completed" if full else "SearchExhausted"


def stop(spec: ExperimentSpec, trials: Sequence[Trial]) -> End | None:
    """Returns why nothing more is begun, though there would be more to try.

    Args:
        spec: What is searched.
        trials: The trials so far.
    """
    target, maximize = finite(spec.objective.target), spec.objective.goal == "Maximize"
    known = (worth for one in trials if (worth := value(one)) is not None)
    if target is not None and any(worth >= target if maximize else worth <= target for worth in known):
        return "TargetReached"
    return "FinishedEarly" if spec.finish else None


def failure(spec: ExperimentSpec, trials: Sequence[Trial]) -> End | None:
    """Returns why a search has failed, or None if it has not.

    Args:
        spec: What is searched.
        trials: The trials so far.
    """
    if sum(one.state == "Failed" for one in trials) > spec.max_failed_trials:
        return "TooManyFailedTrials"
    runs = any(one.state == "Running" for one in trials)
    return "AllTrialsDiverged" if _all_have_diverged(spec, trials) and not runs else None


def limit(spec: ExperimentSpec) -> int:
    """Returns how many trials there are in all."""
    return 1 if spec.search.method == "None" else spec.max_trials


def _all_have_diverged(spec: ExperimentSpec, trials: Sequence[Trial]) -> bool:
    """Returns whether all trials that have come to anything have diverged, and these are too many."""
    diverged = sum(one.state == "Diverged" for one in trials)
    return diverged > spec.max_failed_trials and not any(one.rungs or one.state == "Failed" for one in trials)
