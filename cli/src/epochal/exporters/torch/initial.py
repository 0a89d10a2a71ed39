"""Converts Keras initializers (the first values of weights) and regularizers (penalties on weights) to torch."""

from collections.abc import Callable, Mapping
from typing import Any

from epochal_api.catalogue.classes import catalogue

from epochal.exporters.layer_calls import Call

_INITIALIZERS = "keras.initializers"


def _number(arguments: Mapping[str, Any], key: str, default: float) -> float:
    value = arguments.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{key} must be a number, found {value!r:.40}")
    return float(value)


def _uniform(arguments: Mapping[str, Any]) -> str:
    low, high = _number(arguments, "minval", -0.05), _number(arguments, "maxval", 0.05)
    return f"nn.init.uniform_({{0}}, {low!r}, {high!r})"


def _normal(arguments: Mapping[str, Any]) -> str:
    mean, deviation = _number(arguments, "mean", 0.0), _number(arguments, "stddev", 0.05)
    return f"nn.init.normal_({{0}}, {mean!r}, {deviation!r})"


def _truncated(arguments: Mapping[str, Any]) -> str:
    mean, deviation = _number(arguments, "mean", 0.0), _number(arguments, "stddev", 0.05)
    low, high = mean - 2 * deviation, mean + 2 * deviation
    return f"nn.init.trunc_normal_({{0}}, {mean!r}, {deviation!r}, {low!r}, {high!r})"


def _orthogonal(arguments: Mapping[str, Any]) -> str:
    gain = _number(arguments, "gain", 1.0)
    return "nn.init.orthogonal_({0})" if gain == 1 else f"nn.init.orthogonal_({{0}}, {gain!r})"


_DRAWS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "Constant": lambda arguments: f"nn.init.constant_({{0}}, {_number(arguments, 'value', 0.0)!r})",
    "GlorotNormal": lambda _: "nn.init.xavier_normal_({0})",
    "GlorotUniform": lambda _: "nn.init.xavier_uniform_({0})",
    "HeNormal": lambda _: 'nn.init.kaiming_normal_({0}, nonlinearity="relu")',
    "HeUniform": lambda _: 'nn.init.kaiming_uniform_({0}, nonlinearity="relu")',
    "LecunNormal": lambda _: 'nn.init.kaiming_normal_({0}, nonlinearity="linear")',
    "LecunUniform": lambda _: 'nn.init.kaiming_uniform_({0}, nonlinearity="linear")',
    "Ones": lambda _: "nn.init.ones_({0})",
    "Orthogonal": _orthogonal,
    "RandomNormal": _normal,
    "RandomUniform": _uniform,
    "TruncatedNormal": _truncated,
    "Zeros": lambda _: "nn.init.zeros_({0})",
}
"""Code of the torch.nn.init call for each class of keras.initializers. {0} is the weight."""


def add_initializers(call: Call, weights: Mapping[str, str]) -> None:
    """Add the initializer and the regularizer of each weight of a layer to the exported code.

    Args:
        call: The call of the layer.
        weights: Names of torch weights within the layer, each with the prefix of its Keras arguments. Example:
            {"weight": "kernel"} for kernel_initializer and kernel_regularizer.
    """
    for name, prefix in weights.items():
        weight = weight_code("{layer}", name)
        call.code.initializers.append(_initializer(call, f"{prefix}_initializer").format(weight))
        if (regularizer := call[f"{prefix}_regularizer"]) is not None:
            call.code.penalties.append((name, (f"{prefix}_regularizer", regularizer)))
        if call[f"{prefix}_constraint"] is not None:
            call.no_counterpart(f"{prefix}_constraint")


def weight_code(layer: str, name: str) -> str:
    """Return the code of a layer's weight, such as self.conv.weight, or self.conv[0].weight for the name [0].weight."""
    return f"{layer}{name}" if name.startswith("[") else f"{layer}.{name}"


def _initializer(call: Call, key: str) -> str:
    value = call[key]
    name, arguments = (value.get("name"), value) if isinstance(value, Mapping) else (value, {})
    module = catalogue().modules[_INITIALIZERS]
    kind = module.names.get(name, name) if isinstance(name, str) else None
    if kind is None or kind not in _DRAWS:
        call.no_counterpart(f"{key}: {name!r:.40}")
    try:
        return _DRAWS[kind](arguments)
    except TypeError as error:
        call.fail(f"{key}: {error}")
