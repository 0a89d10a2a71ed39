"""Suggest the parameters of new trials. The same request gets the same response in any process.

Each suggestion has its own sampler, seeded by the seed of the search and the number of the trial. A suggestion counts
as a running trial for the next suggestions of the request. A request for trials 7 and 8 therefore equals two requests:
first for trial 7, then for trial 8 with trial 7 as existing trial.
"""

import hashlib
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import optuna
from epochal_api.experiment.spec import Search
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from epochal_operator.experiment.search.request import KnownTrial, Request, Response, Suggestion
from epochal_operator.experiment.search_space.domains import Choice, Domain
from epochal_operator.experiment.search_space.space import Space

ATTEMPTS = 8
"""Number of attempts to sample untried parameters by the search method; afterwards they are searched at random."""
RANDOM_ATTEMPTS = 64
MIN_COMPARED_TRIALS = 4
"""The number of trials with a value after the same epoch that the importances need."""

optuna.logging.set_verbosity(optuna.logging.ERROR)


def suggest(request: Request) -> Response:
    """Return the response to a request."""
    space = Space.of(request.parameters)
    tried = {space.key(known.parameters) for known in request.known_trials if not known.is_warm}
    tried |= {space.key(values) for values in request.first_trials}
    study, grid = _study(maximize=request.maximize), space.combinations()
    if request.numbers and request.search.method in {"Random", "TPE"}:
        for known in request.known_trials:
            _add_trial(study, space, known)
    suggestions: list[Suggestion] = []
    for number in request.numbers:
        parameters: dict[str, str] | None = None
        if number < len(request.first_trials):
            parameters = request.first_trials[number]
        elif request.search.method == "Grid":
            parameters = _first_untried(space, grid, tried)
        elif request.search.method != "None":
            parameters = _sample(request.search, space, study, number, tried)
        if parameters is None:
            break
        tried.add(space.key(parameters))
        _add_trial(study, space, KnownTrial(parameters=parameters, state="Running"))
        suggestions.append(Suggestion(trial=number, parameters=parameters))
    return Response(
        suggestions=tuple(suggestions),
        exhausted=len(suggestions) < len(request.numbers),
        importance=_importance(request, space) if request.importance else {},
    )


def _sample(search: Search, space: Space, study: optuna.Study, number: int, tried: set[str]) -> dict[str, str] | None:
    """Return untried parameters, usually from a sampler of Optuna, or None if no untried parameters are found."""
    attempts = ATTEMPTS + (RANDOM_ATTEMPTS if space.size is None else 0)
    for attempt in range(attempts):
        seed, fixed = _seed(search.seed, number, attempt), dict[str, str]()
        study.sampler = RandomSampler(seed=seed)
        if attempt >= ATTEMPTS:
            fixed = _continuous_branch(space, seed)
        elif search.method == "TPE":
            study.sampler = TPESampler(seed=seed, n_startup_trials=search.startup_trials, constant_liar=True)
        trial, values = study.ask(), dict[str, str]()
        for parameter in space.parameters:
            if space.is_active(parameter, values):
                name = parameter.name
                values[name] = fixed[name] if name in fixed else _suggest_value(trial, name, space.domains[name])
        # The sampler learns from the trial that `_add_trial` adds: its values are text, as in every other process.
        study.tell(trial, state=TrialState.FAIL)
        if space.key(values) not in tried:
            return values
    if space.size is None:
        return None
    draw = random.Random(_seed(search.seed, number, -1))  # noqa: S311
    start = {name: draw.randrange(domain.size or 1) for name, domain in space.domains.items()}
    return _first_untried(space, space.combinations(start), tried)


def _continuous_branch(space: Space, seed: int) -> dict[str, str]:
    """Return values of the conditions (`when`) of a random continuous parameter, with which the parameter is active.

    All combinations in which no continuous parameter is active may be tried already.
    """
    draw = random.Random(seed)  # noqa: S311
    continuous = draw.choice([name for name, domain in space.domains.items() if domain.size is None])
    return {name: draw.choice(sorted(values)) for name, values in space.activating_values(continuous).items()}


def _first_untried(space: Space, combinations: Iterator[dict[str, str]], tried: set[str]) -> dict[str, str] | None:
    return next((values for values in combinations if space.key(values) not in tried), None)


def _seed(seed: int, number: int, attempt: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}/{attempt}".encode()).digest()[:4], "big")


def _study(*, maximize: bool) -> optuna.Study:
    return optuna.create_study(direction="maximize" if maximize else "minimize")


def _add_trial(study: optuna.Study, space: Space, known: KnownTrial) -> None:
    """Add an existing trial to the study of the sampler, unless it failed or lies outside the search space."""
    if not _is_usable(space, known):
        return
    state = TrialState.PRUNED
    if known.state == "Complete" and known.values:
        state = TrialState.COMPLETE
    elif known.state == "Running" and not known.values:  # with values it was promoted, so it counts as pruned
        state = TrialState.RUNNING
    values = () if known.state == "Diverged" else known.values
    value = values[-1][1] if state == TrialState.COMPLETE else None
    study.add_trial(_frozen_trial(space, known, state=state, value=value, intermediate_values=dict(values)))


def _is_usable(space: Space, known: KnownTrial) -> bool:
    return known.state != "Failed" and space.contains(known.parameters)


def _frozen_trial(space: Space, known: KnownTrial, **outcome: Any) -> FrozenTrial:
    active = space.active(known.parameters)
    return create_trial(
        params={name: _optuna_value(space.domains[name], text) for name, text in active.items()},
        distributions={name: _distribution(space.domains[name]) for name in active},
        **outcome,
    )


@cache
def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.values)
    if domain.step is None:
        return FloatDistribution(float(domain.low), float(domain.high), log=domain.log)
    if domain.is_whole:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log, step=int(domain.step))
    return IntDistribution(0, (domain.size or 1) - 1)


def _optuna_value(domain: Domain, text: str) -> Any:
    """Return the value of a parameter for Optuna.

    A listed value stays a text, because it may be a list. A float with a step becomes its index: with many small steps,
    Optuna would not find the value in its own range.
    """
    if isinstance(domain, Choice):
        return text
    value = domain.parse(text)
    return value if domain.is_whole or domain.step is None or value is None else domain.index(value)


def _suggest_value(trial: optuna.Trial, name: str, domain: Domain) -> str:
    """Return a value of a parameter that the sampler suggests, as text."""
    if isinstance(domain, Choice):
        return str(trial.suggest_categorical(name, domain.values))
    low, high = domain.low, domain.high
    if domain.step is None:
        return domain.nearest(trial.suggest_float(name, float(low), float(high), log=domain.log))
    if domain.is_whole:
        return domain.nearest(trial.suggest_int(name, int(low), int(high), log=domain.log, step=int(domain.step)))
    return domain.at(trial.suggest_int(name, 0, (domain.size or 1) - 1))


def _importance(request: Request, space: Space) -> dict[str, float]:
    """Return the importance of each parameter, from trials with a value at one epoch; empty if there are too few."""
    usable = [known for known in request.known_trials if known.values and _is_usable(space, known)]
    for epoch in sorted({epoch for known in usable for epoch, _ in known.values}, reverse=True):
        values = [(known, value) for known in usable if (value := _value_at(known, epoch)) is not None]
        if len(values) < MIN_COMPARED_TRIALS or len({value for _, value in values}) == 1:
            continue
        study = _study(maximize=request.maximize)
        study.add_trials(_frozen_trial(space, known, value=value) for known, value in values)
        shares = optuna.importance.get_param_importances(study)
        return {name: float(share) for name, share in shares.items()}
    return {}


def _value_at(known: KnownTrial, epoch: int) -> float | None:
    """Return the first objective value that a trial has at an epoch or later.

    Without such a value, return the last value of a complete trial, and None for any other trial.
    """
    values = [value for reported_epoch, value in known.values if reported_epoch >= epoch]
    if values:
        return values[0]
    return known.values[-1][1] if known.state == "Complete" else None
