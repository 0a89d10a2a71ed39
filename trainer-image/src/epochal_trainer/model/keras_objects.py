"""Builds Keras objects from the names in a TrainingJob.

A class is looked up by its name in one module of Keras, and built with the given arguments. An argument that is itself
an object of Keras is written as a mapping:

- `{layer: NAME, ...}` is a layer of keras.layers, in any argument. Since `layer` names the class, the argument of
  Bidirectional, TimeDistributed and SpectralNormalization that Keras calls `layer` too is written `wrapped`:
  `{layer: Bidirectional, wrapped: {layer: LSTM, units: 8}}`.
- `{name: NAME, ...}` is an object of the module that belongs to the argument: keras.initializers for
  `kernel_initializer`, keras.regularizers for `bias_regularizer`, keras.optimizers.schedules for `learning_rate`, ...

Only names are looked up: nothing here imports a module, opens a file, or runs code from the TrainingJob.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import keras
from epochal_api.trainingjob.network import Named
from epochal_lib.suggestions import MAX_SUGGESTIONS, close_matches

from epochal_trainer import backend

WRAPPED = "wrapped"
"""Name in a TrainingJob for the argument of wrapper layers that Keras calls `layer`."""

_ARGUMENT_MODULES: Mapping[str, ModuleType] = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
    "learning_rate": keras.optimizers.schedules,
    "inner_optimizer": keras.optimizers,
    "dtype": keras.dtype_policies,
}

_FLOAT_ARGUMENTS = frozenset(
    """
    adam_beta_1 adam_beta_2 adam_lr_ratio adam_weight_decay addition_factor alpha baseline beta beta_1 beta_2
    beta_2_decay brightness_factor clip_limit clip_threshold clipnorm clipvalue contrast_factor decay_rate delta
    dropout ema_momentum end_learning_rate epsilon epsilon_1 epsilon_2 factor fill_value gain gamma global_clipnorm
    height_factor hue_factor idf_weights initial_accumulator_value initial_learning_rate initial_scale
    initial_value_threshold l1 l1_regularization_strength l2 l2_regularization_strength
    l2_shrinkage_regularization_strength label_smoothing learning_rate learning_rate_power loss_scale_factor m_mul
    mag_exp margin mask_value max_freq max_value maxval mean min_delta min_freq min_lr min_power min_value minval
    momentum muon_a muon_b muon_c negative_slope offset power q rate recurrent_dropout ref_power renorm_clipping
    renorm_momentum rho rms_rate saturation_factor scale sigma sparse_y_pred sparse_y_true stddev t_mul
    threshold threshold_factor thresholds top_db value value_range values warmup_target weight_decay weights
    width_factor x_factor y_factor
    """.split()  # noqa: SIM905 - a line for each name would be a hundred lines
)
"""Arguments that take floats, or lists of floats, by Keras' defaults and docstrings.

The API server writes 0.0 as 0, and Keras then computes with integers or fails, so integers are converted. A test
compares the names with Keras.
"""
_INTEGER_ARGUMENTS = frozenset(
    {
        ("Bidirectional", "weights"),
        ("Hashing", "mask_value"),
        ("RandomColorDegeneration", "value_range"),
        ("RandomInvert", "value_range"),
        ("RandomPosterization", "factor"),
    }
)
"""Classes with an argument of such a name that does not take floats."""
_NEEDS_CODE = "it runs code, but a TrainingJob cannot contain code"
_ABSTRACT = "it is the base of other classes and does nothing by itself"
_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("Lambda", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"), _NEEDS_CODE),
    "TFSMLayer": "it loads a program from a file of the pod",
    **dict.fromkeys(("Layer", "Wrapper", "Optimizer", "Loss", "Metric", "MeanMetricWrapper"), _ABSTRACT),
    **dict.fromkeys(("Initializer", "Regularizer", "Constraint", "LearningRateSchedule"), _ABSTRACT),
    **dict.fromkeys(("InputLayer", "Input", "InputSpec"), "network.input describes the input"),
    **dict.fromkeys(
        ("CutMix", "MaxNumBoundingBoxes", "MixUp"), "it takes labels too, but a network processes features only"
    ),
}
_FILE_ARGUMENTS: Mapping[str, str] = {"vocabulary": "a list of terms"}
"""Arguments whose text Keras reads as the path of a file, and the value to give instead."""
ADAPTED_ARGUMENTS: Mapping[str, str] = {
    "Discretization": "bin_boundaries",
    "IntegerLookup": "vocabulary",
    "Normalization": "mean",
}
"""Layers that learn from data before training, and the argument that replaces the learning."""


MACHINE_ERRORS: tuple[type[Exception], ...] = (MemoryError, OSError, *backend.current().MACHINE_ERRORS)
"""Errors of the machine or its device, independent of spec and data: a retry on another node may succeed."""
_IDENTIFIER_MODULES: Mapping[str, ModuleType] = {
    "activation": keras.activations,
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}
"""Modules by the kind in Keras' message, such as "Could not interpret activation function identifier: sofmax"."""
_UNKNOWN_IDENTIFIER = re.compile(
    rf"Could not interpret ({'|'.join(_IDENTIFIER_MODULES)})(?: function)? identifier: ([\w.]{{1,100}})"
)
_MAX_SHOWN = 100
"""Maximum characters of an argument or of its name in a message."""
_ANSI_COLOR = re.compile("\x1b\\[[0-9;]*m")
_FUNCTION_NODE = re.compile(r"\{\{function_node [^}]*\}\} ?")
"""The place of an error in a TensorFlow function."""


class InvalidObject(ValueError):
    """A Keras object that cannot be built as written. The message has the value found and the requirement."""


@contextmanager
def errors_as(failure: Callable[[str], Exception]) -> Iterator[None]:
    """Raise errors of Keras as `failure` of their messages without dumps. Errors of the machine pass, for a retry."""
    try:
        yield
    except MACHINE_ERRORS:
        raise
    except Exception as error:  # Keras and TensorFlow raise exceptions of many types
        raise failure(str(error) if isinstance(error, InvalidObject) else explain(error)) from error


@contextmanager
def invalid_objects_as(failure: Callable[[str], Exception]) -> Iterator[None]:
    """Raise InvalidObject as `failure` of its message. Other errors are bugs of the trainer and pass through."""
    try:
        yield
    except InvalidObject as error:
        raise failure(str(error)) from error


def build_named(module: ModuleType, spec: Named) -> Any:
    """Build an optimizer, a loss or a metric; for a short name of a loss or a metric, return Keras' function.

    The module is keras.optimizers, keras.losses or keras.metrics. Short names are those of Keras (`adam`, `mse`).

    Raises:
        InvalidObject: If the class does not exist, or an argument is wrong.
    """
    if spec.name in classes(module):
        return build(module, spec.name, spec.arguments)
    try:
        keras_object = module.get(spec.name)
    except ValueError:
        raise InvalidObject(_unknown_name(module, spec.name)) from None
    if not spec.arguments:
        return keras_object
    if inspect.isfunction(keras_object):
        arguments = ", ".join(spec.arguments)
        raise InvalidObject(f"{spec.name} is a function and takes no arguments ({arguments}): use the class instead")
    return build(module, type(keras_object).__name__, spec.arguments)


def build(module: ModuleType, name: str, arguments: Mapping[str, Any]) -> Any:
    """Build an object of a class in a module of Keras, with constructor arguments as JSON values.

    Raises:
        InvalidObject: If the class does not exist, or an argument is wrong.
    """
    if reason := _REFUSED.get(name):
        raise InvalidObject(f"{name} cannot be used here: {reason}")
    kind = classes(module).get(name)
    if kind is None:
        raise InvalidObject(_unknown_name(module, name))
    try:
        return _construct(module, kind, arguments)
    except RecursionError:
        raise InvalidObject(f"the arguments of {name} are nested too deep: use fewer levels") from None


def _construct(module: ModuleType, kind: type, arguments: Mapping[str, Any]) -> Any:
    is_wrapper = "layer" in inspect.signature(kind).parameters
    converted = {
        "layer" if is_wrapper and key == WRAPPED else key: _convert_argument(key, value)
        for key, value in arguments.items()
    }
    _check_argument_names(module, kind, converted)
    converted = {key: as_float(value) if takes_floats(kind, key) else value for key, value in converted.items()}
    try:
        return kind(**converted)
    except MACHINE_ERRORS:
        raise
    except Exception as error:  # Keras raises exceptions of many types for invalid arguments
        shown = {
            f"{key:.{_MAX_SHOWN}}": f"{value!r:.{_MAX_SHOWN}}" for key, value in arguments.items() if key != "name"
        }
        call = f"{kind.__name__}({', '.join(f'{key}={value}' for key, value in shown.items())})"
        message = explain(error)
        if unknown := _UNKNOWN_IDENTIFIER.search(message):
            # Keras looks up the names both of classes and of functions.
            known = vars(_IDENTIFIER_MODULES[unknown[1]]).items()
            names = [name for name, value in known if callable(value) and not name.startswith("_")]
            message += did_you_mean(unknown[2], names)
        raise InvalidObject(f"{call}: {message}") from error


def takes_floats(kind: type, argument: str) -> bool:
    """Return whether an argument of a class of Keras takes floats, or lists of floats."""
    return argument in _FLOAT_ARGUMENTS and (kind.__name__, argument) not in _INTEGER_ARGUMENTS


def as_float(value: Any) -> Any:
    """Return a value with integers converted to floats, also in lists. Booleans and all other values are unchanged."""
    if isinstance(value, list):
        return [as_float(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # Keras rejects a number that is too large for a float
            return value
    return value


def explain(error: Exception) -> str:
    """Return the message of a Keras or TensorFlow exception, without its dumps of arguments and nodes."""
    text = _FUNCTION_NODE.sub("", _ANSI_COLOR.sub("", str(error))).split("Arguments received by")[0].split(" [Op:")[0]
    lines = [line.strip() for line in text.replace(" defined at (most recent call last):", ":").splitlines()]
    noise = ('File "', "Graph execution error", "[[{{")
    return " ".join(line for line in lines if line and not line.startswith(noise))[:600] or type(error).__name__


def _check_argument_names(module: ModuleType, kind: type, arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that neither the class nor its bases have: Keras' own message lacks the valid arguments."""
    known = _argument_names(kind)
    for key in arguments:
        if key not in known:
            others = [name for name, other in classes(module).items() if key in _argument_names(other)]
            # An argument of another class is no typing error: for momentum, Adam has no argument of the same effect.
            if others:
                more = f" and {len(others) - MAX_SUGGESTIONS} more" if len(others) > MAX_SUGGESTIONS else ""
                hint = f", which is an argument of {', '.join(others[:MAX_SUGGESTIONS])}{more}"
            else:
                hint = _suggestions(key[:_MAX_SHOWN], known)
            raise InvalidObject(f"{kind.__name__} has no argument {key!r:.{_MAX_SHOWN}}{hint}")


def _argument_names(kind: type) -> list[str]:
    """Return the names of the arguments of a class and its bases."""
    constructors = [vars(base)["__init__"] for base in kind.__mro__[:-1] if "__init__" in vars(base)]
    parameters = [item for init in constructors for item in list(inspect.signature(init).parameters.values())[1:]]
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return list(dict.fromkeys(item.name for item in parameters if item.kind in kinds))


def _convert_argument(key: str, value: Any) -> Any:
    if isinstance(value, str) and key in _FILE_ARGUMENTS:
        raise InvalidObject(f"{key}: must be {_FILE_ARGUMENTS[key]}, found {value[:80]!r}: no file of the pod is read")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_convert_argument(key, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    try:
        return _build_argument(key, dict(value))
    except InvalidObject as error:
        raise InvalidObject(f"{key:.{_MAX_SHOWN}}: {error}") from error


def _build_argument(key: str, value: dict[str, Any]) -> Any:
    if isinstance(name := value.pop("layer", None), str):
        if (argument := ADAPTED_ARGUMENTS.get(name)) and value.get(argument) is None:
            message = f"{name} learns from data as a layer of spec.network.layers, not within another layer"
            raise InvalidObject(f"{message}: put it there, or set its {argument}")
        return build(keras.layers, name, value)
    module = next(
        (module for name, module in _ARGUMENT_MODULES.items() if key == name or key.endswith(f"_{name}")), None
    )
    if module is None:
        raise InvalidObject("must not be a mapping, unless it is a layer: {layer: NAME, ...}")
    if not isinstance(name := value.pop("name", None), str):
        raise InvalidObject(f"must be a name, or a mapping with a name of {module.__name__}: {{name: NAME, ...}}")
    return build(module, name, value)


def classes(module: ModuleType) -> dict[str, type]:
    """Return the classes of a module of Keras by name. Other names may be short names of Keras."""
    return {name: kind for name, kind in vars(module).items() if inspect.isclass(kind) and name[0].isupper()}


def _unknown_name(module: ModuleType, name: str) -> str:
    # Keras itself chooses the class for "accuracy" by loss and labels.
    known = ["accuracy"] * (module is keras.metrics) + sorted(set(classes(module)) - set(_REFUSED))
    return f"{module.__name__} has no {name!r}{_suggestions(name, known)}"


def _suggestions(name: str, known: Sequence[str]) -> str:
    return did_you_mean(name, known) or f"; it has {', '.join(known)}"[:1000]


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return a suggestion of similar names, as the end of a sentence, or "" if no name is similar."""
    matches = close_matches(name, known)
    return f"; did you mean {' or '.join(matches)}?" if matches else ""
