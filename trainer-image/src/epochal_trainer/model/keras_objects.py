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

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import keras
from epochal_api.catalogue.classes import KerasClass, catalogue
from epochal_api.catalogue.notation import WRAPPED, as_float
from epochal_api.suggestions import MAX_SUGGESTIONS, close_matches
from epochal_api.trainingjob.network import Named

from epochal_trainer import backend
from epochal_trainer.model.registered import registered_object

_ARGUMENT_MODULES: Mapping[str, ModuleType] = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
    "learning_rate": keras.optimizers.schedules,
    "inner_optimizer": keras.optimizers,
    "dtype": keras.dtype_policies,
}


MACHINE_ERRORS: tuple[type[Exception], ...] = (MemoryError, OSError, *backend.current().MACHINE_ERRORS)
"""Errors of the node or its GPU, independent of spec and data: a retry on another node may succeed."""
_IDENTIFIER_MODULES: Mapping[str, ModuleType] = {
    "activation": keras.activations,
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}
"""Modules by the word in Keras' message, as in "Could not interpret activation function identifier: sofmax"."""
_UNKNOWN_IDENTIFIER = re.compile(
    rf"Could not interpret ({'|'.join(_IDENTIFIER_MODULES)})(?: function)? identifier: ([\w.]{{1,100}})"
)
_MAX_SHOWN = 100
"""Maximum characters of an argument's value or name in a message. A longer text is cut."""
_ANSI_COLOR = re.compile("\x1b\\[[0-9;]*m")
_FUNCTION_NODE = re.compile(r"\{\{function_node [^}]*\}\} ?")
"""Text in TensorFlow's messages that names a node of its graph. Messages for users omit this text."""
_AUTOMATIC_NAME = re.compile(r", sparse=\w+, ragged=\w+, name=keras_tensor(?:_\d+)?>")
"""The name that Keras gives a tensor, with a number that differs in the next build."""


class InvalidObject(ValueError):
    """A TrainingJob describes a Keras object that cannot be built. The message has the value and the requirement."""


@contextmanager
def errors_as(failure: Callable[[str], Exception]) -> Iterator[None]:
    """Convert any error within the context to `failure(message)`, with the short message of `explain`.

    Errors of the machine, such as exhausted memory, pass unchanged, so that the attempt is retried.
    """
    try:
        yield
    except MACHINE_ERRORS:
        raise
    except Exception as error:  # Keras and TensorFlow raise exceptions of many types
        raise failure(str(error) if isinstance(error, InvalidObject) else explain(error)) from error


@contextmanager
def invalid_objects_as(failure: Callable[[str], Exception]) -> Iterator[None]:
    """Convert InvalidObject within the context to `failure(message)`. Other errors are bugs of the trainer and pass."""
    try:
        yield
    except InvalidObject as error:
        raise failure(str(error)) from error


def build_named(module: ModuleType, spec: Named) -> Any:
    """Build the optimizer, loss or metric that a spec describes by class name or by short name (`adam`, `mse`).

    For the short name of a loss or metric without arguments, return what Keras' `get` returns, often a function. An
    object that spec.code has registered replaces Keras' object of the same name, as in Keras.

    Args:
        module: keras.optimizers, keras.losses or keras.metrics.
        spec: The name and the constructor arguments.

    Raises:
        InvalidObject: If the name does not exist, or an argument is wrong.
    """
    if (registered := registered_object(module, spec.name)) is not None:
        if inspect.isclass(registered):
            return _construct(module, registered, spec.arguments)
        if spec.arguments:
            raise _no_arguments(spec)
        return registered
    if spec.name in classes(module):
        return build(module, spec.name, spec.arguments)
    try:
        keras_object = module.get(spec.name)
    except ValueError:
        raise InvalidObject(_unknown_name(module, spec.name)) from None
    if not spec.arguments:
        return keras_object
    if inspect.isfunction(keras_object):
        raise _no_arguments(spec)
    return build(module, type(keras_object).__name__, spec.arguments)


def _no_arguments(spec: Named) -> InvalidObject:
    found = f"{', '.join(spec.arguments):.{_MAX_SHOWN}}"
    return InvalidObject(f"{spec.name} is a function and takes no arguments ({found}): use the class instead")


def build(module: ModuleType, name: str, arguments: Mapping[str, Any]) -> Any:
    """Build an object of a class in a module of Keras, with constructor arguments as JSON values.

    Raises:
        InvalidObject: If the class does not exist, if a TrainingJob cannot use the class, or if an argument is wrong.
    """
    if (described := _described(module, name)) and described.refused:
        raise InvalidObject(f"{name} cannot be used here: {described.refused}")
    kind = classes(module).get(name)
    if kind is None:
        raise InvalidObject(_unknown_name(module, name))
    try:
        return _construct(module, kind, arguments)
    except RecursionError:
        raise InvalidObject(f"the arguments of {name} are nested too deep: use fewer levels") from None


def adapted_argument(layer: str) -> str | None:
    """Return the argument that replaces `adapt` of a class of layers, such as `vocabulary`; None without `adapt`."""
    described = _described(keras.layers, layer)
    return described.adapted if described else None


def _described(module: ModuleType, name: str) -> KerasClass | None:
    """Return the catalogue's entry for a class name, or None for a class that only another version of Keras has."""
    content = catalogue().modules.get(module.__name__)
    return content.find(name) if content else None


def _described_class(module: ModuleType, kind: type) -> KerasClass | None:
    """Return the catalogue's entry for a class, or None if spec.code or only another version of Keras has the class."""
    return _described(module, kind.__name__) if kind in classes(module).values() else None


def _construct(module: ModuleType, kind: type, arguments: Mapping[str, Any]) -> Any:
    converted = {
        "layer" if key == WRAPPED and "layer" in _argument_names(kind) else key: _convert_value(key, value)
        for key, value in arguments.items()
    }
    _check_argument_names(module, kind, converted)
    _refuse_files(_described_class(module, kind), converted)
    converted = {key: as_float(value) if takes_floats(module, kind, key) else value for key, value in converted.items()}
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


def takes_floats(module: ModuleType, kind: type, argument: str) -> bool:
    """Return whether an argument of a class takes floats or lists of floats, so that integers must be converted.

    For a class that is not in the catalogue, only the argument's name decides.
    """
    described = _described_class(module, kind)
    if described is None:
        return argument in catalogue().float_names
    return argument in described.arguments and described.arguments[argument].takes_floats


def explain(error: Exception) -> str:
    """Return the message of a Keras or TensorFlow exception as one line.

    The line omits dumps of arguments, nodes of the graph, and the names that Keras gives tensors.
    """
    text = _FUNCTION_NODE.sub("", _ANSI_COLOR.sub("", str(error))).split("Arguments received by")[0].split(" [Op:")[0]
    text = _AUTOMATIC_NAME.sub(">", text).replace(" defined at (most recent call last):", ":")
    lines = [line.partition(" using config={")[0].strip() for line in text.splitlines()]
    noise = ('File "', "Graph execution error", "[[{{", "config={")
    return " ".join(line for line in lines if line and not line.startswith(noise))[:600] or type(error).__name__


def _check_argument_names(module: ModuleType, kind: type, arguments: Mapping[str, Any]) -> None:
    """Raise InvalidObject for an argument that neither the class nor its bases have, and suggest valid names."""
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
    return list(dict.fromkeys(name for init in constructors for name in _parameter_names(init)))


@functools.cache
def _parameter_names(constructor: Callable[..., None]) -> list[str]:
    """Return the names of the parameters of a constructor that a call can name, without `self`."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = list(inspect.signature(constructor).parameters.values())[1:]
    return [item.name for item in parameters if item.kind in kinds]


def _refuse_files(described: KerasClass | None, arguments: Mapping[str, Any]) -> None:
    """Raise InvalidObject for a text where the catalogue requires a list: Keras would take it as the path of a file."""
    for key, value in arguments.items():
        is_list = described and key in described.arguments and described.arguments[key].type == "list"
        if is_list and isinstance(value, str):
            raise InvalidObject(
                f"{key}: must be a list, found {value[:80]!r}: a text would be the path of a file in the pod"
            )


def _convert_value(key: str, value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_convert_value(key, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    try:
        return _build_argument(key, dict(value))
    except InvalidObject as error:
        raise InvalidObject(f"{key:.{_MAX_SHOWN}}: {error}") from error


def _build_argument(key: str, value: dict[str, Any]) -> Any:
    if isinstance(name := value.pop("layer", None), str):
        if (argument := adapted_argument(name)) and value.get(argument) is None:
            message = (
                f"{name} learns from data (adapt): it must be in spec.network.layers itself, not within another layer"
            )
            raise InvalidObject(f"{message}: move it to spec.network.layers, or set its {argument}")
        return build(keras.layers, name, value)
    module = next(
        (module for name, module in _ARGUMENT_MODULES.items() if key == name or key.endswith(f"_{name}")), None
    )
    if module is None:
        raise InvalidObject("must not be a mapping, unless it is a layer: {layer: NAME, ...}")
    if not isinstance(name := value.pop("name", None), str):
        raise InvalidObject(f"must be a name, or a mapping with a name of {module.__name__}: {{name: NAME, ...}}")
    return build(module, name, value)


@functools.cache
def classes(module: ModuleType) -> Mapping[str, type]:
    """Return the classes of a module of Keras by their names in the module, without short names such as `mse`."""
    return {name: kind for name, kind in vars(module).items() if inspect.isclass(kind) and name[0].isupper()}


def _unknown_name(module: ModuleType, name: str) -> str:
    # Keras itself chooses the class for "accuracy" by loss and labels.
    usable = [each for each in classes(module) if not ((found := _described(module, each)) and found.refused)]
    known = ["accuracy"] * (module is keras.metrics) + sorted(usable)
    return f"{module.__name__} has no {name!r}{_suggestions(name, known)}"


def _suggestions(name: str, known: Sequence[str]) -> str:
    return did_you_mean(name, known) or f"; it has {', '.join(known)}"[:1000]


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return the text "; did you mean A or B?" with the names of `known` that are similar to `name`, or "" for none."""
    matches = close_matches(name, known)
    return f"; did you mean {' or '.join(matches)}?" if matches else ""
