"""Reads the graph of a functional Keras model, and sorts the calls of its layers in topological order."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from epochal_api.trainingjob.network import MAX_LAYERS

from epochal.importers.keras_model import calls
from epochal.importers.keras_model.calls import Ref
from epochal.importers.keras_model.objects import MODELS, NotImportable
from epochal.importers.reading import mapping, shown

_MAX_ENTRIES = 2 * MAX_LAYERS
"""Maximum number of entries in `layers` of a model: layers, InputLayers, and operations that compute masks. A model
with more is refused."""
INPUT_LAYER = "InputLayer"


class Call(NamedTuple):
    """A call of a layer.

    Args:
        layer: Name of the layer.
        number: Index of the call in references to its outputs (`Ref.call`).
        inputs: The tensors that are the inputs of the call.
    """

    layer: str
    number: int
    inputs: Sequence[Ref]


class Functional(NamedTuple):
    """The graph of a functional model.

    Args:
        entries: The configurations of the layers, by the name of the layer.
        inputs: The tensors that are the inputs of the model.
        outputs: The tensors that are the outputs of the model.
        output_names: The name of each output of the model in the arguments of `compile`.
        calls: The calls of all layers, each after the calls that compute its inputs.
        with_several_outputs: Names of the layers with an output other than the first that the model uses.
    """

    entries: Mapping[str, Mapping[str, Any]]
    inputs: Sequence[Ref]
    outputs: Sequence[Ref]
    output_names: Sequence[str]
    calls: Sequence[Call]
    with_several_outputs: frozenset[str]


def read_entries(value: Any) -> list[Mapping[str, Any]]:
    """Check the `layers` in the configuration of a model, and return them.

    Raises:
        NotImportable: If the value is no list of mappings with class_name, or an empty or too long list.
    """
    if not isinstance(value, list) or not value:
        raise NotImportable("the model must have a list of layers, found none")
    if len(value) > _MAX_ENTRIES:
        raise NotImportable(f"the model has {len(value):,} layers, but a network has at most {MAX_LAYERS:,}")
    for index, each in enumerate(value):
        if not isinstance(each, Mapping) or not isinstance(each.get("class_name"), str):
            raise NotImportable(f"layers[{index}] must be a mapping with class_name, found {shown(each)}")
    return value


def name_of(entry: Mapping[str, Any]) -> str:
    """Return the name of a layer in its model; without a name, the name of its class in lower case."""
    name = entry.get("name") or mapping(entry.get("config")).get("name")
    return name if isinstance(name, str) and name else str(entry["class_name"]).lower()


def read_functional(config: Any) -> Functional:
    """Return the graph for the `config` of a functional model.

    Raises:
        NotImportable: If the graph is invalid, or has a call that a TrainingJob cannot express.
    """
    if not isinstance(config, Mapping):
        raise NotImportable(f"config of the model must be a mapping, found {type(config).__name__}")
    found = read_entries(config.get("layers"))
    entries = {name_of(entry): entry for entry in found}
    if len(entries) < len(found):
        twice = next(name for name, count in Counter(map(name_of, found)).items() if count > 1)
        raise NotImportable(f"two layers of the model have the name {shown(twice)}")
    inputs, outputs = calls.refs(config.get("input_layers")), calls.refs(config.get("output_layers"))
    for each in [*inputs, *outputs]:
        if each.layer not in entries:
            raise NotImportable(f"input_layers or output_layers names {shown(each.layer)}, which is no layer")
    taken = _read_calls(entries)
    references = [*(ref for call in taken for ref in call.inputs), *outputs]
    several = frozenset(each.layer for each in references if each.output)
    ordered = _sort(
        _with_numbers_of_references(taken, references, entries), {(each.layer, each.call) for each in inputs}
    )
    names = calls.output_names(config["output_layers"], outputs)
    return Functional(entries, inputs, outputs, names, ordered, several)


def _read_calls(entries: Mapping[str, Mapping[str, Any]]) -> list[Call]:
    masks = {name for name, entry in entries.items() if calls.is_mask_operation(entry)}
    taken: list[Call] = []
    for name, entry in entries.items():
        if entry["class_name"] == INPUT_LAYER or name in masks:
            continue
        try:
            found = calls.calls(entry, masks)
        except NotImportable as error:
            raise NotImportable(f"the layer {shown(name)}: {error}") from None
        if not found:
            raise NotImportable(f"the layer {shown(name)} has no call (inbound_nodes is empty)")
        taken += (Call(name, number, inputs) for number, inputs in enumerate(found))
        if len(taken) > MAX_LAYERS:
            raise NotImportable(f"the layer {shown(name)}: a network has at most {MAX_LAYERS:,} layers")
    return taken


def _with_numbers_of_references(
    taken: Sequence[Call], references: Sequence[Ref], entries: Mapping[str, Mapping[str, Any]]
) -> list[Call]:
    """Return the calls, numbered from 0 or 1 for each layer, as the references in the file number them.

    Keras numbers the calls of a layer from 0, but those of most inner models from 1.
    """
    counts = Counter(call.layer for call in taken)
    highest: dict[str, int] = {}
    for each in references:
        highest[each.layer] = max(each.call, highest.get(each.layer, 0))
    return [
        call._replace(number=call.number + 1)
        if entries[call.layer]["class_name"] in MODELS and highest.get(call.layer, 0) >= counts[call.layer]
        else call
        for call in taken
    ]


def _sort(taken: Sequence[Call], given: set[tuple[str, int]]) -> list[Call]:
    """Return the calls in topological order: each call after the calls that compute its inputs.

    Calls that are independent of each other stay in the order of the file. `given` are the calls that exist already.
    """
    places = {(call.layer, call.number): index for index, call in enumerate(taken)}
    waiting: dict[tuple[str, int], list[int]] = defaultdict(list)
    missing: list[int] = []
    for index, call in enumerate(taken):
        needed = {(each.layer, each.call) for each in call.inputs} - given
        if unknown := next((each for each in sorted(needed) if each not in places), None):
            raise NotImportable(
                f"the layer {shown(call.layer)} takes an output of {shown(unknown[0])}, which is no such layer or call"
            )
        missing.append(len(needed))
        for each in needed:
            waiting[each].append(index)
    ready = [index for index, count in enumerate(missing) if not count]
    ordered: list[Call] = []
    while ready:
        call = taken[heapq.heappop(ready)]
        ordered.append(call)
        for index in waiting[call.layer, call.number]:
            missing[index] -= 1
            if not missing[index]:
                heapq.heappush(ready, index)
    if len(ordered) < len(taken):
        stuck = next(taken[index].layer for index, count in enumerate(missing) if count)
        raise NotImportable(f"the layer {shown(stuck)} takes its own output, directly or through other layers")
    return ordered
