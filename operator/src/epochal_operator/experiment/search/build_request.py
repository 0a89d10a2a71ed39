"""Build the request to the searcher for an Experiment, from only its spec and its ledger."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from epochal_api.experiment.spec import ExperimentSpec

from epochal_operator.experiment.ledger.events import Event, WarmStartTrial
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.search.request import KnownTrial, Request, State
from epochal_operator.experiment.search_space.space import Space
from epochal_operator.experiment.trial import Trial, parse_finite
from epochal_operator.experiment.trial_job import template_parameters


def build_request(
    spec: ExperimentSpec,
    template: Mapping[str, Any],
    events: Sequence[Event],
    numbers: Sequence[int] = (),
    *,
    importance: bool = False,
    trials: Sequence[Trial] = (),
) -> Request:
    """Return the request to the searcher.

    Args:
        spec: The Experiment's spec.
        template: The spec of its template, as JSON.
        events: The events of its ledger.
        numbers: Numbers of the trials to suggest parameters for, in ascending order.
        importance: Whether to request the importance of each parameter.
        trials: The trials of the ledger; empty to compute them from the events.

    Raises:
        InvalidSpace: If the parameters are not valid for a search.
        PathNotFound: If a path leads to no field.
    """
    space = Space.of(spec.parameters)
    epochs = spec.template.spec.training.epochs
    trials = trials or apply_events(events)
    return Request(
        parameters=tuple(spec.parameters),
        search=spec.search,
        maximize=spec.objective.goal == "Maximize",
        first_trials=_first_trials(spec, template, space),
        known_trials=(*_warm_trials(events, epochs), *(_known_trial(trial, trials, spec) for trial in trials)),
        numbers=tuple(numbers),
        importance=importance,
    )


def _first_trials(spec: ExperimentSpec, template: Mapping[str, Any], space: Space) -> tuple[dict[str, str], ...]:
    """Return the parameters of the first trials without duplicates: the template's, then `initialTrials`."""
    template_values = template_parameters(template, space)
    initial = (space.active({**template_values, **values}) for values in spec.initial_trials)
    return tuple({space.key(values): values for values in (template_values, *initial)}.values())


def _warm_trials(events: Iterable[Event], epochs: int) -> Iterator[KnownTrial]:
    for event in events:
        if isinstance(event, WarmStartTrial) and (value := parse_finite(event.value)) is not None:
            state: State = "Complete" if event.epoch >= epochs else "Stopped"
            values = ((event.epoch, value),)
            yield KnownTrial(parameters=dict(event.parameters), state=state, values=values, is_warm=True)


def _known_trial(trial: Trial, trials: Sequence[Trial], spec: ExperimentSpec) -> KnownTrial:
    values = tuple((rung.epoch, rung.value) for rung in trial.rungs if rung.value is not None)
    state: State = "Stopped" if trial.state == "Paused" else trial.state
    if state == "Failed" and values:
        state = "Stopped"  # The failure happened in the rung after these values.
    if trial.number == 0:
        promoted = _promoted_values(values, trials, spec)
        state = "Stopped" if len(promoted) < len(values) else state
        values = promoted
    return KnownTrial(parameters=dict(trial.parameters), state=state, values=values)


def _promoted_values(
    values: tuple[tuple[int, float], ...], trials: Sequence[Trial], spec: ExperimentSpec
) -> tuple[tuple[int, float], ...]:
    """Return the values of trial 0 up to the first rung after which its value is too bad for a promotion.

    Trial 0 is always trained to the end, but the sampler assumes that only good trials reach a late rung.
    """
    maximize = spec.objective.goal == "Maximize"
    rungs = [rung for trial in trials if trial.number for rung in trial.rungs]
    for index, (epoch, own) in enumerate(values[:-1]):
        others = [rung.value for rung in rungs if rung.epoch == epoch and rung.value is not None]
        better = sum(value > own if maximize else value < own for value in others)
        if better >= max(1, (len(others) + 1) // spec.schedule.factor):
            return values[: index + 1]
    return values
