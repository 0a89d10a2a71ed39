"""The schedule: how many epochs a trial gets at a time, and which trials get more.

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
    """A trial that goes on.

    Args:
        trial: Its number.
        rung: The rung that it comes to.
    """

    trial: int
    rung: int


@lru_cache
def rungs(schedule: Schedule, epochs: int) -> tuple[int, ...]:
    """Returns the epochs after which trials are compared, the last of which are all.

    A rung that would be less than the square root of the factor below the top is left out.

    Args:
        schedule: The schedule.
        epochs: The most that a trial gets.
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
    """Returns the ladders of rungs that trials climb: those of Hyperband begin ever later.

    Args:
        schedule: The schedule.
        epochs: The most that a trial gets.
    """
    ladder = rungs(schedule, epochs)
    if schedule.method != "Hyperband":
        return (ladder,)
    return tuple(ladder[first:] for first in range(len(ladder)))


def bracket_of(number: int, schedule: Schedule, epochs: int) -> int:
    """Returns the bracket of a trial: each gets as many as in Hyperband, evenly spread.

    Args:
        number: The trial's number.
        schedule: The schedule.
        epochs: The most that a trial gets.
    """
    return _bracket(number, schedule, len(brackets(schedule, epochs)))


def ladder(number: int, schedule: Schedule, epochs: int) -> tuple[int, ...]:
    """Returns the rungs of a trial: its epochs at the end of each.

    Args:
        number: The trial's number.
        schedule: The schedule.
        epochs: The most that a trial gets.
    """
    return brackets(schedule, epochs)[bracket_of(number, schedule, epochs)]


def promotions(trials: Iterable[Trial], spec: ExperimentSpec, *, closed: bool) -> list[Promotion]:
    """Returns the trials that may go on: those of the highest rungs first, and of one rung the best first.

    Of n trials that have finished a rung the best n / factor go on, in place of one that has failed since the next one.
    Nobody waits for others. The template's own trial always goes on, and counts nowhere: it is what others are compared
    with.

    Args:
        trials: The trials.
        spec: What is searched.
        closed: Whether no new trials will come: once a rung is complete, at least one goes on.
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
    """Returns how many rungs more some trials climb at most, if few of those fail that are promoted.

    Args:
        trials: The trials.
        spec: What is searched.
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
    """Returns the trials of a bracket of so many rungs that go on."""
    found: list[Promotion] = []
    for rung in range(count - 1):
        below = found or any(one.state == "Running" and len(one.rungs) <= rung for one in trials)
        first = _first(trials, rung, spec, least=1 if closed and not below else 0)
        ready = (one for one in first if len(one.rungs) == rung + 1 and _may_go_on(one))
        found = [*(Promotion(one.number, rung + 1) for one in ready), *found]
    return found


def _first(trials: Sequence[Trial], rung: int, spec: ExperimentSpec, *, least: int) -> list[Trial]:
    """Returns the best of the trials that have finished a rung, of those that can go on at all, or have gone on.

    One that was given up while it paused has finished it, too, but leaves its place to others.
    """
    through = [(value, one) for one in trials if len(one.rungs) > rung and (value := one.rungs[rung].value) is not None]
    sign = -1 if spec.objective.goal == "Maximize" else 1
    able = [(sign * value, one.number, one) for value, one in through if not _leaves_its_place(one, rung)]
    count = max(least, len(through) // spec.schedule.factor)
    return [one for *_, one in sorted(able, key=lambda each: each[:2])[:count]]


def _leaves_its_place(trial: Trial, rung: int) -> bool:
    """Returns whether another one goes on from a rung in place of a trial."""
    given_up = trial.dropped and trial.state == "Paused" and len(trial.rungs) == rung + 1
    return given_up or trial.state in {"Failed", "Diverged"}


def _may_go_on(trial: Trial) -> bool:
    return trial.state == "Paused" and not trial.dropped


def _bracket(number: int, schedule: Schedule, count: int) -> int:
    """Returns which of so many brackets a trial is of."""
    return _order(count, schedule.factor)[number % MAX_TRIALS] if count > 1 else 0


@lru_cache
def _order(count: int, factor: int) -> tuple[int, ...]:
    """Returns the brackets of trials one after the other, as often as Hyperband begins trials in each."""
    weights = [-(-count * factor ** (count - 1 - one) // (count - one)) for one in range(count)]
    order, owed, total = [], [0] * count, sum(weights)
    for _ in range(MAX_TRIALS):
        owed = [one + weight for one, weight in zip(owed, weights, strict=True)]
        chosen = max(range(count), key=owed.__getitem__)
        owed[chosen] -= total
        order.append(chosen)
    return tuple(order)
