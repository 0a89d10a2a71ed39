"""Replaces the values that the parameters of an Experiment set in its template by UNKNOWN."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from epochal_api.catalogue.objects import UNKNOWN
from epochal_api.experiment.parameter import Parameter
from epochal_api.experiment.paths import Names, PathNotFound, ResolvedPath, resolve
from epochal_api.experiment.spec import MAX_PARAMETERS

_MAX_PATHS = MAX_PARAMETERS * 16
"""Maximum number of paths, as in a valid Experiment. A document that was not validated may have more."""
_MAX_LENGTH = 256
"""Maximum characters of a path, as in a valid Experiment."""


class SearchedPath(NamedTuple):
    """A path of a hyper-parameter of an Experiment.

    Args:
        path: The path in the spec of the template, such as network.layers[conv].filters.
        is_conditional: Whether the parameter has `when`, so that some trials keep the template's value.
    """

    path: str
    is_conditional: bool


def paths_of(parameters: Iterable[Parameter]) -> list[SearchedPath]:
    """Return the paths of valid parameters."""
    return [SearchedPath(path, each.when is not None) for each in parameters for path in each.paths]


def paths_in(document: Mapping[str, Any]) -> list[SearchedPath]:
    """Return the paths of the parameters of an Experiment that was not validated: at most _MAX_PATHS."""
    return list(islice(_paths_in(document), _MAX_PATHS))


def _paths_in(document: Mapping[str, Any]) -> Iterator[SearchedPath]:
    spec = document.get("spec")
    parameters = spec.get("parameters") if isinstance(spec, Mapping) else None
    for each in parameters if isinstance(parameters, list) else ():
        paths = each.get("paths") if isinstance(each, Mapping) else None
        for path in paths if isinstance(paths, list) else ():
            if isinstance(path, str) and len(path) <= _MAX_LENGTH:
                yield SearchedPath(path, each.get("when") is not None)


def with_unknown(spec: Mapping[str, Any], searched: Sequence[SearchedPath]) -> Mapping[str, Any]:
    """Return a copy of a spec with UNKNOWN at the searched places; a path that leads to no field changes nothing.

    A conditional path changes only a place that the template does not set.
    """
    names, copy = Names(), _Copy(spec)
    for path, is_conditional in searched:
        try:
            place = resolve(spec, path, names)
        except PathNotFound:
            continue
        if not (is_conditional and place.is_set):
            copy.set_unknown(place)
    return copy.content


class _Copy:
    """A copy of a spec that can be changed. It copies an object or list of the spec at the first change in it."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.content = dict(spec)
        self._copied = {id(self.content)}

    def set_unknown(self, place: ResolvedPath) -> None:
        """Set the value at a place to UNKNOWN, unless an object or list around it is already UNKNOWN."""
        node: Any = self.content
        for (_, step), (holder, _) in zip(place.holders, place.holders[1:], strict=False):
            inner = node.get(step) if isinstance(node, dict) else node[step]
            if inner is UNKNOWN:
                return
            if id(inner) not in self._copied:
                # The place has the objects that the template lacks, such as that of an optimizer given by its name.
                source = inner if isinstance(inner, Mapping | list) else holder
                inner = list(source) if isinstance(source, list) else dict(source)
                self._copied.add(id(inner))
                node[step] = inner
            node = inner
        node[place.holders[-1][1]] = UNKNOWN
