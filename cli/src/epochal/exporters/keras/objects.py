"""Objects of Keras as code: a class with its arguments, in the notation of a TrainingJob.

The rules are those of the trainer's `model/keras_objects.py`. Arguments keep their order: Keras draws a seed for each
initializer when it is built, so another order would give other weights.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from epochal_api.catalogue.classes import CALLBACKS, LAYERS, LOSSES, METRICS, OPTIMIZERS, catalogue, metric_name
from epochal_api.catalogue.notation import CALLBACK_PATHS, CHOSEN_BY_KERAS, TENSORBOARD_PATH, WRAPPED, as_float
from epochal_api.catalogue.objects import module_of_argument
from epochal_api.trainingjob.network import Callback, Layer, Named

from epochal.exporters.python_code import Expression, Group, call, is_identifier, items, literal
from epochal.exporters.support import unsupported

_MAX_SHOWN = 100
_NAMED_BY_KERAS = frozenset(
    """
    AUC BinaryIoU FalseNegatives FalsePositives IoU MeanIoU OneHotIoU OneHotMeanIoU Precision PrecisionAtRecall Recall
    RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity TrueNegatives TruePositives
    """.split()  # noqa: SIM905 - a line for each name would be long
)
"""Metrics without a fixed default name: Keras numbers several metrics of a class itself."""


def is_known(module: str, spec: Named) -> bool:
    """Return whether Keras itself has an optimizer, loss or metric; else the program in spec.code may register it."""
    content = catalogue().modules[module]
    name = spec.name.lower() if module == OPTIMIZERS else spec.name  # Keras ignores the case of these only.
    return spec.name in content.classes or name in content.names


def layer(spec: Layer, name: str, place: str) -> Group:
    """Return the code that constructs a layer of spec.network.layers."""
    return _construct(LAYERS, spec.layer or "", {**spec.arguments, "name": name}, place)


def optimizer(spec: Named, place: str) -> Group:
    """Return the code that constructs an optimizer."""
    content = catalogue().modules[OPTIMIZERS]
    name = spec.name if spec.name in content.classes else content.names.get(spec.name.lower())
    return _construct(OPTIMIZERS, name, spec.arguments, place) if name else _registered(spec, place)


def loss(spec: Named, place: str) -> Expression:
    """Return the code that constructs a loss, or the short name as literal if Keras has only a function for it."""
    content = catalogue().modules[LOSSES]
    if spec.name in content.classes:
        return _construct(LOSSES, spec.name, spec.arguments, place)
    if spec.name not in content.names:
        return _registered(spec, place)
    name = content.names[spec.name]
    return _construct(LOSSES, name, spec.arguments, place) if name else literal(spec.name)


def metrics(specs: Sequence[Named], place: str) -> Group:
    """Return the code of the list of an output's metrics, with the unique names that Epochal's trainer reports."""
    content, names, found = catalogue().modules[METRICS], set[str](), list[Expression]()
    for index, spec in enumerate(specs):
        where, kind = f"{place}[{index}]", spec.name if spec.name in content.classes else content.names.get(spec.name)
        if spec.name in CHOSEN_BY_KERAS and not spec.arguments:
            names.add(spec.name)
            found.append(literal(spec.name))
        elif kind is None:
            found.append(_registered(spec, where))
        else:
            own = None if kind in _NAMED_BY_KERAS else metric_name(kind)
            wanted = spec.name if kind != spec.name and not spec.arguments else own
            made = _construct(METRICS, kind, spec.arguments, where)
            if wanted is not None:
                numbered = (f"{wanted}_{number}" for number in itertools.count(2))
                name = next(name for name in itertools.chain([wanted], numbered) if name not in names)
                names.add(name)
                made = made if name == own else Group(made.head, [*made.items, ("name=", literal(name))], made.tail)
            found.append(made)
    return items(found)


def path_of(spec: Callback) -> str | None:
    """Return the path that a callback writes to, relative to the results folder; None if it writes no file."""
    argument = CALLBACK_PATHS.get(spec.callback)
    return argument and str(spec.arguments.get(argument, TENSORBOARD_PATH))


def callback(spec: Callback, place: str) -> Group:
    """Return the code that constructs a callback. Paths of its files are below the results folder."""
    arguments, path = dict(spec.arguments), CALLBACK_PATHS.get(spec.callback)
    if path is None:
        return _construct(CALLBACKS, spec.callback, arguments, place)
    value = arguments.get(path, TENSORBOARD_PATH if spec.callback == "TensorBoard" else None)
    if not isinstance(value, str) or not value or value.startswith("/") or ".." in value.split("/"):
        raise unsupported(place, f"{path} must be a relative path, found {value!r:.{_MAX_SHOWN}}", "keras")
    constructed = _construct(CALLBACKS, spec.callback, {**arguments, path: ""}, place)
    code = f"str(RESULTS / {literal(value)})"
    return Group(
        constructed.head,
        [(label, code if label == f"{path}=" else item) for label, item in constructed.items],
        constructed.tail,
    )


def _construct(module: str, name: str, arguments: Mapping[str, Any], place: str) -> Group:
    """Return the code that constructs a Keras class. `place` is the field of the spec, for messages."""
    described = catalogue().modules[module].find(name)
    if described is None:
        raise unsupported(f"{place} ({name})", f"{module} has no class {name} in Keras {catalogue().keras}", "keras")
    if described.refused:
        raise unsupported(f"{place} ({name})", described.refused, "keras")
    found: dict[str, Expression] = {}
    for key, value in arguments.items():
        argument = described.arguments.get(key)
        if argument is None or not is_identifier(key):
            raise unsupported(f"{place} ({name})", f"the class has no argument {key!r:.{_MAX_SHOWN}}", "keras")
        given = as_float(value) if argument.takes_floats else value
        found["layer" if key == WRAPPED and module == LAYERS else key] = _value(key, given, f"{place}.{key}")
    short = "layers" if module == LAYERS else module
    return call(f"{short}.{name}", found)


def _value(key: str, value: Any, place: str) -> Expression:
    """Return the code of an argument: a literal, a Keras object for a mapping, or a list of these."""
    if isinstance(value, list):
        return items(_value(key, item, place) for item in value)
    if not isinstance(value, Mapping):
        return literal(value)
    if isinstance(name := value.get("layer"), str):
        return _construct(LAYERS, name, {other: item for other, item in value.items() if other != "layer"}, place)
    module, name = module_of_argument(key), value.get("name")
    if module is None or not isinstance(name, str):
        raise unsupported(place, "a mapping must be an object of Keras: {layer: CLASS, …} or {name: CLASS, …}", "keras")
    return _construct(module, name, {other: item for other, item in value.items() if other != "name"}, place)


def _registered(spec: Named, place: str) -> Group:
    """Return the code that constructs an object which the program in spec.code has registered with Keras."""
    found: dict[str, Expression] = {}
    for key, value in spec.arguments.items():
        if not is_identifier(key):
            raise unsupported(f"{place} ({spec.name})", f"the class has no argument {key!r:.{_MAX_SHOWN}}", "keras")
        given = as_float(value) if key in catalogue().float_names else value
        found[key] = _value(key, given, f"{place}.{key}")
    return call("registered", found, literal(spec.name))
