"""Finds the problems of a network's graph in a document: repeated, unknown and unused names of layers and inputs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epochal_api.catalogue.findings import MAX_SHOWN, Findings, field, item
from epochal_api.suggestions import close_matches
from epochal_api.trainingjob.network import INPUT, output_name

_MAX_COMPARED = 100
"""Maximum number of existing names with which an unknown name is compared."""
_MAX_COMPARED_LENGTH = 40
"""Maximum characters of a compared name: the time of a comparison grows with the product of the lengths."""
_MAX_HINTS = 20
"""Maximum number of unknown names for which similar names are searched: the search takes milliseconds."""
_NAME_HINT = "add this name to the layer whose output is meant"


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
    """Add the problems of a network to `findings`: wrong names and references, and unused layers and inputs.

    An unused layer or input is left out if another problem explains it, such as a reference to a misspelled name, or
    a reference that is no text. The check of the schema reports references that are no text.
    """
    layers: Sequence[Any] = network["layers"] if isinstance(network.get("layers"), list) else []
    inputs = _inputs(network, path)
    names, explained = _sources_by_name(inputs, layers, path, findings)
    if not layers:  # the schema requires them, and no reference can be valid
        return
    if len(inputs) > 1 and _takes_layer_above(layers[0]):
        explained |= set(range(-len(inputs), 0))
        where = item(field(path, "layers"), 0)
        findings.add(where, "the first layer needs inputs, since the network has several", "add inputs: [NAME]")
    taken = _taken_by_default(network, layers)
    wrong: list[_WrongReference] = []
    outputs: set[str] = set()
    hints = 0
    for reference in _references(network, layers, path):
        name = reference.text.partition(":")[0]
        source = names.get(name)
        if source is None:
            hints += 1
            similar = _similar(name, reference.before, names) if hints <= _MAX_HINTS else []
            hint = f"did you mean {' or '.join(similar)}?" if similar else _NAME_HINT
            findings.add(reference.path, f"no layer above has the name {name[:MAX_SHOWN]}", hint)
            wrong.append(_WrongReference(reference, [names[each] for each in similar]))
        elif source >= reference.before:
            _add_later(reference, source, findings)
            wrong.append(_WrongReference(reference, [source]))
        else:
            if reference.takes_output:
                taken.add(source)
            if reference.is_output and source < 0:
                wrong.append(_WrongReference(reference, []))
            _check_reference(reference, source, layers, findings)
            if reference.is_output:
                _check_output_name(reference, names, outputs, findings)
    explained |= _explained(taken | explained, wrong, len(layers), len(inputs))
    explained |= set(range(-len(inputs), _end_of_unreadable(network, layers, -len(inputs))))
    has_outputs = bool(network.get("outputs"))
    for unused in unused_sources(taken | explained, layers=len(layers), inputs=len(inputs), has_outputs=has_outputs):
        place = item(field(path, "layers"), unused.source) if unused.source >= 0 else inputs[unused.source][0]
        findings.add(place, unused.message, unused.hint)


def _explained(used: Collection[int], wrong: Sequence["_WrongReference"], layers: int, inputs: int) -> set[int]:
    """Return the unused sources that wrong references explain.

    A wrong reference explains the sources with a similar name. If none of these is unused, it explains the last unused
    source before it, because its name may be that of a renamed layer.

    Args:
        used: The sources that are not unused.
        wrong: The wrong references, in the order of `_Reference.before`.
        layers: Number of layers.
        inputs: Number of inputs.
    """
    explained: set[int] = set()
    before: list[int] = []
    end = -inputs
    for reference, meant in wrong:
        if not reference.takes_output:
            continue
        before += (source for source in range(end, min(reference.before, layers)) if source not in used)
        end = max(end, reference.before)
        explained.update(meant)
        if any(source < reference.before and source not in used for source in meant):
            continue
        while before:
            if (last := before.pop()) not in explained:
                explained.add(last)
                break
    return explained


def _sources_by_name(
    inputs: Sequence[tuple[str, str | None]], layers: Sequence[Any], path: str, findings: Findings
) -> tuple[dict[str, int], set[int]]:
    """Return the source, as in Edge, by the name of each input and layer. Add repeated names to `findings`.

    Also return the sources whose name is repeated or no text, so that references to them are unknown.
    """
    sources: dict[str, int] = {}
    unclear: set[int] = set()
    for number, (where, name) in enumerate(inputs, -len(inputs)):
        if name in sources:
            unclear |= {sources[name], number}
            findings.add(field(where, "name"), f"another input has the name {name}", "give it another name")
        elif name is not None:
            sources[name] = number
        else:
            unclear.add(number)
    for index, layer in enumerate(layers):
        name = _get(layer, "name")
        if not isinstance(name, str):
            unclear |= {index} if name is not None else set()
        elif name in sources:
            unclear |= {sources[name], index}
            other = "an input of the network" if sources[name] < 0 else f"layers[{sources[name]}]"
            where = field(item(field(path, "layers"), index), "name")
            findings.add(where, f"{other} has the name {name[:MAX_SHOWN]} too", "give it another name")
        else:
            sources[name] = index
    return sources, unclear


def _taken_by_default(network: Mapping[str, Any], layers: Sequence[Any]) -> set[int]:
    """Return the layers and inputs (as in Edge.source) that are used by default, not by their name.

    A layer without `inputs` takes the layer above. A network without `outputs` returns the last layer.
    """
    taken = {index - 1 for index, layer in enumerate(layers) if _takes_layer_above(layer)}
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
        is_output: True for an entry of `outputs`.
    """

    before: int
    path: str
    text: str
    takes_output: bool = True
    is_output: bool = False


class _WrongReference(NamedTuple):
    """A reference to no layer above, and the sources that it may mean."""

    reference: _Reference
    meant: Sequence[int]


def _references(network: Mapping[str, Any], layers: Sequence[Any], path: str) -> Iterator[_Reference]:
    for index, layer in enumerate(layers):
        where = item(field(path, "layers"), index)
        if isinstance(name := _get(layer, "use"), str):
            yield _Reference(index, field(where, "use"), name, takes_output=False)
        for place, ref in _texts(_get(layer, "inputs"), field(where, "inputs")):
            yield _Reference(index, place, ref)
    for place, ref in _texts(network.get("outputs"), field(path, "outputs")):
        yield _Reference(len(layers), place, ref, is_output=True)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each name in a list. A name without its list is invalid, but also refers."""
    if isinstance(value, str):
        yield path, value
    for number, text in enumerate(value if isinstance(value, list) else ()):
        if isinstance(text, str):
            yield item(path, number), text


def _takes_layer_above(layer: Any) -> bool:
    """Return whether a layer has no `inputs`, so that it takes the layer above."""
    return _get(layer, "inputs") in (None, [])


def _end_of_unreadable(network: Mapping[str, Any], layers: Sequence[Any], start: int) -> int:
    """Return the index after the last layer that a reference may mean that is no text; `start` if all are texts."""
    fields = [(index, _get(layer, "inputs")) for index, layer in enumerate(layers)]
    fields.append((len(layers), network.get("outputs")))
    return max((before for before, value in fields if not _is_readable(value)), default=start)


def _is_readable(value: Any) -> bool:
    """Return whether `inputs` or `outputs` is missing, a text, or a list of texts."""
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return value is None or isinstance(value, str)


def _add_later(reference: _Reference, source: int, findings: Findings) -> None:
    name = reference.text.partition(":")[0][:MAX_SHOWN]
    if source == reference.before:
        findings.add(reference.path, f"{name} is the layer itself", "name a layer above")
    else:
        findings.add(reference.path, f"{name} is layers[{source}], which comes later", "put it above this layer")


def _check_reference(reference: _Reference, source: int, layers: Sequence[Any], findings: Findings) -> None:
    """Add the problem of a reference to an existing layer or input: a `use` of no layer, or an output of an input."""
    name, _, output = reference.text.partition(":")
    shown = name[:MAX_SHOWN]
    if source < 0 and not reference.takes_output:
        findings.add(reference.path, f"{shown} is an input of the network, not a layer", "put it into inputs")
    elif source < 0 and reference.is_output:
        findings.add(reference.path, f"{shown} is an input of the network", "name the layer that gives the output")
    elif source < 0 and output:
        findings.add(reference.path, f"{shown} is an input, which has one output", f"write {shown}")
    elif not reference.takes_output and isinstance(used := _get(layers[source], "use"), str):
        findings.add(reference.path, f"{shown} is itself a use of {used[:MAX_SHOWN]}", f"write use: {used[:MAX_SHOWN]}")


def _check_output_name(reference: _Reference, names: Collection[str], seen: set[str], findings: Findings) -> None:
    """Add a problem if another output or a layer has an output's name, and add the name to `seen`."""
    name = output_name(reference.text)
    if name in seen or (name != reference.text and name in names):
        findings.add(reference.path, f"another output or layer has the name {name[:MAX_SHOWN]}", "rename it")
    seen.add(name)


def _similar(name: str, index: int, names: Mapping[str, int]) -> list[str]:
    known = [known for known, place in names.items() if place < index and len(known) <= _MAX_COMPARED_LENGTH]
    return close_matches(name[:_MAX_COMPARED_LENGTH], known[-_MAX_COMPARED:])


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None
