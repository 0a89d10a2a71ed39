"""Float arguments of every Keras class accept 0 and 1, which the API server makes of 0.0 and 1.0."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
from epochal_api.catalogue.classes import catalogue
from epochal_api.catalogue.notation import as_float
from epochal_trainer.model import callbacks, keras_objects
from epochal_trainer.model.keras_objects import build, takes_floats

# Keras 3.15 under numpy 2.4: https://numpy.org/devdocs/numpy_2_0_migration_guide.html
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

MODULES: Sequence[ModuleType] = (
    keras.layers,
    keras.optimizers,
    keras.optimizers.schedules,
    keras.losses,
    keras.metrics,
    keras.callbacks,
    keras.initializers,
    keras.regularizers,
    keras.constraints,
)

Make = Callable[[], Any]
REQUIRED: Mapping[str, Make] = {
    "activation": lambda: "relu",
    "axes": lambda: 1,
    "backup_dir": lambda: "backup",
    "boundaries": lambda: [1, 2],
    "cell": lambda: keras.layers.GRUCell(2),
    "cells": lambda: [keras.layers.GRUCell(2)],
    "decay_rate": lambda: 0.5,
    "decay_steps": lambda: 4,
    "dims": lambda: [1],
    "equation": lambda: "ab,bc->ac",
    "factor": lambda: 0.5,
    "filename": lambda: "log.csv",
    "filepath": lambda: "best.keras",
    "filters": lambda: 2,
    "first_decay_steps": lambda: 4,
    "head_dim": lambda: 2,
    "height": lambda: 4,
    "height_factor": lambda: 0.5,
    "initial_learning_rate": lambda: 0.5,
    "inner_optimizer": keras.optimizers.SGD,
    "input_dim": lambda: 4,
    "kernel_size": lambda: 1,
    "key_dim": lambda: 2,
    "layer": lambda: keras.layers.Dense(2),
    "layers": list,
    "n": lambda: 2,
    "num_bins": lambda: 3,
    "num_classes": lambda: 2,
    "num_heads": lambda: 1,
    "num_key_value_heads": lambda: 1,
    "num_query_heads": lambda: 1,
    "num_tokens": lambda: 4,
    "output_dim": lambda: 2,
    "output_shape": lambda: 2,
    "output_size": lambda: 1,
    "precision": lambda: 0.5,
    "rate": lambda: 0.5,
    "recall": lambda: 0.5,
    "scale": lambda: 0.5,
    "sensitivity": lambda: 0.5,
    "specificity": lambda: 0.5,
    "stddev": lambda: 0.5,
    "target_class_ids": lambda: [0],
    "target_shape": lambda: [-1],
    "units": lambda: 2,
    "values": lambda: [0.5, 0.25, 0.125],
    "width": lambda: 4,
    "width_factor": lambda: 0.5,
}
"""Arguments that have no default."""
FURTHER: Mapping[str, Mapping[str, Make]] = {
    "Bidirectional": {"layer": lambda: keras.layers.GRU(2)},
    "Discretization": {"bin_boundaries": lambda: [0.25, 0.5]},
    "GroupNormalization": {"groups": lambda: 1},
    "IntegerLookup": {"vocabulary": lambda: [1, 2]},
    "Normalization": {"mean": lambda: 0.5, "variance": lambda: 0.5},
    "RandomPosterization": {"factor": lambda: 4},
}
"""Arguments that a class needs besides."""
NO_FLOATS = re.compile(
    r"name|dtype|seed|layers?|cells?|inner_optimizer|backup_dir|equation|vocabulary|weights|(.*_)?(activation|ax[ei]s)"
    r"|.*(initializer|regularizer|constraint|_format|filename|filepath|_shape|_dim|_size|_rank|_axes|_ids|_tokens)"
    r"|num_.*|units|filters|strides|dims|n|height|width|groups|lora_.*|size|quantization_config"
)
"""Arguments that are no floats: a size of 0 may crash TensorFlow."""


def classes() -> Iterator[tuple[ModuleType, str]]:
    seen: set[type] = set()
    for module in MODULES:
        for name, kind in keras_objects.classes(module).items():
            described = catalogue().modules[module.__name__].find(name)
            if described and not described.refused and name not in callbacks._REPLACED and kind not in seen:
                seen.add(kind)
                yield module, name


@cache
def parameters(kind: type) -> Mapping[str, inspect.Parameter]:
    """Returns the parameters of a class, and those of its bases to which it passes arguments."""
    found: dict[str, inspect.Parameter] = {}
    for base in kind.__mro__[:-1]:
        if "__init__" not in vars(base):
            continue
        of_base = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        named = [each for each in of_base if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
        # The class passes the required arguments of a base.
        optional = [each for each in named if each.default is not each.empty]
        found = {each.name: each for each in (optional if found else named)} | found
        if not any(each.kind is each.VAR_KEYWORD for each in of_base):
            break
    return found


@cache
def floats(module: ModuleType, kind: type) -> frozenset[str]:
    """Returns the arguments of a class that become floats."""
    bases = (vars(base)["__init__"] for base in kind.__mro__[:-1] if "__init__" in vars(base))
    names = {name for init in bases for name in inspect.signature(init).parameters}
    return frozenset(name for name in names if takes_floats(module, kind, name))


ENTRY = re.compile(r" *(?P<name>[a-z]\w*): ?(?P<text>.*)")
FLOAT = re.compile(r"\bfloat(s|ing)?\b", re.IGNORECASE)
UNDOCUMENTED = {"FBetaScore": {"threshold"}, "PiecewiseConstantDecay": {"values"}}


def documented(kind: type) -> set[str]:
    """Returns the arguments that take floats by the defaults and docstrings of Keras, or as listed above."""
    found: set[str] = set()
    for base in kind.__mro__[:-1]:
        found |= UNDOCUMENTED.get(base.__name__, set())
        if "__init__" in vars(base):
            signature = inspect.signature(vars(base)["__init__"])
            found |= {name for name, parameter in signature.parameters.items() if holds_float(parameter.default)}
        found |= {name for name, text in entries(vars(base).get("__doc__") or "").items() if FLOAT.search(text)}
    return found


def holds_float(default: Any) -> bool:
    return isinstance(default, float) or (isinstance(default, tuple | list) and any(map(holds_float, default)))


def entries(docstring: str) -> dict[str, str]:
    """Returns each argument's text: a line `name: text`, and the lines below with deeper indentation."""
    found: dict[str, str] = {}
    name, depth = "", 0
    for line in inspect.cleandoc(docstring).splitlines():
        indent = len(line) - len(line.lstrip())
        if name and (not line or indent > depth):
            found[name] += f" {line.strip()}"
        elif (entry := ENTRY.fullmatch(line)) and entry["name"] not in found:
            name, depth = entry["name"], indent
            found[name] = entry["text"]
        else:
            name = ""
    return found


def test_float_arguments_as_in_keras_docstrings() -> None:
    kinds = [(module, getattr(module, name)) for module, name in classes()]
    missing = {
        (kind, name)
        for module, kind in kinds
        for name in documented(kind) & parameters(kind).keys() - floats(module, kind)
    }
    assert missing == set()
    assert frozenset().union(*(documented(kind) for _, kind in kinds)) >= catalogue().float_names


def number(default: Any) -> bool:
    return isinstance(default, int | float) and not isinstance(default, bool)


def numbers(module: ModuleType, kind: type) -> Iterator[tuple[str, Any]]:
    """Yields the arguments that may be floats, or lists of them, at 0.0 and at 1.0."""
    shared = (
        parameters(keras.Optimizer) if issubclass(kind, keras.Optimizer) and kind is not keras.optimizers.SGD else {}
    )
    for name, parameter in parameters(kind).items():
        default = None if parameter.default is parameter.empty else parameter.default
        if NO_FLOATS.fullmatch(name) or name in shared:
            continue
        if default is None or isinstance(default, float) or (number(default) and name in floats(module, kind)):
            yield name, 0.0
            yield name, 1.0
        if default is None or (isinstance(default, tuple | list) and all(map(number, default))):
            yield name, [0.0, 1.0]


def as_served(value: Any) -> Any:
    """Returns numbers in the form in which the API server returns them."""
    return [int(each) for each in value] if isinstance(value, list) else int(value)


def required(kind: type) -> dict[str, Any]:
    needed = {name: REQUIRED[name] for name, each in parameters(kind).items() if each.default is each.empty}
    return {name: make() for name, make in {**needed, **FURTHER.get(kind.__name__, {})}.items()}


IMAGES = np.random.default_rng(0).random((2, 4, 4, 3), "float32")
SEQUENCES = IMAGES[:, 0]
ROWS = np.array([[0.75, 0.25], [0.5, 0.5]], "float32")
ONE_HOT = np.array([[1, 0], [0, 1]], "float32")
INPUTS: Sequence[tuple[Any, ...]] = (
    (IMAGES[:, :, 0, 0],),
    (SEQUENCES,),
    (IMAGES,),
    (np.stack([IMAGES, IMAGES], axis=1),),
    (np.array([[0, 1, 2, 3]]),),
    ([SEQUENCES, SEQUENCES],),
    (SEQUENCES, SEQUENCES),
    (ROWS, [ROWS, ROWS]),
    (ROWS, [ROWS]),
)
FIGURES: Sequence[tuple[Any, ...]] = ((ONE_HOT, ROWS), (np.array([0, 1]), ROWS), (ONE_HOT[:, :1], ROWS[:, :1]), (ROWS,))


def optimized(optimizer: Any) -> Any:
    weight = keras.Variable(ROWS)
    optimizer.build([weight])
    optimizer.apply([keras.ops.convert_to_tensor(ONE_HOT)], [weight])
    return weight


def measured(metric: Any, *figures: Any) -> Any:
    metric.update_state(*figures)
    return metric.result()


def no_use(_: Any) -> Any:
    return []


def called(*arguments: Any, **named: Any) -> Callable[[Any], Any]:
    return lambda instance: instance(*arguments, **named)


def fed(*figures: Any) -> Callable[[Any], Any]:
    return lambda instance: measured(instance, *figures)


USES: Mapping[ModuleType, Sequence[Callable[[Any], Any]]] = {
    keras.layers: [called(*each, training=True) for each in INPUTS],
    keras.losses: [called(*each) for each in FIGURES],
    keras.metrics: [fed(*each) for each in FIGURES],
    keras.optimizers: [optimized],
    keras.optimizers.schedules: [lambda instance: float(instance(keras.ops.cast(3, "int64")))],
    keras.initializers: [called((4, 4))],
    keras.regularizers: [called(ROWS)],
    keras.constraints: [called(ROWS)],
}
"""Uses of the objects of a module."""


def outcome(make: Make, use: Callable[[Any], Any]) -> list[Any] | None:
    """Returns the result of a use of a Keras object; None if it cannot be built or used."""
    keras.utils.set_random_seed(1)
    try:
        return [np.asarray(each) for each in keras.tree.flatten(use(make()))]
    except Exception:  # noqa: BLE001 - Keras raises all kinds
        return None


@cache
def use_of(module: ModuleType, name: str) -> Callable[[Any], Any] | None:
    """Returns the first use that works for an object of a class."""
    kind = getattr(module, name)
    return next((use for use in USES.get(module, ()) if outcome(lambda: kind(**required(kind)), use) is not None), None)


@pytest.mark.parametrize(("module", "name"), list(classes()), ids=lambda value: getattr(value, "__name__", value))
def test_integers_for_float_arguments(module: ModuleType, name: str) -> None:
    kind = getattr(module, name)
    written_as = list(numbers(module, kind))
    use = (use_of(module, name) if written_as else None) or no_use
    for argument, written in written_as:
        served = as_served(written)
        if isinstance(parameters(kind)[argument].default, float):
            # The default is a float, so the built object is the same, and need not be used.
            expected = outcome(lambda: kind(**{**required(kind), argument: written}), no_use)  # noqa: B023
            found = outcome(lambda: build(module, name, {**required(kind), argument: served}), no_use)  # noqa: B023
            assert expected == found, (argument, served)
            continue
        expected = outcome(lambda: kind(**{**required(kind), argument: written}), use)  # noqa: B023 - called at once
        where = f"{name}({argument}={served})"
        if argument in floats(module, kind) and expected is not None:
            build(module, name, {**required(kind), argument: served})  # the same object, which needs no other use
            continue
        unconverted = outcome(lambda: kind(**{**required(kind), argument: served}), use)  # noqa: B023
        if argument in floats(module, kind):
            assert unconverted is None, f"{where} works as an integer, but becomes a float"
        elif expected is not None:
            assert unconverted is not None, f"{where} would work as a float"
            for value, expected_value in zip(unconverted, expected, strict=True):
                np.testing.assert_array_equal(value, expected_value, where)


def test_most_classes_are_used() -> None:
    unused = [
        name
        for module, name in classes()
        if {argument for argument, _ in numbers(module, getattr(module, name))} & floats(module, getattr(module, name))
        and module is not keras.callbacks
        and use_of(module, name) is None
    ]
    assert " ".join(unused) == "MelSpectrogram StringLookup TextVectorization ConvLSTM3D"


def test_integers_in_a_schedule_and_for_beta() -> None:
    schedule = {"name": "CosineDecay", "initial_learning_rate": 0, "decay_steps": 10, "warmup_target": 1}
    optimizer = build(keras.optimizers, "SGD", {"learning_rate": {**schedule, "warmup_steps": 5}})
    assert float(optimizer.learning_rate) == 0
    assert type(build(keras.metrics, "FBetaScore", {"beta": 2}).beta) is float


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1.0), (0.5, 0.5), ([0, [1]], [0.0, [1.0]]), (True, True), ("1", "1"), (None, None), (10**400, 10**400)],
)
def test_as_float(value: Any, expected: Any) -> None:
    found = as_float(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("name", ["RandomInvert", "RandomColorDegeneration"])
def test_layer_of_integers_keeps_them(name: str) -> None:
    layer = build(keras.layers, name, {"factor": 1, "value_range": [0, 255], "dtype": "uint8"})
    images = np.full((1, 4, 4, 3), 7, "uint8")
    assert layer(images, training=True).dtype == "uint8"
