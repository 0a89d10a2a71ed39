"""All combinations of a space whose parameters have countable values."""

from collections.abc import Iterator, Mapping

from epochal_operator.experiment.space import Space


def combinations(space: Space, start: Mapping[str, int] | None = None) -> Iterator[dict[str, str]]:
    """Yields each combination once, the last parameter's values changing first.

    Args:
        space: The space, whose `size` is a number.
        start: Indices of the values that parameters begin with, by their names. Default: their first values.
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
