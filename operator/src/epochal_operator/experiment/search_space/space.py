"""The search space: the parameters, their domains, and the conditions under which each parameter is active."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, pairwise
from math import prod

from epochal_api.experiment.parameter import Parameter
from epochal_api.text import printable

from epochal_operator.experiment.search_space.domains import Domain, domain_of

Values = Mapping[str, str]
"""The values of parameters as text, by parameter name."""
MAX_FAULTS = 16
"""Maximum number of faults in one message. No further fault is searched."""


class InvalidSpace(ValueError):
    """Invalid parameters of a search; the message has a line for each fault and is safe to print."""

    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__(printable("\n".join(faults)))


def refuse(*faults: Iterable[str]) -> None:
    """Raise InvalidSpace with the first MAX_FAULTS faults, if there are any. No further fault is computed.

    512 equal paths have 130,816 faults.
    """
    if found := list(islice(chain.from_iterable(faults), MAX_FAULTS)):
        raise InvalidSpace(found)


@dataclass(frozen=True)
class Space:
    """The search space of an Experiment.

    Args:
        parameters: The parameters, each after the parameter on which it depends.
    """

    parameters: tuple[Parameter, ...]
    domains: Mapping[str, Domain]

    @classmethod
    def of(cls, parameters: Sequence[Parameter]) -> "Space":
        """Return the search space of an Experiment's parameters.

        Raises:
            InvalidSpace: If the step of a range does not fit, two values are equal, or a `when` is impossible.
        """
        domains = {parameter.name: domain_of(parameter) for parameter in parameters}
        by_name = {parameter.name: parameter for parameter in parameters}
        dependencies = {name: _dependencies(parameter, by_name) for name, parameter in by_name.items()}
        faults = (f"parameter {name}: {fault}" for name, domain in domains.items() for fault in domain.faults())
        refuse(faults, _when_faults(parameters, domains, dependencies))
        return cls(tuple(sorted(parameters, key=lambda parameter: len(dependencies[parameter.name]))), domains)

    def active(self, values: Values) -> dict[str, str]:
        """Return `values` without the inactive parameters, as canonical text."""
        active: dict[str, str] = {}
        for parameter in self.parameters:
            if parameter.name in values and self.is_active(parameter, active):
                active[parameter.name] = self.domains[parameter.name].canonical(values[parameter.name])
        return active

    def is_active(self, parameter: Parameter, active: Values) -> bool:
        """Return whether a parameter is active: its `when` holds for the values of the active parameters.

        Args:
            parameter: The parameter.
            active: Canonical values of the active parameters, at least of those before this parameter.
        """
        return parameter.when is None or active.get(parameter.when.parameter) in self._activating[parameter.name]

    def activating_values(self, name: str) -> dict[str, frozenset[str]]:
        """Return, for each parameter on which parameter `name` depends, the values with which `name` can be active."""
        by_name = {parameter.name: parameter for parameter in self.parameters}
        names = [name, *_dependencies(by_name[name], by_name)]
        return {above: self._activating[below] for below, above in pairwise(names)}

    @cached_property
    def _activating(self) -> dict[str, frozenset[str]]:
        """For each dependent parameter, by its name: the values in its `when`, as canonical text."""
        return {
            dependent.name: frozenset(map(self.domains[dependent.when.parameter].canonical, dependent.when.values))
            for dependent in self.parameters
            if dependent.when is not None
        }

    def key(self, values: Values) -> str:
        """Return a key that is equal for two trials with the same values of the active parameters."""
        return json.dumps(self.active(values), sort_keys=True)

    def contains(self, values: Values) -> bool:
        """Return whether each active parameter has a value from its domain."""
        active = self.active(values)
        return all(
            parameter.name in active and self.domains[parameter.name].contains(active[parameter.name])
            for parameter in self.parameters
            if self.is_active(parameter, active)
        )

    @cached_property
    def size(self) -> int | None:
        """The number of combinations; None if a parameter is continuous."""
        counts = [self._count(parameter) for parameter in self.parameters if parameter.when is None]
        return None if None in counts else prod(count for count in counts if count is not None)

    def _count(self, parameter: Parameter) -> int | None:
        """Return the number of combinations of a parameter and its dependent parameters; None if one is continuous."""
        size = self.domains[parameter.name].size
        counts = {
            dependent.name: self._count(dependent)
            for dependent in self.parameters
            if dependent.when is not None and dependent.when.parameter == parameter.name
        }
        if size is None or None in counts.values():
            return None
        for value in {value for name in counts for value in self._activating[name]}:
            size += prod(count or 0 for name, count in counts.items() if value in self._activating[name]) - 1
        return size

    def combinations(self, start: Mapping[str, int] | None = None) -> Iterator[dict[str, str]]:
        """Yield each combination of a finite space; the last parameter changes fastest.

        Args:
            start: Index of the first value of each parameter, by its name. Default: 0.
        """
        yield from self._combinations(start or {}, {})

    def _combinations(self, start: Mapping[str, int], chosen: Values, depth: int = 0) -> Iterator[dict[str, str]]:
        if depth == len(self.parameters):
            yield dict(chosen)
            return
        parameter = self.parameters[depth]
        if not self.is_active(parameter, chosen):
            yield from self._combinations(start, chosen, depth + 1)
            return
        domain, first = self.domains[parameter.name], start.get(parameter.name, 0)
        size = domain.size or 0
        for offset in range(size):
            value = domain.at((first + offset) % size)
            yield from self._combinations(start, {**chosen, parameter.name: value}, depth + 1)


def _when_faults(
    parameters: Sequence[Parameter], domains: Mapping[str, Domain], dependencies: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    for parameter in parameters:
        when, where, above = parameter.when, f"parameter {parameter.name}: when", dependencies[parameter.name]
        if when is None:
            continue
        if parameter.name in above:
            yield f"{where} must not be a cycle, found {' → '.join([parameter.name, *above])}"
        for value in when.values:
            if not domains[when.parameter].contains(value):
                yield f"{where}.values must be values of parameter {when.parameter}, found {value!r}"


def _dependencies(parameter: Parameter, by_name: Mapping[str, Parameter]) -> list[str]:
    """Return the names of the parameters on which a parameter depends, until a name repeats."""
    above: list[str] = []
    current = parameter
    while current.when is not None and current.when.parameter not in above:
        above.append(current.when.parameter)
        current = by_name[current.when.parameter]
    return above
