"""Asynchronous successive halving (ASHA), https://arxiv.org/abs/1810.05934."""

from collections.abc import Sequence

from epochal_api.experiment.spec import ExperimentSpec, Schedule

from epochal_operator.experiment.trial import Trial


def rungs(schedule: Schedule, epochs: int) -> tuple[int, ...]:
    """Return the epochs after which trials are compared; the last value is all epochs.

    A rung is omitted if all epochs are less than its epochs times the square root of the reduction factor.

    Args:
        schedule: The schedule.
        epochs: The number of epochs of a complete training.
    """
    budgets, budget = [], schedule.min_epochs
    while budget**2 * schedule.factor <= epochs**2:
        budgets.append(budget)
        budget *= schedule.factor
    return (*budgets, epochs)


def promotions(trials: Sequence[Trial], count: int, spec: ExperimentSpec, *, closed: bool) -> list[Trial]:
    """Return the trials of a bracket that continue with their next rung: the highest rungs first.

    Of n trials that finished a rung, the best n / factor are promoted. A trial that failed in the next rung gives its
    place to another trial. No trial waits for others.

    Args:
        trials: The trials of the bracket.
        count: The number of rungs of the bracket.
        spec: The spec of the Experiment.
        closed: Whether no new trials will be created; then each complete rung promotes at least one trial.
    """
    found: list[Trial] = []
    for rung in range(count - 1):
        below = found or any(one.state == "Running" and len(one.rungs) <= rung for one in trials)
        best = _best(trials, rung, spec, least=1 if closed and not below else 0)
        found = [*(one for one in best if len(one.rungs) == rung + 1 and one.can_be_promoted), *found]
    return found


def most_promotions(count: int, trials: int, factor: int) -> int:
    """Return the largest number of promotions in a bracket, if few promoted trials fail.

    Args:
        count: The number of rungs of the bracket.
        trials: The number of trials of the bracket.
        factor: The reduction factor.
    """
    return sum(max(1, trials // factor**rung) for rung in range(1, count))


def _best(trials: Sequence[Trial], rung: int, spec: ExperimentSpec, *, least: int) -> list[Trial]:
    """Return the best trials that finished a rung and can be promoted from it, or were promoted.

    A trial that was dropped while paused counts as finished, but another trial takes its place.
    """
    finished = [
        (value, one) for one in trials if len(one.rungs) > rung and (value := one.rungs[rung].value) is not None
    ]
    sign = -1 if spec.objective.goal == "Maximize" else 1
    able = [(sign * value, one.number, one) for value, one in finished if not _leaves_its_place(one, rung)]
    count = max(least, len(finished) // spec.schedule.factor)
    return [one for *_, one in sorted(able, key=lambda each: each[:2])[:count]]


def _leaves_its_place(trial: Trial, rung: int) -> bool:
    """Return whether another trial is promoted from a rung in place of this trial."""
    dropped = trial.dropped and trial.state == "Paused" and len(trial.rungs) == rung + 1
    return dropped or trial.state in {"Failed", "Diverged"}
