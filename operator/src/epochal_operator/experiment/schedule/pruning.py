"""The pruning rules of `spec.schedule.method`: the rungs of each trial, and the trials that are promoted."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from epochal_api.experiment.spec import ExperimentSpec, Schedule

from epochal_operator.experiment.schedule import asha, hyperband
from epochal_operator.experiment.trial import Trial

Brackets = tuple[tuple[int, ...], ...]
"""The rungs of each bracket: the last epoch of each rung. Each trial belongs to a bracket."""


class PruningRule(NamedTuple):
    """The functions of a pruning rule.

    Args:
        brackets: Returns the brackets for a schedule and the number of epochs of a complete training.
        bracket_order: Returns the bracket of each trial, for a number of brackets and the reduction factor.
    """

    brackets: Callable[[Schedule, int], Brackets]
    bracket_order: Callable[[int, int], tuple[int, ...]] = lambda *_: (0,)
    promotions: Callable[..., list[Trial]] = asha.promotions
    max_promotions: Callable[[int, int, int], int] = asha.max_promotions


RULES: Mapping[str, PruningRule] = {
    "None": PruningRule(lambda _, epochs: ((epochs,),)),
    "ASHA": PruningRule(lambda schedule, epochs: (asha.rungs(schedule, epochs),)),
    "Hyperband": PruningRule(
        lambda schedule, epochs: hyperband.brackets(asha.rungs(schedule, epochs)), hyperband.bracket_order
    ),
}
"""The pruning rules by the method of the schedule."""


@lru_cache
def brackets(schedule: Schedule, epochs: int) -> Brackets:
    """Return the rungs of each bracket."""
    return RULES[schedule.method].brackets(schedule, epochs)


def trial_rungs(number: int, schedule: Schedule, epochs: int) -> tuple[int, ...]:
    """Return the rungs of a trial: the last epoch of each rung."""
    order = _bracket_order(schedule, epochs)
    return brackets(schedule, epochs)[order[number % len(order)]]


def promotions(trials: Iterable[Trial], spec: ExperimentSpec, *, closed: bool) -> list[Trial]:
    """Return the trials that continue with their next rung: the highest rungs first, in a rung the best trials first.

    Trial 0, the template, is always promoted and not counted, since other trials are compared with it. If `closed`, no
    new trials will be created: then each complete rung promotes at least one trial.
    """
    schedule, epochs = spec.schedule, spec.template.spec.training.epochs
    order, promoted, by_bracket = _bracket_order(schedule, epochs), list[Trial](), defaultdict[int, list[Trial]](list)
    for trial in trials:
        if trial.number:
            by_bracket[order[trial.number % len(order)]].append(trial)
        elif trial.can_be_promoted and len(trial.rungs) < len(trial_rungs(0, schedule, epochs)):
            promoted.append(trial)
    for bracket, members in by_bracket.items():
        count = len(brackets(schedule, epochs)[bracket])
        promoted += RULES[schedule.method].promotions(members, count, spec, closed=closed)
    return promoted


def remaining_promotions(trials: Iterable[Trial], spec: ExperimentSpec) -> int:
    """Return the largest number of promotions of existing trials that may follow, if no promoted trial fails."""
    schedule, epochs = spec.schedule, spec.template.spec.training.epochs
    order, counts, started = _bracket_order(schedule, epochs), Counter[int](), 0
    for trial in trials:
        started += len(trial.rungs) - (trial.state in {"Paused", "Complete"})
        if trial.number:
            counts[order[trial.number % len(order)]] += 1
    total = len(trial_rungs(0, schedule, epochs)) - 1
    for bracket, count in counts.items():
        rungs = brackets(schedule, epochs)[bracket]
        total += RULES[schedule.method].max_promotions(len(rungs), count, schedule.factor)
    return max(0, total - started)


def _bracket_order(schedule: Schedule, epochs: int) -> tuple[int, ...]:
    """Return the bracket of each trial: trial n has the entry at n modulo the length."""
    return RULES[schedule.method].bracket_order(len(brackets(schedule, epochs)), schedule.factor)
