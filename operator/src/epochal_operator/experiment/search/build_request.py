"""Build the request to the searcher for an Experiment, from only its spec and its ledger."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from epochal_api.experiment.spec import ExperimentSpec

from epochal_operator.experiment.ledger.events import Event, Warm
from epochal_operator.experiment.ledger.trials import fold
from epochal_operator.experiment.search.request import Known, Request, State
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial import Trial, finite
from epochal_operator.experiment.trial_job import template_parameters

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
    """Return the request to the searcher.

    Args:
        spec: The Experiment's spec.
        template: The spec of its template, as JSON.
        events: The events of its ledger.
        trials: Numbers of the trials to suggest parameters for, in ascending order.
        importance: Whether to request the importance of each parameter.
        folded: The trials of the ledger; empty to compute them from the events.

    Raises:
        InvalidSpace: If the parameters are not valid for a search.
        NoSuchPlace: If a path leads to no field.
    """
    space = Space.of(spec.parameters)
    epochs = spec.template.spec.training.epochs
    folded = folded or fold(events)
    return Request(
        parameters=tuple(spec.parameters),
        search=spec.search,
        maximize=spec.objective.goal == "Maximize",
        first=_first(spec, template, space),
        known=(*_warm(events, epochs), *(_known(one, folded, spec) for one in folded)),
        trials=tuple(trials),
        importance=importance,
    )


def _first(spec: ExperimentSpec, template: Mapping[str, Any], space: Space) -> tuple[dict[str, str], ...]:
    """Return the parameters of the first trials without duplicates: the template's, then `initialTrials`."""
    own = template_parameters(template, space)
    wanted = [own, *(space.active({**own, **given}) for given in spec.initial_trials)]
    return tuple({space.key(values): values for values in wanted}.values())


def _warm(events: Iterable[Event], epochs: int) -> Iterator[Known]:
    for one in events:
        if isinstance(one, Warm) and (value := finite(one.value)) is not None:
            state: State = "Complete" if one.epoch >= epochs else "Stopped"
            yield Known(parameters=dict(one.parameters), state=state, values=((one.epoch, value),), warm=True)


def _known(trial: Trial, trials: Sequence[Trial], spec: ExperimentSpec) -> Known:
    values = tuple((rung.epoch, rung.value) for rung in trial.rungs if rung.value is not None)
    state = _STATES[trial.state]
    if state == "Failed" and values:
        state = "Stopped"  # The failure happened in the rung after these values.
    if trial.number == 0:
        earned = _earned(values, trials, spec)
        state = "Stopped" if len(earned) < len(values) else state
        values = earned
    return Known(parameters=dict(trial.parameters), state=state, values=values)


def _earned(
    values: tuple[tuple[int, float], ...], trials: Sequence[Trial], spec: ExperimentSpec
) -> tuple[tuple[int, float], ...]:
    """Return the values of trial 0 up to the first rung at which another trial would not be promoted.

    Trial 0 is always trained to the end, but a sampler would take a late value as a sign of a good trial.
    """
    maximize = spec.objective.goal == "Maximize"
    rungs = [rung for trial in trials if trial.number for rung in trial.rungs]
    for index, (epoch, own) in enumerate(values[:-1]):
        others = [rung.value for rung in rungs if rung.epoch == epoch and rung.value is not None]
        better = sum(value > own if maximize else value < own for value in others)
        if better >= max(1, (len(others) + 1) // spec.schedule.factor):
            return values[: index + 1]
    return values
