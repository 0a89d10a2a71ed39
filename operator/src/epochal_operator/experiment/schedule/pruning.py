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
        order: Returns the brackets of consecutive trials, for a number of brackets and the reduction factor.
        promotions: Returns the trials of a bracket that continue; see `asha.promotions`.
        most_promotions: Returns the largest number of promotions in a bracket; see `asha.most_promotions`.
    """

    brackets: Callable[[Schedule, int], Brackets]
    order: Callable[[int, int], tuple[int, ...]] = lambda *_: (0,)
    promotions: Callable[..., list[Trial]] = asha.promotions
    most_promotions: Callable[[int, int, int], int] = asha.most_promotions


RULES: Mapping[str, PruningRule] = {
    "None": PruningRule(lambda _, epochs: ((epochs,),)),
    "ASHA": PruningRule(lambda schedule, epochs: (asha.rungs(schedule, epochs),)),
    "Hyperband": PruningRule(
        lambda schedule, epochs: hyperband.brackets(asha.rungs(schedule, epochs)), hyperband.order
    ),
}
"""The pruning rules by the method of the schedule."""


@lru_cache
def brackets(schedule: Schedule, epochs: int) -> Brackets:
    """Return the rungs of each bracket.

    Args:
        schedule: The schedule.
        epochs: The number of epochs of a complete training.
    """
    return RULES[schedule.method].brackets(schedule, epochs)


def ladder(number: int, schedule: Schedule, epochs: int) -> tuple[int, ...]:
    """Return the rungs of a trial: the last epoch of each rung.

    Args:
        number: The number of the trial.
        schedule: The schedule.
        epochs: The number of epochs of a complete training.
    """
    order = _order(schedule, epochs)
    return brackets(schedule, epochs)[order[number % len(order)]]


def promotions(trials: Iterable[Trial], spec: ExperimentSpec, *, closed: bool) -> list[Trial]:
    """Return the trials that continue with their next rung: the highest rungs first, in a rung the best trials first.

    Trial 0, the template, is always promoted and not counted, since other trials are compared with it.

    Args:
        trials: The trials.
        spec: The spec of the Experiment.
        closed: Whether no new trials will be created; then each complete rung promotes at least one trial.
    """
    schedule, epochs = spec.schedule, spec.template.spec.training.epochs
    order, found, by_bracket = _order(schedule, epochs), list[Trial](), defaultdict[int, list[Trial]](list)
    for trial in trials:
        if trial.number:
            by_bracket[order[trial.number % len(order)]].append(trial)
        elif trial.can_be_promoted and len(trial.rungs) < len(ladder(0, schedule, epochs)):
            found.append(trial)
    for bracket, members in by_bracket.items():
        count = len(brackets(schedule, epochs)[bracket])
        found += RULES[schedule.method].promotions(members, count, spec, closed=closed)
    return found


def remaining_promotions(trials: Iterable[Trial], spec: ExperimentSpec) -> int:
    """Return the largest number of rungs that trials still have to start, if few promoted trials fail.

    Args:
        trials: The trials.
        spec: The spec of the Experiment.
    """
    schedule, epochs = spec.schedule, spec.template.spec.training.epochs
    order, counts, begun = _order(schedule, epochs), Counter[int](), 0
    for trial in trials:
        begun += len(trial.rungs) - (trial.state in {"Paused", "Complete"})
        if trial.number:
            counts[order[trial.number % len(order)]] += 1
    most = len(ladder(0, schedule, epochs)) - 1
    for bracket, count in counts.items():
        rungs = brackets(schedule, epochs)[bracket]
        most += RULES[schedule.method].most_promotions(len(rungs), count, schedule.factor)
    return max(0, most - begun)


def _order(schedule: Schedule, epochs: int) -> tuple[int, ...]:
    """Return the brackets of consecutive trials."""
    return RULES[schedule.method].order(len(brackets(schedule, epochs)), schedule.factor)
