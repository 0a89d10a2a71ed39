"""What a search is asked for an Experiment: all that its sampler may know, from its spec and its ledger alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from epochal_api.experiment import ExperimentSpec

from epochal_operator.experiment.ledger import Event, Warm
from epochal_operator.experiment.search.request import Known, Request, State
from epochal_operator.experiment.space import Space
from epochal_operator.experiment.trial_job import template_parameters
from epochal_operator.experiment.trials import Trial, finite, fold, warm

_STATES: Mapping[str, State] = {
    "Running": "Running",
    "Paused": "Stopped",
    "Complete": "Complete",
    "Failed": "Failed",
    "Diverged": "Diverged",
}


def request(
    spec: ExperimentSpec,
    template: Mapping[str, Any],
    events: Sequence[Event],
    trials: Sequence[int] = (),
    *,
    importance: bool = False,
    folded: Sequence[Trial] = (),
) -> Request:
    """Returns what a search is asked.

    Args:
        spec: The Experiment's spec.
        template: Its template's spec, as JSON.
        events: Its ledger, as far as it is known.
        trials: Numbers of the trials to suggest parameters for, in ascending order.
        importance: Whether to ask how much each parameter matters.
        folded: The trials that the ledger tells of, where they are known.

    Raises:
        InvalidSpace: If the parameters cannot be searched.
        NoSuchPlace: If a path leads nowhere.
    """
    space = Space.of(spec.parameters)
    epochs = spec.template.spec.training.epochs
    folded = folded or fold(events)
    return Request(
        parameters=tuple(spec.parameters),
        search=spec.search,
        maximize=spec.objective.goal == "Maximize",
        first=_first(spec, template, space),
        known=(*_warm(warm(events), epochs), *(_known(one, folded, spec) for one in folded)),
        trials=tuple(trials),
        importance=importance,
    )


def _first(spec: ExperimentSpec, template: Mapping[str, Any], space: Space) -> tuple[dict[str, str], ...]:
    """Returns the parameters of the first trials, each once: the template's, then those that it is to begin with."""
    own = template_parameters(template, space)
    wanted = [own, *(space.active({**own, **given}) for given in spec.initial_trials)]
    return tuple({space.key(values): values for values in wanted}.values())


def _warm(trials: Iterable[Warm], epochs: int) -> Iterator[Known]:
    for one in trials:
        if (value := finite(one.value)) is not None:
            state: State = "Complete" if one.epoch >= epochs else "Stopped"
            yield Known(parameters=dict(one.parameters), state=state, values=((one.epoch, value),), warm=True)


def _known(trial: Trial, trials: Sequence[Trial], spec: ExperimentSpec) -> Known:
    values = tuple((rung.epoch, rung.value) for rung in trial.rungs if rung.value is not None)
    state = _STATES[trial.state]
    if state == "Failed" and values:
        state = "Stopped"  # What failed is that it went on.
    if trial.number == 0:
        earned = _earned(values, trials, spec)
        state = "Stopped" if len(earned) < len(values) else state
        values = earned
    return Known(parameters=dict(trial.parameters), state=state, values=values)


def _earned(
    values: tuple[tuple[int, float], ...], trials: Sequence[Trial], spec: ExperimentSpec
) -> tuple[tuple[int, float], ...]:
    """Returns those values of the template's own trial at which another one in its place would have arrived.

    It is trained to the end in any case. A sampler takes whoever came that far for one of the best.
    """
    maximize = spec.objective.goal == "Maximize"
    rungs = [rung for trial in trials if trial.number for rung in trial.rungs]
    for index, (epoch, own) in enumerate(values[:-1]):
        others = [rung.value for rung in rungs if rung.epoch == epoch and rung.value is not None]
        better = sum(value > own if maximize else value < own for value in others)
        if better >= max(1, (len(others) + 1) // spec.schedule.factor):
            return values[: index + 1]
    return values
