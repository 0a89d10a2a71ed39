"""Finds the problems of a Keras object in a document: its class, its arguments, and the objects in its arguments.

The rules are those of the trainer. A value that Keras may accept is no problem.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from epochal_api.catalogue.classes import (
    CALLBACKS,
    LAYERS,
    OPTIMIZERS,
    SCHEDULES,
    Argument,
    catalogue,
)
from epochal_api.catalogue.findings import MAX_SHOWN, Findings, field, item, show
from epochal_api.catalogue.hints import argument_hint, class_hint, name_hint

UNKNOWN: Final = object()
"""Stands for a value that a parameter of an Experiment sets in each trial. The checks accept it everywhere."""
MAX_DEPTH = 100
"""Maximum nesting of objects and lists, as in `spec.MAX_SPEC_DEPTH`. Deeper nesting is a problem of the document."""
_MODULES: Mapping[str, str] = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "learning_rate": SCHEDULES,
    "inner_optimizer": OPTIMIZERS,
    "dtype": "keras.dtype_policies",
}
"""The module of CLASS in {name: CLASS, …}, by the end of the argument's name."""
NAMED: Mapping[str, str] = {
    "activation": "keras.activations",
    "constraint": "keras.constraints",
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
}
"""The module whose names an argument accepts as text, by the type of the argument."""
EXPECTED: Mapping[str, str] = {
    "integer": "an integer",
    "integers": "an integer or a list of integers",
    "number": "a number",
    "numbers": "a number or a list of numbers",
    "schedule": "a number or a schedule, {name: CLASS, …}",
    "list": "a list",
    "layer": "a layer, {layer: CLASS, …}",
    "optimizer": "an optimizer, {name: CLASS, …}",
    "boolean": "true or false",
    "string": "a text",
    "activation": "the name of an activation",
}
_NUMBERS = frozenset({"integer", "integers", "number", "numbers", "schedule"})
_NEVER_NULL = frozenset({"integer", "integers", "number"})
"""Types for which Keras has no meaning of null, if the argument is required."""
_OBJECTS = frozenset({"layer", "optimizer"})


class _Place(NamedTuple):
    """The position of a checked object or value in a document.

    Args:
        path: The path of the object or value.
        depth: Number of objects and lists around it, within the checked layer, callback or other Keras object.
        key: The key with the class of the object; "" if the object is only the name of a class.
    """

    path: str
    depth: int = 0
    key: str = ""

    @property
    def path_of_class(self) -> str:
        """The path of the field with the name of the class."""
        return field(self.path, self.key) if self.key else self.path


def module_of_argument(key: str) -> str | None:
    """Return the module of CLASS in {name: CLASS, …} by the argument: keras.initializers for bias_initializer."""
    return next((module for end, module in _MODULES.items() if f"_{key}".endswith(f"_{end}")), None)


def check_layer(spec: Mapping[str, Any], path: str, findings: Findings) -> None:
    """Add the problems of an entry of spec.network.layers to `findings`."""
    if isinstance(name := spec.get("layer"), str):
        _check_class(LAYERS, name, _without(spec, "layer", "inputs", "use"), _Place(path, key="layer"), findings)


def check_callback(spec: Mapping[str, Any], path: str, findings: Findings) -> None:
    """Add the problems of an entry of spec.training.callbacks to `findings`."""
    if isinstance(name := spec.get("callback"), str):
        _check_class(CALLBACKS, name, _without(spec, "callback"), _Place(path, key="callback"), findings)


def check_named(module: str, spec: Any, path: str, findings: Findings) -> None:
    """Add the problems of an optimizer, a loss or a metric (a name, or a mapping with arguments) to `findings`."""
    if isinstance(spec, str):
        name, place, arguments = spec, _Place(path), dict[str, Any]()
    elif isinstance(spec, Mapping) and isinstance(spec.get("name"), str):
        name, place, arguments = spec["name"], _Place(path), _without(spec, "name")
    else:
        return  # The schema refuses it.
    content = catalogue().modules[module]
    short = name.lower() if module == OPTIMIZERS else name  # Keras ignores the case of these only.
    if name in content.classes or short not in content.names:
        _check_class(module, name, arguments, place, findings)
    elif (class_name := content.names[short]) is not None:
        _check_class(module, class_name, arguments, place, findings)
    elif arguments:
        message = f"{name} is a function and takes no arguments, found {', '.join(arguments)[:MAX_SHOWN]}"
        findings.add(path, message, f"use a class of {module}, which has arguments")


def _check_class(module: str, name: str, arguments: Mapping[str, Any], place: _Place, findings: Findings) -> None:
    """Add the problems of the name of a class, and of its arguments, to `findings`."""
    found = catalogue().modules[module].find(name)
    if found is None:
        shown = name[:MAX_SHOWN]
        findings.add(place.path_of_class, f"{module} has no {shown}", partial(class_hint, module, shown))
        return
    if found.refused:
        findings.add(place.path_of_class, f"{name} cannot be used here: {found.refused}")
        return
    if missing := [key for key, each in found.arguments.items() if each.required and key not in arguments]:
        described = ", ".join(_described(key, found.arguments[key]) for key in missing)
        findings.add(place.path, f"{name} needs {' and '.join(missing)}", f"add {described}")
    for key, value in arguments.items():
        shown, path = str(key)[:MAX_SHOWN], field(place.path, key)
        if (argument := found.arguments.get(key)) is None:
            findings.add(path, f"{name} has no argument {shown}", partial(argument_hint, module, name, shown))
        elif value is not UNKNOWN:
            _check_value(key, argument, value, _Place(path, place.depth), findings)


def _without(spec: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in keys}


def _described(key: str, argument: Argument) -> str:
    expected = EXPECTED.get(argument.type or "")
    return f"{key} ({expected})" if expected else key


def _check_value(key: str, argument: Argument, value: Any, place: _Place, findings: Findings) -> None:
    """Add the problems of the value of an argument, and of all objects in it, to `findings`."""
    path, depth = place.path, place.depth + 1
    if depth > MAX_DEPTH:
        findings.add(path, f"it is nested deeper than {MAX_DEPTH} levels", "use fewer levels")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            # Other items, and the texts in a list of texts, have no problems.
            if isinstance(each, list | Mapping) or (isinstance(each, str) and argument.type != "list"):
                _check_value(key, argument, each, _Place(item(path, index), depth), findings)
    elif isinstance(value, Mapping):
        _check_object(key, value, _Place(path, depth), findings)
    elif argument.loose:
        return
    elif isinstance(value, str | None):
        _check_text(key, argument, value, path, findings)
    elif argument.type in _OBJECTS:
        findings.add(path, f"{key} must be {EXPECTED[argument.type]}, found {show(value)}")
    elif (module := NAMED.get(argument.type or "")) is not None:
        hint = "" if argument.type == "activation" else "write {name: CLASS, …} for a class with arguments"
        findings.add(path, f"{key} must be a name of {module}, found {show(value)}", hint)


def _check_text(key: str, argument: Argument, value: str | None, path: str, findings: Findings) -> None:
    """Add the problem of a text, or of null for a required number, to `findings`."""
    if value is None:
        if argument.required and argument.type in _NEVER_NULL:
            findings.add(path, f"{key} must be {EXPECTED[argument.type]}, found null", "write a number")
        return
    expected, shown = argument.type or "", value[:MAX_SHOWN]
    if expected in _NUMBERS:
        hint = f"write {key}: {value.strip()}, without quotes" if _is_number(value) else "write a number"
        findings.add(path, f"{key} must be {EXPECTED[expected]}, found {show(value)}", hint)
    elif expected == "list":
        findings.add(
            path,
            f"{key} must be a list, found {show(value)}",
            "a text would be the path of a file in the pod",
        )
    elif expected in _OBJECTS:
        kind = "layer" if expected == "layer" else "name"
        hint = f"write {key}: {{{kind}: {shown}, …}}" if value.isidentifier() else ""
        findings.add(path, f"{key} must be {EXPECTED[expected]}, found {show(value)}", hint)
    elif (module := NAMED.get(expected)) is not None:
        content = catalogue().modules[module]
        if value not in content.names and value not in content.classes:
            findings.add(path, f"{module} has no {shown}", partial(name_hint, module, shown))


def _is_number(text: str) -> bool:
    try:
        float(text[:MAX_SHOWN])
    except ValueError:
        return False
    return len(text) <= MAX_SHOWN and "_" not in text


def _check_object(key: str, value: Mapping[str, Any], place: _Place, findings: Findings) -> None:
    """Add the problems of a mapping in an argument to `findings`: a layer, or an object of the argument's module."""
    if value.get("layer", value.get("name")) is UNKNOWN:
        return
    if isinstance(name := value.get("layer"), str):
        arguments, kind = _without(value, "layer"), catalogue().modules[LAYERS].find(name)
        if kind is not None and kind.adapted and arguments.get(kind.adapted) is None:
            message = (
                f"{name} learns from data (adapt): it must be in spec.network.layers itself, not within another layer"
            )
            findings.add(place.path, message, f"move it to spec.network.layers, or set its {kind.adapted}")
        _check_class(LAYERS, name, arguments, place._replace(key="layer"), findings)
        return
    if (module := module_of_argument(key)) is None:
        hint = "write a layer as {layer: CLASS, …}" if "name" in value else ""
        findings.add(place.path, f"{key} must not be a mapping, unless it is a layer", hint)
    elif not isinstance(name := value.get("name"), str):
        message = f"{key} must be a name, or a mapping with a name of {module}"
        findings.add(place.path, message, "write {name: CLASS, …}")
    else:
        _check_class(module, name, _without(value, "name"), place._replace(key="name"), findings)
