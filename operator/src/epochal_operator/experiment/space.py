"""The space of a search: its parameters, what each may be, and which of them count beside which values of others."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod

from epochal_api.parameter import Parameter, When
from epochal_api.text import printable

from epochal_operator.experiment.domains import Domain, domain_of

Values = Mapping[str, str]
"""Values by the names of their parameters, as text."""


class InvalidSpace(ValueError):
    """Parameters that cannot be searched; the message names each in a line of its own, and can be shown as it is."""

    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__(printable("\n".join(faults)))


@dataclass(frozen=True)
class Space:
    """The parameters of a search.

    Args:
        parameters: They, each after the one that it hangs on.
        domains: What each may be, by its name.
    """

    parameters: tuple[Parameter, ...]
    domains: Mapping[str, Domain]

    @classmethod
    def of(cls, parameters: Sequence[Parameter]) -> "Space":
        """Returns the space of an Experiment's parameters.

        Args:
            parameters: They, as a spec that has been parsed has them: it tells what can be told of each by itself.

        Raises:
            InvalidSpace: If the steps of a range do not fit, two values are the same, or a `when` cannot be.
        """
        domains = {parameter.name: domain_of(parameter) for parameter in parameters}
        faults = [*_domain_faults(parameters, domains), *_when_faults(parameters, domains)]
        if faults:
            raise InvalidSpace(faults)
        return cls(tuple(_ordered(parameters)), domains)

    def active(self, values: Values) -> dict[str, str]:
        """Returns the values of those parameters that count beside the values of the others, in canonical text."""
        found: dict[str, str] = {}
        for parameter in self.parameters:
            if parameter.name in values and self.counts(parameter, found):
                found[parameter.name] = self.domains[parameter.name].canonical(values[parameter.name])
        return found

    def counts(self, parameter: Parameter, active: Values) -> bool:
        """Whether a parameter counts.

        Args:
            parameter: The parameter.
            active: Values of those that count, in canonical text, at least of those before it.
        """
        return parameter.when is None or active.get(parameter.when.parameter) in self._of_use[parameter.name]

    def way_to(self, name: str) -> dict[str, frozenset[str]]:
        """Returns the values of those that a parameter hangs on, directly and by others, with which it counts.

        Args:
            name: Its name.
        """
        by_name = {parameter.name: parameter for parameter in self.parameters}
        way = [name, *_chain(by_name[name], by_name)]
        return {above: self._of_use[below] for below, above in pairwise(way)}

    @cached_property
    def _of_use(self) -> dict[str, frozenset[str]]:
        """Values of the parameter that another one hangs on with which that one counts."""
        return {one.name: _canonical(one.when, self.domains) for one in self.parameters if one.when is not None}

    def key(self, values: Values) -> str:
        """Returns a text that two trials share if their parameters are the same."""
        return json.dumps(self.active(values), sort_keys=True)

    def contains(self, values: Values) -> bool:
        """Whether each parameter that counts has a value that it may have."""
        active = self.active(values)
        return all(
            parameter.name in active and self.domains[parameter.name].contains(active[parameter.name])
            for parameter in self.parameters
            if self.counts(parameter, active)
        )

    @cached_property
    def size(self) -> int | None:
        """How many combinations there are; None if that is no matter of counting."""
        counts = [self._count(parameter) for parameter in self.parameters if parameter.when is None]
        return None if None in counts else prod(count for count in counts if count is not None)

    def _count(self, parameter: Parameter) -> int | None:
        """Returns how many combinations there are of a parameter and of what hangs on it."""
        size = self.domains[parameter.name].size
        hanging = [one for one in self.parameters if one.when is not None and one.when.parameter == parameter.name]
        counts = {one.name: self._count(one) for one in hanging}
        if size is None or None in counts.values():
            return None
        total = size
        for value in {value for one in hanging for value in self._of_use[one.name]}:
            total += prod(counts[one.name] or 0 for one in hanging if value in self._of_use[one.name]) - 1
        return total


def _domain_faults(parameters: Sequence[Parameter], domains: Mapping[str, Domain]) -> Iterator[str]:
    for parameter in parameters:
        for fault in domains[parameter.name].faults():
            yield f"parameter {parameter.name}: {fault}"


def _when_faults(parameters: Sequence[Parameter], domains: Mapping[str, Domain]) -> Iterator[str]:
    by_name = {parameter.name: parameter for parameter in parameters}
    for parameter in parameters:
        when, where = parameter.when, f"parameter {parameter.name}: when"
        if when is None:
            continue
        if parameter.name in (chain := _chain(parameter, by_name)):
            yield f"{where} must not lead back to itself, found {' → '.join([parameter.name, *chain])}"
        for value in when.values:
            if not domains[when.parameter].contains(value):
                yield f"{where}.values must be values of {when.parameter}, found {value!r}, which it never has"


def _chain(parameter: Parameter, by_name: Mapping[str, Parameter]) -> list[str]:
    """Returns the names of those that a parameter hangs on, directly and by others, up to the first one again."""
    chain: list[str] = []
    current = parameter
    while current.when is not None and current.when.parameter not in chain:
        chain.append(current.when.parameter)
        current = by_name[current.when.parameter]
    return chain


def _ordered(parameters: Sequence[Parameter]) -> list[Parameter]:
    """Returns the parameters, each after the one that it hangs on, else as they are written."""
    by_name = {parameter.name: parameter for parameter in parameters}
    depth = {parameter.name: len(_chain(parameter, by_name)) for parameter in parameters}
    return sorted(parameters, key=lambda parameter: depth[parameter.name])


def _canonical(when: When, domains: Mapping[str, Domain]) -> frozenset[str]:
    return frozenset(domains[when.parameter].canonical(value) for value in when.values)
