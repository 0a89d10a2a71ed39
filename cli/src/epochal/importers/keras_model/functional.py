"""Reads the graph of a functional model: the calls of its layers, each after those whose outputs it takes."""

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
"""Maximum number of entries: layers, inputs, and operations that compute masks."""
INPUT_LAYER = "InputLayer"


class Call(NamedTuple):
    """A call of a layer.

    Args:
        layer: Name of the layer.
        number: Number of the call, to which references refer.
        inputs: The tensors that it takes.
    """

    layer: str
    number: int
    inputs: Sequence[Ref]


class Functional(NamedTuple):
    """The graph of a functional model.

    Args:
        entries: The configurations of the layers by name.
        inputs: The inputs of the model.
        outputs: The outputs of the model.
        output_names: The name of each output in `compile`.
        calls: The calls in the order in which they are possible.
        with_several_outputs: Names of the layers of which a later output is taken.
    """

    entries: Mapping[str, Mapping[str, Any]]
    inputs: Sequence[Ref]
    outputs: Sequence[Ref]
    output_names: Sequence[str]
    calls: Sequence[Call]
    with_several_outputs: frozenset[str]


def read_entries(value: Any) -> list[Mapping[str, Any]]:
    """Return the configurations of the layers of a model.

    Raises:
        NotImportable: If they are no list of mappings, or too many.
    """
    if not isinstance(value, list) or not value:
        raise NotImportable("it must have a list of layers, found none")
    if len(value) > _MAX_ENTRIES:
        raise NotImportable(f"it has {len(value):,} layers, but a network has at most {MAX_LAYERS:,}")
    for index, each in enumerate(value):
        if not isinstance(each, Mapping) or not isinstance(each.get("class_name"), str):
            raise NotImportable(f"layers[{index}] must be a mapping with class_name, found {shown(each)}")
    return value


def name_of(entry: Mapping[str, Any]) -> str:
    """Return the name of a layer in its model."""
    name = entry.get("name") or mapping(entry.get("config")).get("name")
    return name if isinstance(name, str) and name else str(entry["class_name"]).lower()


def read_functional(config: Any) -> Functional:
    """Return the graph of a functional model.

    Raises:
        NotImportable: If the graph is broken, or has a call that a TrainingJob cannot express.
    """
    if not isinstance(config, Mapping):
        raise NotImportable(f"its config must be a mapping, found {type(config).__name__}")
    found = read_entries(config.get("layers"))
    entries = {name_of(entry): entry for entry in found}
    if len(entries) < len(found):
        twice = next(name for name, count in Counter(map(name_of, found)).items() if count > 1)
        raise NotImportable(f"two of its layers have the name {shown(twice)}")
    inputs, outputs = calls.refs(config.get("input_layers")), calls.refs(config.get("output_layers"))
    for each in [*inputs, *outputs]:
        if each.layer not in entries:
            raise NotImportable(f"its input or output {shown(each.layer)} is no layer")
    taken = _read_calls(entries)
    references = [*(ref for call in taken for ref in call.inputs), *outputs]
    several = frozenset(each.layer for each in references if each.output)
    ordered = _sort(_with_own_numbers(taken, references, entries), {(each.layer, each.call) for each in inputs})
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
            raise NotImportable(f"its layer {shown(name)}: {error}") from None
        if not found:
            raise NotImportable(f"its layer {shown(name)} is never called")
        taken += (Call(name, number, inputs) for number, inputs in enumerate(found))
        if len(taken) > MAX_LAYERS:
            raise NotImportable(f"its layer {shown(name)}: a network has at most {MAX_LAYERS:,} layers")
    return taken


def _with_own_numbers(
    taken: Sequence[Call], references: Sequence[Ref], entries: Mapping[str, Mapping[str, Any]]
) -> list[Call]:
    """Return the calls with the numbers in the references. Keras begins with 1 for most models within models."""
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
    """Return the calls in an order in which all inputs of a call are known, and else in their order in the file."""
    places = {(call.layer, call.number): index for index, call in enumerate(taken)}
    waiting: dict[tuple[str, int], list[int]] = defaultdict(list)
    missing: list[int] = []
    for index, call in enumerate(taken):
        needed = {(each.layer, each.call) for each in call.inputs} - given
        if unknown := next((each for each in sorted(needed) if each not in places), None):
            raise NotImportable(
                f"its layer {shown(call.layer)} takes {shown(unknown[0])}, which is no such layer or call"
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
        raise NotImportable(f"its layer {shown(stuck)} takes its own output, directly or by other layers")
    return ordered
