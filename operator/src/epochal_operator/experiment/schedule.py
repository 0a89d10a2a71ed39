"""The schedule: the number of epochs of each rung, and the promotion of trials.

Asynchronous successive halving, https://arxiv.org/abs/1810.05934, and Hyperband as brackets of it,
https://arxiv.org/abs/1603.06560.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from epochal_api.experiment import MAX_TRIALS, ExperimentSpec, Schedule

from epochal_operator.experiment.trials import Trial


class Promotion(NamedTuple):
    """A trial that continues with its next rung.

    Args:
        trial: The number of the trial.
        rung: The next rung of the trial, counted from 0.
    """

    trial: int
    rung: int


@lru_cache
def rungs(schedule: Schedule, epochs: int) -> tuple[int, ...]:
    """Return the epochs after which trials are compared; the last value is all epochs.

    A rung is omitted if all epochs are less than its epochs times the square root of the reduction factor.

    Args:
        schedule: The schedule.
        epochs: The number of epochs of a complete training.
    """
    if schedule.method == "None":
        return (epochs,)
    budgets, budget = [], schedule.min_epochs
    while budget**2 * schedule.factor <= epochs**2:
        budgets.append(budget)
        budget *= schedule.factor
    return (*budgets, epochs)


@lru_cache
def brackets(schedule: Schedule, epochs: int) -> tuple[tuple[int, ...], ...]:
    """Return the rungs of each bracket: each bracket of Hyperband begins one rung later than the previous bracket.

    Args:
        schedule: The schedule.
        epochs: The number of epochs of a complete training.
    """
    ladder = rungs(schedule, epochs)
    if schedule.method != "Hyperband":
        return (ladder,)
    return tuple(ladder[first:] for first in range(len(ladder)))


def bracket_of(number: int, schedule: Schedule, epochs: int) -> int:
    """Return the bracket of a trial; the brackets get their shares as in Hyperband, evenly interleaved.

    Args:
        number: The number of the trial.
        schedule: The schedule.
        epochs: The number of epochs of a complete training.
    """
    return _bracket(number, schedule, len(brackets(schedule, epochs)))


def ladder(number: int, schedule: Schedule, epochs: int) -> tuple[int, ...]:
    """Return the rungs of a trial: the last epoch of each rung.

    Args:
        number: The number of the trial.
        schedule: The schedule.
        epochs: The number of epochs of a complete training.
    """
    return brackets(schedule, epochs)[bracket_of(number, schedule, epochs)]


def promotions(trials: Iterable[Trial], spec: ExperimentSpec, *, closed: bool) -> list[Promotion]:
    """Return the trials that can be promoted: the highest rungs first, and within a rung the best trials first.

    Of n trials that finished a rung, the best n / factor are promoted. A trial that failed in the next rung gives its
    place to another trial. No trial waits for others. Trial 0, the template, is always promoted and not counted, since
    other trials are compared with it.

    Args:
        trials: The trials.
        spec: The spec of the Experiment.
        closed: Whether no new trials will be created; then each complete rung promotes at least one trial.
    """
    schedule, epochs = spec.schedule, spec.template.spec.training.epochs
    ladders, of_bracket = brackets(schedule, epochs), dict[int, list[Trial]]()
    found: list[Promotion] = []
    for trial in trials:
        if trial.number:
            of_bracket.setdefault(_bracket(trial.number, schedule, len(ladders)), []).append(trial)
        elif _may_go_on(trial) and len(trial.rungs) < len(ladder(0, schedule, epochs)):
            found.append(Promotion(0, len(trial.rungs)))
    for bracket, those in of_bracket.items():
        found += _promoted(those, len(ladders[bracket]), spec, closed=closed)
    return found


def promised(trials: Iterable[Trial], spec: ExperimentSpec) -> int:
    """Return the largest number of rungs that trials still have to start, if few promoted trials fail.

    Args:
        trials: The trials.
        spec: The spec of the Experiment.
    """
    schedule, epochs = spec.schedule, spec.template.spec.training.epochs
    ladders, counts, begun = brackets(schedule, epochs), Counter[int](), 0
    for trial in trials:
        begun += len(trial.rungs) - (trial.state in {"Paused", "Complete"})
        if trial.number:
            counts[_bracket(trial.number, schedule, len(ladders))] += 1
    in_all = len(ladders[bracket_of(0, schedule, epochs)]) - 1
    for bracket, count in counts.items():
        in_all += sum(max(1, count // schedule.factor**rung) for rung in range(1, len(ladders[bracket])))
    return max(0, in_all - begun)


def _promoted(trials: Sequence[Trial], count: int, spec: ExperimentSpec, *, closed: bool) -> list[Promotion]:
    """Return the promotions within a bracket with `count` rungs, the highest rungs first."""
    found: list[Promotion] = []
    for rung in range(count - 1):
        below = found or any(one.state == "Running" and len(one.rungs) <= rung for one in trials)
        first = _first(trials, rung, spec, least=1 if closed and not below else 0)
        ready = (one for one in first if len(one.rungs) == rung + 1 and _may_go_on(one))
        found = [*(Promotion(one.number, rung + 1) for one in ready), *found]
    return found


def _first(trials: Sequence[Trial], rung: int, spec: ExperimentSpec, *, least: int) -> list[Trial]:
    """Return the best trials that finished a rung and can be promoted from it, or were promoted.

    A trial that was dropped while paused counts as finished, but another trial takes its place.
    """
    through = [(value, one) for one in trials if len(one.rungs) > rung and (value := one.rungs[rung].value) is not None]
    sign = -1 if spec.objective.goal == "Maximize" else 1
    able = [(sign * value, one.number, one) for value, one in through if not _leaves_its_place(one, rung)]
    count = max(least, len(through) // spec.schedule.factor)
    return [one for *_, one in sorted(able, key=lambda each: each[:2])[:count]]


def _leaves_its_place(trial: Trial, rung: int) -> bool:
    """Return whether another trial is promoted from a rung in place of this trial."""
    given_up = trial.dropped and trial.state == "Paused" and len(trial.rungs) == rung + 1
    return given_up or trial.state in {"Failed", "Diverged"}


def _may_go_on(trial: Trial) -> bool:
    return trial.state == "Paused" and not trial.dropped


def _bracket(number: int, schedule: Schedule, count: int) -> int:
    """Return the bracket of a trial among `count` brackets."""
    return _order(count, schedule.factor)[number % MAX_TRIALS] if count > 1 else 0


@lru_cache
def _order(count: int, factor: int) -> tuple[int, ...]:
    """Return the brackets of consecutive trials, with the frequency that each bracket has in Hyperband."""
    weights = [-(-count * factor ** (count - 1 - one) // (count - one)) for one in range(count)]
    order, owed, total = [], [0] * count, sum(weights)
    for _ in range(MAX_TRIALS):
        owed = [one + weight for one, weight in zip(owed, weights, strict=True)]
        chosen = max(range(count), key=owed.__getitem__)
        owed[chosen] -= total
        order.append(chosen)
    return tuple(order)
