"""Suggest the parameters of new trials. The same request gets the same response in any process.

Each suggestion has its own sampler, seeded by the seed of the search and the number of the trial. A suggestion counts
as a running trial for the next suggestions of the request. A request for trials 7 and 8 therefore equals two requests:
first for trial 7, then for trial 8 with trial 7 as existing trial.
"""

import hashlib
import random
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Protocol

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from epochal_operator.experiment.domains import Choice, Domain, Floats, Ints
from epochal_operator.experiment.grid import combinations
from epochal_operator.experiment.search.request import Known, Request, Response, Suggestion
from epochal_operator.experiment.space import Space

ATTEMPTS = 8
"""Attempts of the sampler that may give tried parameters; after that, untried parameters are searched at random."""
RANDOM_ATTEMPTS = 64
FEW = 4
"""The number of equally trained trials that the importances need."""

optuna.logging.set_verbosity(optuna.logging.ERROR)


class _Chooser(Protocol):
    def choose(self, trial: int, taken: set[str]) -> dict[str, str] | None:
        """Return untried parameters for a trial, or None if all parameters are tried."""

    def learn(self, known: Known) -> None:
        """Add an existing trial to the data of the sampler."""


def suggest(request: Request) -> Response:
    """Return the response to a request.

    Args:
        request: The trials to suggest, and all existing trials.
    """
    space = Space.of(request.parameters)
    taken = {space.key(known.parameters) for known in request.known if not known.warm}
    taken |= {space.key(values) for values in request.first}
    chooser = _chooser(request, space) if request.trials else _Nothing()
    suggestions: list[Suggestion] = []
    for trial in request.trials:
        found = request.first[trial] if trial < len(request.first) else chooser.choose(trial, taken)
        if found is None:
            break
        taken.add(space.key(found))
        chooser.learn(Known(parameters=found, state="Running"))
        suggestions.append(Suggestion(trial=trial, parameters=found))
    return Response(
        suggestions=tuple(suggestions),
        exhausted=len(suggestions) < len(request.trials),
        importance=_importance(request, space) if request.importance else {},
    )


def _chooser(request: Request, space: Space) -> _Chooser:
    match request.search.method:
        case "None":
            return _Nothing()
        case "Grid":
            return _Grid(space)
        case _:
            return _Sampled(request, space)


class _Nothing:
    """The method None: only the trials in `first` exist."""

    def choose(self, trial: int, taken: set[str]) -> dict[str, str] | None:  # noqa: ARG002
        return None

    def learn(self, known: Known) -> None:
        pass


class _Grid:
    """The method Grid: all combinations in order."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._combinations = combinations(space)

    def choose(self, trial: int, taken: set[str]) -> dict[str, str] | None:  # noqa: ARG002
        return _free(self._space, self._combinations, taken)

    def learn(self, known: Known) -> None:
        pass


class _Sampled:
    """The methods Random and TPE, with a sampler of Optuna."""

    def __init__(self, request: Request, space: Space) -> None:
        self._search = request.search
        self._space = space
        self._study = _study(maximize=request.maximize)
        for known in request.known:
            self.learn(known)

    def choose(self, trial: int, taken: set[str]) -> dict[str, str] | None:
        found = self._draw(trial, taken)
        if found is None and self._space.size is not None:
            found = _free(self._space, combinations(self._space, self._anywhere(trial)), taken)
        return found

    def learn(self, known: Known) -> None:
        if _teaches(self._space, known):
            self._study.add_trial(_frozen(self._space, known))

    def _draw(self, trial: int, taken: set[str]) -> dict[str, str] | None:
        for attempt in range(ATTEMPTS + RANDOM_ATTEMPTS):
            if attempt == ATTEMPTS and self._space.size is not None:
                break
            self._study.sampler = self._sampler(trial, attempt)
            found = self._ask(self._branch(trial, attempt) if attempt >= ATTEMPTS else {})
            if self._space.key(found) not in taken:
                return found
        return None

    def _sampler(self, trial: int, attempt: int) -> BaseSampler:
        seed = _seed(self._search.seed, trial, attempt)
        if self._search.method == "Random" or attempt >= ATTEMPTS:
            return RandomSampler(seed=seed)
        return TPESampler(seed=seed, n_startup_trials=self._search.startup_trials, constant_liar=True)

    def _ask(self, fixed: Mapping[str, str]) -> dict[str, str]:
        trial = self._study.ask()
        found: dict[str, str] = {}
        for parameter in self._space.parameters:
            if self._space.counts(parameter, found):
                name = parameter.name
                found[name] = fixed[name] if name in fixed else _drawn(trial, name, self._space.domains[name])
        # The sampler learns from the trial that `learn` adds: its values are text, as in every other process.
        self._study.tell(trial, state=TrialState.FAIL)
        return found

    def _branch(self, trial: int, attempt: int) -> dict[str, str]:
        """Return values that activate a continuous parameter: all combinations without it may be tried already."""
        draw = random.Random(_seed(self._search.seed, trial, attempt))  # noqa: S311
        endless = [name for name, domain in self._space.domains.items() if domain.size is None]
        return {name: draw.choice(sorted(values)) for name, values in self._space.way_to(draw.choice(endless)).items()}

    def _anywhere(self, trial: int) -> dict[str, int]:
        draw = random.Random(_seed(self._search.seed, trial, -1))  # noqa: S311
        return {name: draw.randrange(domain.size or 1) for name, domain in self._space.domains.items()}


def _free(space: Space, found: Iterator[dict[str, str]], taken: set[str]) -> dict[str, str] | None:
    return next((values for values in found if space.key(values) not in taken), None)


def _seed(seed: int, trial: int, attempt: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{trial}/{attempt}".encode()).digest()[:4], "big")


def _study(*, maximize: bool) -> optuna.Study:
    return optuna.create_study(direction="maximize" if maximize else "minimize")


def _teaches(space: Space, known: Known) -> bool:
    return known.state != "Failed" and space.contains(known.parameters)


def _frozen(space: Space, known: Known) -> FrozenTrial:
    """Return the FrozenTrial of Optuna for a trial."""
    state = TrialState.PRUNED
    if known.state == "Complete" and known.values:
        state = TrialState.COMPLETE
    elif known.state == "Running" and not known.values:  # with values it was promoted, so it counts as pruned
        state = TrialState.RUNNING
    values = () if known.state == "Diverged" else known.values
    return _trial(
        space,
        known.parameters,
        state=state,
        value=values[-1][1] if state == TrialState.COMPLETE else None,
        intermediate_values=dict(values),
    )


def _trial(space: Space, parameters: Mapping[str, str], **outcome: Any) -> FrozenTrial:
    active = space.active(parameters)
    return create_trial(
        params={name: _native(space.domains[name], text) for name, text in active.items()},
        distributions={name: _distribution(space.domains[name]) for name in active},
        **outcome,
    )


def _native(domain: Domain, text: str) -> Any:
    """Return the value of a parameter for Optuna.

    A listed value stays a text, because it may be a list. A value with a step becomes its index: with many small steps,
    Optuna would not find the value in its own range.
    """
    if isinstance(domain, Choice):
        return text
    value = domain.parse(text)
    return domain.index(value) if isinstance(domain, Floats) and domain.step and value is not None else value


@cache
def _distribution(domain: Domain) -> BaseDistribution:
    match domain:
        case Floats(low, high, log, None):
            return FloatDistribution(float(low), float(high), log=log)
        case Floats():
            return IntDistribution(0, (domain.size or 1) - 1)
        case Ints(low, high, log, step):
            return IntDistribution(low, high, log=log, step=step)
        case Choice(values):
            return CategoricalDistribution(values)


def _drawn(trial: optuna.Trial, name: str, domain: Domain) -> str:
    match domain:
        case Floats(low, high, log, None):
            return domain.text(trial.suggest_float(name, float(low), float(high), log=log))
        case Floats():
            return domain.at(trial.suggest_int(name, 0, (domain.size or 1) - 1))
        case Ints(low, high, log, step):
            return domain.text(trial.suggest_int(name, low, high, log=log, step=step))
        case Choice(values):
            return domain.text(trial.suggest_categorical(name, values))


def _importance(request: Request, space: Space) -> dict[str, float]:
    """Return the importance of each parameter from equally trained trials, or nothing if there are too few."""
    judged = [known for known in request.known if known.values and _teaches(space, known)]
    for epoch in sorted({epoch for known in judged for epoch, _ in known.values}, reverse=True):
        values = [(known, value) for known in judged if (value := _value_at(known, epoch)) is not None]
        if len(values) < FEW or len({value for _, value in values}) == 1:
            continue
        study = _study(maximize=request.maximize)
        study.add_trials(_trial(space, known.parameters, value=value) for known, value in values)
        shares = optuna.importance.get_param_importances(study)
        return {name: float(share) for name, share in shares.items()}
    return {}


def _value_at(known: Known, epoch: int) -> float | None:
    """Return the objective value of a trial at an epoch, or its last value if it is complete, or None."""
    found = [value for at, value in known.values if at >= epoch]
    return found[0] if found else known.values[-1][1] if known.state == "Complete" else None
