"""The catalogue of Keras' classes is that of the locked Keras."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import pytest
from epochal_api.catalogue.classes import CALLBACKS, FILE, KerasClass, catalogue
from epochal_trainer.model import generate_catalogue
from epochal_trainer.model.keras_objects import InvalidObject, build, classes

from tests.unit.trainer.model.test_keras_floats import required, use_of

MODULES = {module.__name__: module for module in generate_catalogue.MODULES}
CLASSES = [
    (module, name, each)
    for module, content in catalogue().modules.items()
    for name, each in content.classes.items()
    if not each.refused and not each.alias
]


def test_catalogue_is_that_of_the_locked_keras() -> None:
    generated = generate_catalogue.dumps(generate_catalogue.generate())
    assert (files("epochal_api.catalogue") / FILE).read_text() == generated, "run `make manifests`"


def test_every_class_is_listed() -> None:
    assert catalogue().keras == keras.__version__
    listed = {(module, name) for module, content in catalogue().modules.items() for name in content.classes}
    assert listed == {(module.__name__, name) for module in MODULES.values() for name in classes(module)}


TEXTS = {
    **dict.fromkeys(("integer", "integers", "number", "numbers", "schedule", "layer", "optimizer", "list"), "1"),
    **dict.fromkeys(("activation", "constraint", "initializer", "regularizer"), "nonsense"),
}
"""Texts that Keras refuses, by the type of the argument."""
WITHOUT_EXAMPLE = {"ConvLSTM3D", "Cropping3D", "MultiOptimizer", "Pipeline", "QuantizedFloat8DTypePolicy"}
"""Classes without an example here. Most of their arguments are those of other classes."""


@pytest.mark.parametrize(("module", "name", "found"), [each for each in CLASSES if each[0] != CALLBACKS])
def test_keras_refuses_a_text_for_another_type(module: str, name: str, found: KerasClass) -> None:
    """So the check of a document may refuse it too."""
    home = MODULES[module]
    of_bases = generate_catalogue.parameters(keras.optimizers.Optimizer) if name != "SGD" else ()
    for key, argument in found.arguments.items():
        is_shared = module == "keras.optimizers" and key in of_bases
        text = TEXTS.get(argument.type or "")
        if text is None or argument.loose or is_shared or name in WITHOUT_EXAMPLE:
            continue
        pool = {"pool_size": 2} if name.startswith("AveragePooling") else {}
        arguments = {**(pool or required(getattr(home, name))), key: text}
        if key == "wrapped":
            del arguments["layer"]
        assert is_refused(home, name, arguments), key


def is_refused(module: ModuleType, name: str, arguments: Mapping[str, Any]) -> bool:
    try:
        built = build(module, name, arguments)
    except InvalidObject:
        return True
    use = use_of(module, name)
    assert use is not None, "no example uses it"
    try:
        use(built)
    except Exception:  # noqa: BLE001 - Keras raises exceptions of many types
        return True
    return False


def numbers(found: KerasClass) -> list[str]:
    return [key for key, each in found.arguments.items() if each.type in {"integer", "number"} and not each.loose]


@pytest.mark.parametrize(
    ("name", "found"), [(name, found) for module, name, found in CLASSES if module == CALLBACKS and numbers(found)]
)
def test_keras_refuses_a_text_for_a_number_of_a_callback(name: str, found: KerasClass, tmp_path: Path) -> None:
    """Keras does not check the type, but a callback with a text fails as soon as it acts."""
    needed = {"filepath": str(tmp_path / "best.keras"), "log_dir": str(tmp_path), "patience": 1}
    needed = {key: value for key, value in needed.items() if key in found.arguments}
    act(build(keras.callbacks, name, needed))
    for key in numbers(found):
        with pytest.raises((InvalidObject, TypeError, ValueError)):
            act(build(keras.callbacks, name, needed | {key: "0"}))


def act(callback: Any) -> None:
    """Calls a callback as a training does whose loss never improves."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    callback.set_model(model)
    callback.on_train_begin()
    for epoch in range(4):
        callback.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 1.0})
    callback.on_train_end()
