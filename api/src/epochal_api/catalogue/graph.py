"""Finds the problems of a network's graph in a document: repeated, unknown and unused names of layers and inputs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epochal_api.catalogue.findings import MAX_SHOWN, Findings, field, item
from epochal_api.suggestions import did_you_mean
from epochal_api.trainingjob.network import INPUT

_MAX_COMPARED = 100
"""Maximum number of existing names with which an unknown name is compared."""
_MAX_COMPARED_LENGTH = 40
"""Maximum characters of a compared name: the time of a comparison grows with the product of the lengths."""


class UnusedSource(NamedTuple):
    """A layer or an input of a network whose tensor no layer takes, and that is no output of the network.

    Args:
        source: As in Edge: the index of the layer, or the negative index of the input.
        message: The problem.
        hint: The remedy.
    """

    source: int
    message: str
    hint: str


def unused_sources(
    taken: Collection[int], *, layers: int, inputs: int, has_outputs: bool = False
) -> Iterator[UnusedSource]:
    """Yield the layers, and then the inputs of a network, that are not in `taken`.

    Args:
        taken: The sources that a layer takes as input, and the sources of the network's outputs. See Edge.source.
        layers: Number of layers.
        inputs: Number of inputs.
        has_outputs: Whether the network has the field `outputs`. Else its last layer is the output.
    """
    last = "it is not in network.outputs" if has_outputs else "it is not the last layer"
    for source in range(layers):
        if source not in taken:
            hint = "add it to the inputs of another layer or to outputs, or remove it"
            yield UnusedSource(source, f"no layer takes its output, and {last}", hint)
    for source in range(-inputs, 0):
        if source not in taken:
            yield UnusedSource(source, "no layer takes this input", "add it to the inputs of a layer, or remove it")


def check_graph(network: Mapping[str, Any], path: str, findings: Findings) -> None:
    """Add the problems of a network to `findings`: repeated names, references to unknown names, and unused sources.

    Unused layers and inputs are reported only if all references are valid.
    """
    layers: Sequence[Any] = network["layers"] if isinstance(network.get("layers"), list) else []
    inputs = _inputs(network, path)
    names = _sources_by_name(inputs, layers, path, findings)
    is_complete = len({name for _, name in inputs if name is not None}) == len(inputs)
    if len(inputs) > 1 and layers and not _get(layers[0], "inputs"):
        is_complete = False
        where = item(field(path, "layers"), 0)
        findings.add(where, "the first layer needs inputs, since the network has several", "add inputs: [NAME]")
    taken = _taken_by_default(network, layers)
    for reference in _references(network, layers, path):
        source = names.get(reference.text.partition(":")[0])
        if source is None or source >= reference.before:
            is_complete = False
            _add_missing(reference, source, names, findings)
        elif reference.takes_output:
            taken.add(source)
    # A reference to a missing name may be meant for a layer or an input that seems to lead nowhere.
    if is_complete and layers:
        has_outputs = bool(network.get("outputs"))
        for unused in unused_sources(taken, layers=len(layers), inputs=len(inputs), has_outputs=has_outputs):
            place = item(field(path, "layers"), unused.source) if unused.source >= 0 else inputs[unused.source][0]
            findings.add(place, unused.message, unused.hint)


def _sources_by_name(
    inputs: Sequence[tuple[str, str | None]], layers: Sequence[Any], path: str, findings: Findings
) -> dict[str, int]:
    """Return the source, as in Edge, by the name of each input and layer. Add repeated names to `findings`."""
    sources: dict[str, int] = {}
    for number, (where, name) in enumerate(inputs):
        if name in sources:
            findings.add(field(where, "name"), f"another input has the name {name}", "give it another name")
        elif name is not None:
            sources[name] = number - len(inputs)
    for index, layer in enumerate(layers):
        if isinstance(name := _get(layer, "name"), str):
            if name in sources:
                other = "an input of the network" if sources[name] < 0 else f"layers[{sources[name]}]"
                where = field(item(field(path, "layers"), index), "name")
                findings.add(where, f"{other} has the name {name[:MAX_SHOWN]} too", "give it another name")
            else:
                sources[name] = index
    return sources


def _taken_by_default(network: Mapping[str, Any], layers: Sequence[Any]) -> set[int]:
    """Return the layers and inputs (as in Edge.source) that are used by default, not by their name.

    A layer without `inputs` takes the layer above. A network without `outputs` returns the last layer.
    """
    taken = {index - 1 for index, layer in enumerate(layers) if not _get(layer, "inputs")}
    return taken if network.get("outputs") else taken | {len(layers) - 1}


def _inputs(network: Mapping[str, Any], path: str) -> list[tuple[str, str | None]]:
    """Return the path and the name of each input of the network. The name is None if it is no text."""
    inputs = network.get("inputs")
    if not isinstance(inputs, list):
        return [(field(path, "input"), INPUT)]
    names = [_get(each, "name") for each in inputs]
    return [
        (item(field(path, "inputs"), index), name if isinstance(name, str) else None)
        for index, name in enumerate(names)
    ]


class _Reference(NamedTuple):
    """A text in a network that refers to a layer or an input by its name.

    Args:
        before: The name must belong to an input, or to a layer whose index is less than this number.
        path: The path of the text in the document.
        text: NAME or NAME:N.
        takes_output: True for an entry of `inputs` or `outputs`; false for a `use`, which only calls the layer again.
    """

    before: int
    path: str
    text: str
    takes_output: bool = True


def _references(network: Mapping[str, Any], layers: Sequence[Any], path: str) -> Iterator[_Reference]:
    for index, layer in enumerate(layers):
        where = item(field(path, "layers"), index)
        if isinstance(name := _get(layer, "use"), str):
            yield _Reference(index, field(where, "use"), name, takes_output=False)
        inputs = _get(layer, "inputs")
        if isinstance(inputs, list):
            for number, ref in enumerate(inputs):
                if isinstance(ref, str):
                    yield _Reference(index, item(field(where, "inputs"), number), ref)
    outputs = network.get("outputs")
    for number, ref in enumerate(outputs if isinstance(outputs, list) else ()):
        if isinstance(ref, str):
            yield _Reference(len(layers), item(field(path, "outputs"), number), ref)


def _add_missing(reference: _Reference, source: int | None, names: Mapping[str, int], findings: Findings) -> None:
    name, index = reference.text.partition(":")[0][:MAX_SHOWN], reference.before
    if source == index:
        findings.add(reference.path, f"{name} is the layer itself", "name a layer above")
    elif source is not None:
        findings.add(reference.path, f"{name} is layers[{source}], which comes later", "put it above this layer")
    else:
        findings.add(reference.path, f"no layer above has the name {name}", lambda: _similar(name, index, names))


def _similar(name: str, index: int, names: Mapping[str, int]) -> str:
    known = [known for known, place in names.items() if place < index and len(known) <= _MAX_COMPARED_LENGTH]
    found = did_you_mean(name[:_MAX_COMPARED_LENGTH], known[-_MAX_COMPARED:])
    return found or "add this name to the layer whose output is meant"


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None
