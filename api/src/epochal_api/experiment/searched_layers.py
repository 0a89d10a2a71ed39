"""Which layers of a template are the same in all trials."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from epochal_api.experiment import paths

_GRAPH_FIELDS = frozenset({"inputs", "name", "use"})
"""Fields of a layer that change the graph: which layers take which outputs."""


def first_searched_layer(template: Mapping[str, Any], searched: Iterable[str]) -> int | None:
    """Return the index of the first layer that is not the same in all trials; None if no parameter changes the network.

    A layer takes only outputs of layers above, so the layers before this one have the same shapes in all trials.

    Args:
        template: The template's spec, as JSON.
        searched: The paths of all parameters. A path that leads to no field changes nothing.
    """
    layers = (_changed_layer(steps) for steps in _places(template, searched))
    return min((layer for layer in layers if layer is not None), default=None)


def _places(template: Mapping[str, Any], searched: Iterable[str]) -> Iterator[tuple[str | int, ...]]:
    names = paths.Names()
    for path in searched:
        try:
            yield paths.resolve(template, path, names).steps
        except paths.PathNotFound:
            continue


def _changed_layer(steps: tuple[str | int, ...]) -> int | None:
    """Return the index of the first layer that changes with the field at `steps`, or None if no layer changes."""
    match steps:
        case ("network", "layers", int() as index, str() as field, *_) if field not in _GRAPH_FIELDS:
            return index
        case ("network", *_) | ("training", "precision", *_) | ("image", *_):
            return 0
        case _:
            return None
