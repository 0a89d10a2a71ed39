"""Converts the operations of a flow's nodes to Keras layers."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from epochal_api.catalogue.classes import LAYERS, catalogue
from epochal_api.suggestions import did_you_mean

from epochal.errors import EpochalError
from epochal.importers.draft import Draft
from epochal.importers.flow.document import Node
from epochal.importers.old_arguments import HARD_SIGMOID, convert_arguments, uses_hard_sigmoid, without_reset
from epochal.importers.reading import shown
from epochal.importers.values import integer, is_nothing

INPUTS = frozenset({"imagedata", "textdata", "numpydata", "numericdata", "data"})
"""Operations of the category input."""
_ALIASES: Mapping[str, str] = {
    "add": "Add",
    "batchnorm": "BatchNormalization",
    "concat": "Concatenate",
    "conv2dtranspose": "Conv2DTranspose",
    "deconvolution2d": "Conv2DTranspose",
    "fullyconnected": "Dense",
    "innerproduct": "Dense",
    "transposedconvolution2d": "Conv2DTranspose",
}
"""Keras layers by other names of operations, normalized."""
_MERGES: Mapping[str, str] = {
    "ave": "Average",
    "average": "Average",
    "concat": "Concatenate",
    "dot": "Dot",
    "max": "Maximum",
    "min": "Minimum",
    "mul": "Multiply",
    "sub": "Subtract",
    "sum": "Add",
}
"""Layers by the mode of a merge."""
_POOLING: Mapping[str, str] = {
    "average": "Average",
    "ave": "Average",
    "avg": "Average",
    "mean": "Average",
    "max": "Max",
}
_DEFAULTS: Mapping[str, Any] = {"filters": 32, "kernel_size": 3, "units": 64, "rate": 0.5, "stddev": 0.1}
"""Values for arguments that a Keras layer requires, and that the node does not have."""
_IGNORED = frozenset({"label", "name"})
_SHAPES: Mapping[str, str] = {"Reshape": "target_shape", "Permute": "dims"}
"""Arguments with a shape, by layer. A flow may have the shape as a text, such as "(28, 28, 1)"."""


class _Kind(NamedTuple):
    """The Keras layer for the operation of a node.

    Args:
        layer: Class of the layer.
        arguments: Arguments of the layer that follow from the operation.
        used: Names of the node's parameters that determined `layer` and `arguments`. All other parameters still have to
            be converted to arguments.
    """

    layer: str
    arguments: Mapping[str, Any]
    used: frozenset[str] = frozenset()


def convert_layer(node: Node, draft: Draft, *, classes: int | None = None) -> dict[str, Any]:
    """Return the layer of a node in the notation of a TrainingJob, without its name and its inputs.

    Args:
        node: The node.
        draft: Gets a warning for each parameter that is lost, wrong, or missing.
        classes: The number of classes, which is the default of units, if the node is the last Dense of an output.

    Raises:
        EpochalError: If the operation is unknown.
    """
    kind = _kind(node, draft)
    parameters = {key: value for key, value in node.parameters.items() if key not in _IGNORED | kind.used}
    if (shape_key := _SHAPES.get(kind.layer)) is not None:
        parameters = _with_shape(parameters, shape_key)
        if not parameters[shape_key]:
            draft.warn(node.label, f"{shape_key} is missing: the layer Identity replaces the {kind.layer}")
            return {"layer": "Identity"}
    # A flow ran with Keras 2.
    converted = convert_arguments(kind.layer, without_reset(kind.layer, parameters))
    for name, reason in {**converted.lost, **converted.wrong}.items():
        outcome = "so this value is lost" if name in converted.lost else "so Keras' default is used"
        draft.warn(node.label, f"{shown(name)} is {shown(parameters.get(name))}: {reason}, {outcome}")
    arguments = {**kind.arguments, **converted.arguments}
    if uses_hard_sigmoid([parameters, arguments]):
        draft.warn(node.label, HARD_SIGMOID)
    found = catalogue().modules[LAYERS].find(kind.layer)
    for name, argument in found.arguments.items() if found else ():
        default = classes if name == "units" and classes else _DEFAULTS.get(name)
        if argument.required and arguments.get(name) is None and default is not None:
            draft.warn(node.label, f"{name} of the {kind.layer} is missing: {default} is used")
            arguments[name] = default
    return {"layer": kind.layer, **arguments}


def _kind(node: Node, draft: Draft) -> _Kind:
    """Return the Keras layer for the operation of a node. `draft` gets a warning for an invalid pooling function.

    Raises:
        EpochalError: If no Keras layer matches the operation, or the mode of a merge is unknown.
    """
    category, name = node.category, _normalized(node.op.rpartition(".")[2])
    activations = _by_normalized_name(tuple(catalogue().modules["keras.activations"].names))
    if category == "activation" and name in {"relu", "softmax"} and any(map(_has_effect, node.parameters.values())):
        return _Kind(_layers()[name], {})
    if category == "activation" and name in activations and name not in {"leakyrelu", "elu"}:
        return _Kind("Activation", {"activation": activations[name]})
    if name == "thresholdedrelu":
        theta = node.parameters.get("theta", 1.0)
        return _Kind("ReLU", {"threshold": theta}, frozenset({"theta"}))
    if pooling := re.fullmatch(r"(global)?pooling([123])d", name):
        function = node.parameters.get("function")
        kind = _POOLING.get(str(function).strip().lower())
        if kind is None:
            draft.warn(node.label, f"function is {shown(function)}: it must be MAX or AVERAGE, so MAX is used")
        start = "Global" if pooling[1] else ""
        return _Kind(f"{start}{kind or 'Max'}Pooling{pooling[2]}D", {}, frozenset({"function"}))
    if name == "merge":
        mode = node.parameters.get("mode", "sum")
        if (merge := _MERGES.get(str(mode).strip().lower())) is None:
            raise EpochalError(f"{node.label}: mode must be one of {', '.join(_MERGES)}, found {shown(mode)}")
        axis = integer(node.parameters.get("concat_axis")) if merge == "Concatenate" else None
        is_lost = merge == "Concatenate" and axis is None
        used = {"mode"} if is_lost else {"mode", "concat_axis"}
        return _Kind(merge, {} if axis is None else {"axis": axis}, frozenset(used))
    if layer := _ALIASES.get(name) or _layers().get(name):
        return _Kind(layer, {})
    hint = did_you_mean(name, [*_layers(), *activations, "pooling2d", "merge"])
    message = f"{node.label}: the operation {shown(node.op)} matches no layer of Keras"
    raise EpochalError(message, hint and f"{hint[0].upper()}{hint[1:]}")


def _has_effect(value: Any) -> bool:
    return not is_nothing(value) and value not in (0, "0")


def _with_shape(parameters: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the parameters with the shape `key` as a list of integers; an empty list if there is no valid shape."""
    rest = dict(parameters)
    value = next((rest.pop(name) for name in (key, "target_shape", "dims", "shape") if name in rest), None)
    if isinstance(value, str):
        value = re.findall(r"-?\d{1,9}", value[:1000])
    sizes = [integer(size) for size in value] if isinstance(value, list) else [integer(value)]
    return {**rest, key: [] if None in sizes else sizes}


def _normalized(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _by_normalized_name(names: tuple[str, ...]) -> Mapping[str, str]:
    return {_normalized(name): name for name in names}


@cache
def _layers() -> Mapping[str, str]:
    """Return the importable Keras layer classes by their normalized names (a-z and 0-9), including aliases."""
    classes = catalogue().modules[LAYERS].classes
    return {
        _normalized(name): each.alias or name
        for name, each in classes.items()
        if not each.refused and not (each.alias and classes[each.alias].refused)
    }
