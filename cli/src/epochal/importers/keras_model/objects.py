"""Converts the layers, losses and other objects in the configuration of a Keras model to the notation of a TrainingJob.

It imports no class, and runs no code of the model.
"""

from collections.abc import Mapping
from typing import Any

from epochal_api.catalogue.classes import LAYERS, SCHEDULES, Argument, KerasClass, catalogue
from epochal_api.catalogue.objects import MAX_DEPTH, NAMED
from epochal_api.suggestions import did_you_mean

from epochal.importers.old_arguments import Converted, convert_arguments, without_defaults
from epochal.importers.reading import shown
from epochal.importers.values import number

FULL_PRECISION = "float32"
MODELS = frozenset({"Functional", "Model", "Sequential"})
_KERAS = ("keras", "tensorflow.keras", "tensorflow.python.keras", "tf_keras")
_OPERATIONS = ("keras.ops", "keras.src.ops")
_LISTS = frozenset({"TensorShape", "__tuple__"})
_ARRAYS = frozenset({"__numpy__", "__tensor__"})
_LAMBDA_CLASS, _LAMBDA = "__lambda__", "a lambda, which is custom code"
_POLICIES = frozenset({"DTypePolicy", "FloatDTypePolicy", "Policy", "PolicyV1"})
_OLD_LAYERS: Mapping[str, str] = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "Deconvolution2D": "Conv2DTranspose",
    "GRUV2": "GRU",
    "LSTMV2": "LSTM",
    "ThresholdedReLU": "ReLU",
}
"""Classes of layers in earlier versions of Keras, and the current class for each."""
_OLD_ARGUMENTS: Mapping[str, Mapping[str, str]] = {"ThresholdedReLU": {"theta": "threshold"}}
_VARIANCE_SCALING: Mapping[tuple[float, str, str], str] = {
    (1.0, "fan_avg", "uniform"): "glorot_uniform",
    (1.0, "fan_avg", "normal"): "glorot_normal",
    (2.0, "fan_in", "uniform"): "he_uniform",
    (2.0, "fan_in", "normal"): "he_normal",
    (1.0, "fan_in", "uniform"): "lecun_uniform",
    (1.0, "fan_in", "normal"): "lecun_normal",
}
"""Names of initializers by scale, mode and distribution. Keras 2 stores these initializers as a VarianceScaling."""
_MODULES: Mapping[str, str] = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "learning_rate": SCHEDULES,
    "inner_optimizer": "keras.optimizers",
}
"""The Keras module of an argument's object, by the end of the argument's name."""


class NotImportable(ValueError):
    """Raised for a part of a model that a TrainingJob cannot express. The message names the part and the reason."""


def layer_class(entry: Mapping[str, Any]) -> str:
    """Return the name of a layer's class in keras.layers. A class of earlier versions becomes the current one.

    Raises:
        NotImportable: If it is a custom layer, an operation, or a layer that runs code.
    """
    name, module = entry.get("class_name"), entry.get("module")
    if not isinstance(name, str):
        raise NotImportable(f"class_name must be the class of a layer, found {shown(name)}")
    if isinstance(module, str) and module.startswith(_OPERATIONS):
        raise NotImportable(f"{shown(name)} is an operation of keras.ops, not a layer: use a layer in its place")
    registered = entry.get("registered_name")
    is_custom = (isinstance(module, str) and not module.startswith(_KERAS)) or (
        module is None and isinstance(registered, str)
    )
    known = catalogue().modules[LAYERS]
    kind = _OLD_LAYERS.get(name, name)
    found = known.find(kind)
    if is_custom or found is None:
        hint = did_you_mean(name[:40], [each for each, value in known.classes.items() if not value.refused])
        more = f"; {hint}" if hint and not is_custom else ""
        raise NotImportable(f"{shown(name)} is a custom layer, whose code cannot be imported{more}")
    if found.refused:
        raise NotImportable(f"{kind} cannot be imported: {found.refused}")
    return known.classes[kind].alias or kind


def convert_layer(entry: Mapping[str, Any], *, depth: int = 0) -> Converted:
    """Convert a layer. The arguments of the result include its class as `layer` and its dtype policy as `dtype`.

    Args:
        entry: The configuration of the layer, with class_name and config.
        depth: Number of layers that contain this layer, such as a Bidirectional.

    Raises:
        NotImportable: If a TrainingJob cannot express the layer.
    """
    if depth > MAX_DEPTH:
        raise NotImportable(f"it is nested deeper than {MAX_DEPTH} levels")
    kind = layer_class(entry)
    known = catalogue().modules[LAYERS].classes[kind]
    config = _mapping(entry.get("config"), kind)
    renamed = _OLD_ARGUMENTS.get(str(entry["class_name"]), {})
    values: dict[str, Any] = {}
    for key, value in config.items():
        name = renamed.get(key, "wrapped" if key == "layer" and "wrapped" in known.arguments else key)
        values[name] = _convert_value(name, value, known.arguments.get(name), depth)
    values.pop("name", None)
    if kind == "Bidirectional":
        _drop_mirror(values)
    if kind == "RandomShear":
        values = {key: _symmetric_factor(value) if key.endswith("_factor") else value for key, value in values.items()}
    if isinstance(axis := values.get("axis"), list) and len(axis) == 1:
        values["axis"] = axis[0]  # Keras 2 stores the axis of a BatchNormalization as a list.
    if values.get("data_format") == "channels_last":
        del values["data_format"]
    converted = convert_arguments(kind, values)
    return Converted({"layer": kind, **converted.arguments}, converted.lost, converted.wrong)


def convert_named(entry: Mapping[str, Any], module: str) -> Any:
    """Convert an object of a Keras module, such as an initializer, a schedule, a loss or a metric.

    The result is a name if the object has no arguments, otherwise a mapping with `name` and the arguments.

    Raises:
        NotImportable: If the module has no class or function of this name, or the object is custom code.
    """
    name = entry.get("class_name")
    if not isinstance(name, str):
        raise NotImportable(f"class_name must be a class of {module}, found {shown(name)}")
    if name == _LAMBDA_CLASS:
        raise NotImportable(f"it is {_LAMBDA}")
    content = catalogue().modules[module]
    registered = entry.get("module")
    is_custom = isinstance(registered, str) and not registered.startswith((*_KERAS, "builtins"))
    if name == "function" and isinstance(entry.get("config"), str):
        name, entry = entry["config"], {}
    found = content.find(name)
    if is_custom or (found is None and name not in content.names) or (found and found.refused):
        raise NotImportable(f"{shown(name)} is custom code, since {module} has no class or function with this name")
    if found is None:
        return name
    kind = content.classes[name].alias or name
    config = _mapping(entry.get("config") or {}, name)
    arguments = {
        key: _convert_value(key, value, found.arguments.get(key), 1) for key, value in config.items() if key != "name"
    }
    if kind == "VarianceScaling" and (short := _variance_scaling(arguments)):
        return short
    arguments = without_defaults(_known_arguments(arguments, found), found.arguments)
    arguments = {key: value for key, value in arguments.items() if value is not None}
    if arguments:
        return {"name": kind, **arguments}
    return _short_name(kind, module)


def _short_name(kind: str, module: str) -> str:
    """Return the usual name of a class, such as zeros for Zeros. Losses, metrics and schedules keep the class name."""
    if module not in NAMED.values():
        return kind
    names = [short for short, each in catalogue().modules[module].names.items() if each == kind]
    return max(names, key=len, default=kind)


def _known_arguments(arguments: Mapping[str, Any], found: KerasClass) -> dict[str, Any]:
    """Return the arguments that a class has in this version of Keras.

    Other arguments are dropped if their value (None, False or "auto") has no effect.

    Raises:
        NotImportable: If another argument has any other value.
    """
    others = {key: value for key, value in arguments.items() if key not in found.arguments}
    if unknown := next((key for key, value in others.items() if value not in (None, False, "auto")), None):
        raise NotImportable(f"the argument {shown(unknown)} is unknown to this version of Keras")
    return {key: value for key, value in arguments.items() if key in found.arguments}


def _convert_value(key: str, value: Any, argument: Argument | None, depth: int) -> Any:
    """Convert an argument: a layer to {layer: …}, another object to its name or {name: …}. Plain values are kept."""
    if depth > MAX_DEPTH:
        raise NotImportable(f"{shown(key)} is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, list):
        return [_convert_value(key, each, argument, depth + 1) for each in value]
    if not isinstance(value, Mapping):
        return value
    name = value.get("class_name")
    name = name if isinstance(name, str) else None
    if name in _LISTS:
        return _convert_value(key, value.get("items", []), argument, depth + 1)
    if name in _ARRAYS or (key == "dtype" and name in _POLICIES):
        inner = _mapping(value.get("config"), str(name))
        return inner.get("value") if name in _ARRAYS else inner.get("name")
    if not isinstance(name, str):
        if key in {"dtype", "quantization_config"} or not value:
            return None
        if "value" in value:  # Keras stores a lambda in an activation without a class: {value: [CODE, …]}
            raise NotImportable(f"{shown(key)} is {_LAMBDA}")
        raise NotImportable(f"{shown(key)} is a mapping without class_name")
    return _convert_object(key, name, value, argument, depth)


def _convert_object(key: str, name: str, value: Mapping[str, Any], argument: Argument | None, depth: int) -> Any:
    """Convert an object that is the value of the argument `key`, such as an initializer or a wrapped layer."""
    if name in MODELS:
        raise NotImportable(f"the argument {shown(key)} of a layer is a model: use a single layer in its place")
    if name == _LAMBDA_CLASS:
        raise NotImportable(f"{shown(key)} is {_LAMBDA}")
    module = next((each for end, each in _MODULES.items() if f"_{key}".endswith(f"_{end}")), None)
    if module is None and argument is not None:
        module = NAMED.get(argument.type or "")
    if module is not None and not (module == NAMED["activation"] and _is_layer(value)):
        return convert_named(value, module)
    if not _is_layer(value):
        raise NotImportable(f"{shown(key)} is {shown(name)}, which is custom code")
    inner = convert_layer(value, depth=depth + 1)
    if inner.lost or inner.wrong:
        reasons = "; ".join(f"{shown(each)}: {reason}" for each, reason in {**inner.lost, **inner.wrong}.items())
        raise NotImportable(f"{shown(key)} ({name}): {reasons}")
    return {each: found for each, found in inner.arguments.items() if (each, found) != ("dtype", FULL_PRECISION)}


def _is_layer(value: Mapping[str, Any]) -> bool:
    name = str(value.get("class_name"))
    return catalogue().modules[LAYERS].find(_OLD_LAYERS.get(name, name)) is not None


def _variance_scaling(arguments: Mapping[str, Any]) -> str | None:
    if arguments.get("seed") is not None:
        return None
    distribution = str(arguments.get("distribution", "normal")).removeprefix("truncated_")
    scale = number(arguments.get("scale", 1.0))
    return _VARIANCE_SCALING.get((scale or 0, str(arguments.get("mode", "fan_in")), distribution))


def _drop_mirror(values: dict[str, Any]) -> None:
    """Remove `backward_layer` of a Bidirectional if Keras derives the same layer from the forward layer by default."""
    forward, backward = values.get("wrapped"), values.get("backward_layer")
    if isinstance(forward, dict) and isinstance(backward, dict):
        mirror = {**forward, "go_backwards": not forward.get("go_backwards", False)}
        if {key: value for key, value in mirror.items() if value is not False} == backward:
            del values["backward_layer"]


def _symmetric_factor(value: Any) -> Any:
    """Return N for a pair [-N, N]; another value stays as it is.

    Keras stores the factor N of a RandomShear as this pair, but does not accept the pair as an argument.
    """
    match value:
        case [int() | float() as low, int() | float() as high] if low == -high:
            return high
    return value


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise NotImportable(f"config of {shown(name)} must be a mapping, found {type(value).__name__}")
    return value
