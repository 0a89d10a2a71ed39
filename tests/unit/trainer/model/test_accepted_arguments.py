"""The check without Keras refuses no argument that the trainer builds and Keras can use."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from epochal_api.catalogue.classes import KerasClass, catalogue
from epochal_api.catalogue.findings import Problem
from epochal_api.catalogue.notation import WRAPPED
from epochal_api.catalogue.problems import problems
from epochal_api.trainingjob.spec import InvalidTrainingJob, parse
from epochal_trainer.model import generate_catalogue
from epochal_trainer.model.keras_objects import InvalidObject, build
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.api.catalogue.documents import training_job
from tests.unit.trainer.model.test_keras_floats import FURTHER, REQUIRED, USES

MODULES: Mapping[str, ModuleType] = {module.__name__: module for module in generate_catalogue.MODULES}
CLASSES = [
    (module, name, found)
    for module, content in catalogue().modules.items()
    for name, found in content.classes.items()
    if not found.refused and not found.alias and module != "keras.activations"
]
CELL, DENSE = {"layer": "GRUCell", "units": 2}, {"layer": "Dense", "units": 2}
OBJECTS: Mapping[str, Any] = {"cell": CELL, "cells": [CELL], "inner_optimizer": {"name": "SGD"}, WRAPPED: DENSE}
"""Required arguments that are objects of Keras."""
PLACES: Mapping[str, Callable[[str, dict[str, Any]], dict[str, Any]]] = {
    "keras.layers": lambda name, given: training_job({"layer": name, **given}),
    "keras.callbacks": lambda name, given: training_job(callbacks=[{"callback": name, **given}]),
    "keras.losses": lambda name, given: training_job(loss={"name": name, **given}),
    "keras.metrics": lambda name, given: training_job(metrics=[{"name": name, **given}]),
    "keras.optimizers": lambda name, given: training_job(optimizer={"name": name, **given}),
    "keras.optimizers.schedules": lambda name, given: training_job(
        optimizer={"name": "SGD", "learning_rate": {"name": name, **given}}
    ),
    "keras.constraints": lambda name, given: dense(kernel_constraint={"name": name, **given}),
    "keras.dtype_policies": lambda name, given: dense(dtype={"name": name, **given}),
    "keras.initializers": lambda name, given: dense(kernel_initializer={"name": name, **given}),
    "keras.regularizers": lambda name, given: dense(kernel_regularizer={"name": name, **given}),
}
"""A document with an object, by the module of its class."""


def dense(**arguments: Any) -> dict[str, Any]:
    return training_job({**DENSE, **arguments})


def required(name: str, found: KerasClass) -> dict[str, Any]:
    """Returns the arguments without which a class cannot be built, as JSON values."""
    needed = {key for key, each in found.arguments.items() if each.required}
    further = {key: make() for key, make in FURTHER.get(name, {}).items() if key in found.arguments}
    if name == "Bidirectional":
        further[WRAPPED] = {"layer": "GRU", "units": 2}
    made = {key: OBJECTS[key] if key in OBJECTS else REQUIRED[key]() if key in REQUIRED else 2 for key in needed}
    return made | further


def is_accepted(module: str, name: str, given: dict[str, Any]) -> bool:
    """Returns whether the trainer builds an object and Keras can use it, as far as an example shows."""
    try:
        parse(PLACES[module](name, given))
        # A failed use may leave an object in a state in which the next use works.
        return any(works(use, build(MODULES[module], name, given)) for use in USES.get(MODULES[module], ()))
    except (InvalidTrainingJob, InvalidObject):
        return False


def works(use: Callable[[Any], Any], built: Any) -> bool:
    try:
        use(built)
    except Exception:  # noqa: BLE001 - Keras raises exceptions of many types
        return False
    return True


def test_every_class_takes_its_defaults() -> None:
    for module, name, found in CLASSES:
        defaults = {key: each.default for key, each in found.arguments.items() if not each.required}
        assert problems(PLACES[module](name, defaults | required(name, found))) == [], (module, name)


NESTED = [
    *({"name": name} for name in ("HeNormal", "L2", "NonNeg", "SGD", "DTypePolicy", "he_normal", "relu")),
    {"name": "CosineDecay", "initial_learning_rate": 0.5, "decay_steps": 4},
    {"name": "Constant", "value": "1"},
    *({"layer": "GRUCell", "units": units} for units in (2, "2")),
    {"layer": "ReLU"},
    {"layer": "relu"},
    {"a": 1},
]
SCALARS = (
    st.none() | st.booleans() | st.sampled_from([0, 1, 2, 0.5, "1", "0.5", "x", "relu", "he_normal", "L2", "mean"])
)
VALUES = st.recursive(SCALARS | st.sampled_from(NESTED), lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@settings(max_examples=500)
@given(st.data())
def test_what_keras_accepts_is_no_problem(data: st.DataObject) -> None:
    module, name, kind = data.draw(st.sampled_from(CLASSES))
    arguments = required(name, kind)
    keys = [key for key in kind.arguments if key != "name"]
    for key in data.draw(st.lists(st.sampled_from(keys), min_size=1, max_size=2)) if keys else ():
        arguments[key] = data.draw(VALUES)
    document = PLACES[module](name, arguments)
    # Keras accepts some integers in quotes, but only floats have quotes in a document.
    if found := [problem for problem in problems(document) if not is_quoted_integer(problem)]:
        assert not is_accepted(module, name, arguments), (document, found)


def is_quoted_integer(problem: Problem) -> bool:
    return "integer" in problem.message and "without quotes" in problem.hint
