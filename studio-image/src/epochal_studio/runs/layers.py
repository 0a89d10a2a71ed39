"""Lists the layers of a run's network as rows of texts: name, class and arguments."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from epochal_api.text import printable
from epochal_api.trainingjob.network import INPUT, MAX_LAYERS, Network
from pydantic import ValidationError

from epochal_studio.runs.values import MAX_TEXT, items, mapping, text

_MAX_ARGUMENTS = 32
_MAX_ARGUMENT = 200


def layers(spec: Mapping[str, Any]) -> list[list[str]]:
    """Return name, class and arguments of each layer in a spec's network, inputs first.

    A spec with `model` or `code` instead of a network has one row with the fields of `model` or `code`.

    Args:
        spec: Spec of a TrainingJob, or of the template of an Experiment, with any content.
    """
    if model := mapping(spec.get("model")):
        return [["model", "Saved model", _arguments(model)]]
    if code := mapping(spec.get("code")):
        return [["code", "Python code", _arguments(code)]]
    network = mapping(spec.get("network"))
    found = items(network.get("layers"))[:MAX_LAYERS]
    rows = [*_inputs(network), *(_row(layer, name) for layer, name in zip(found, _names(network, found), strict=False))]
    return rows[:MAX_LAYERS]


def spec_of(kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the spec that has the network: spec.template.spec for an Experiment, else the spec itself."""
    return mapping(mapping(spec.get("template")).get("spec")) if kind == "Experiment" else spec


def _inputs(network: Mapping[str, Any]) -> Iterator[list[str]]:
    if single := mapping(network.get("input")):
        yield [INPUT, "Input", _arguments(single)]
    for each in items(network.get("inputs")):
        arguments = {name: value for name, value in each.items() if name != "name"}
        yield [text(each.get("name")) or INPUT, "Input", _arguments(arguments)]


def _names(network: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the name of each layer. In a valid network, layers without a name have the name that Keras would set."""
    try:
        return Network.model_validate(network).layer_names
    except (ValidationError, RecursionError):  # an Experiment may have values that are no valid layer
        return [text(layer.get("name")) for layer in found]


def _row(layer: Mapping[str, Any], name: str) -> list[str]:
    kind = text(layer.get("layer")) or (f"{used}, again" if (used := text(layer.get("use"))) else "?")
    return [name, kind, _arguments({key: value for key, value in layer.items() if key not in {"layer", "name", "use"}})]


def _arguments(arguments: Mapping[str, Any]) -> str:
    parts = (f"{key}={_value(value)}" for key, value in islice(arguments.items(), _MAX_ARGUMENTS))
    return printable(", ".join(parts)[:MAX_TEXT], instead=" ")


def _value(value: Any) -> str:
    try:
        found = json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError):
        return "…"
    return found if len(found) <= _MAX_ARGUMENT else f"{found[:_MAX_ARGUMENT]}…"
