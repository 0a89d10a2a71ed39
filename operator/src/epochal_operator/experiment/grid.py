"""All combinations of a search space without continuous parameters."""

from collections.abc import Iterator, Mapping

from epochal_operator.experiment.space import Space


def combinations(space: Space, start: Mapping[str, int] | None = None) -> Iterator[dict[str, str]]:
    """Yield each combination once; the last parameter changes fastest.

    Args:
        space: The search space, whose `size` is not None.
        start: Index of the first value of each parameter, by its name. Default: 0.
    """
    yield from _rest(space, start or {}, {})


def _rest(space: Space, start: Mapping[str, int], chosen: dict[str, str], depth: int = 0) -> Iterator[dict[str, str]]:
    if depth == len(space.parameters):
        yield dict(chosen)
        return
    parameter = space.parameters[depth]
    if not space.counts(parameter, chosen):
        yield from _rest(space, start, chosen, depth + 1)
        return
    domain = space.domains[parameter.name]
    size, first = domain.size or 0, start.get(parameter.name, 0)
    for offset in range(size):
        value = domain.at((first + offset) % size)
        yield from _rest(space, start, chosen | {parameter.name: value}, depth + 1)
