"""Every class that Keras exports is trained by a test, or refused with the reason; a new Keras fails with its names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest
from epochal_trainer.lib.failures import Failure
from epochal_trainer.model import keras_objects

from tests.unit.trainer.keras_classes import test_layers, test_training_classes
from tests.unit.trainer.keras_classes.script import MODULES, Script, Trained

TRAINED: Mapping[str, set[str]] = {
    "layers": test_layers.CLASSES | {"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"},
    **test_training_classes.CLASSES,
}
"""Classes that the other tests train. Cells are trained within RNN."""
CODE = "it runs code, but a TrainingJob cannot contain code"
OWN_LAYER = f"{CODE}; write a layer of your own in spec.code"
BASE = "it is the base of other classes and does nothing by itself"
INPUT = "network.input describes the input"
LABELS = "it takes labels too, but a network processes features only"
ONE_OPTIMIZER = "it has no learning rate of its own, .* use one optimizer for all weights"
REFUSED: Mapping[str, Mapping[str, str]] = {
    "layers": {
        **dict.fromkeys(("FlaxLayer", "JaxLayer", "Lambda", "TorchModuleWrapper"), OWN_LAYER),
        **dict.fromkeys(("InputLayer", "InputSpec"), INPUT),
        **dict.fromkeys(("CutMix", "MaxNumBoundingBoxes", "MixUp"), LABELS),
        "Equalization": "Keras leaves it out of a network",
        **dict.fromkeys(("Layer", "Wrapper"), BASE),
        "TFSMLayer": "it loads a program from a file of the pod",
    },
    "optimizers": {"Optimizer": BASE, **dict.fromkeys(("MultiOptimizer", "OptimizerMap"), ONE_OPTIMIZER)},
    "schedules": {"LearningRateSchedule": BASE},
    "losses": {"Loss": BASE},
    "metrics": {
        **dict.fromkeys(("MeanMetricWrapper", "Metric"), BASE),
        **dict.fromkeys(("Mean", "Sum"), "it summarizes single numbers, .* use MeanAbsoluteError"),
    },
    "callbacks": {
        "Callback": BASE,
        "CallbackList": "spec.training.callbacks is the list",
        "LambdaCallback": CODE,
        "LearningRateScheduler": CODE,
        "OrbaxCheckpoint": "it needs the package orbax-checkpoint",
        "RemoteMonitor": "it sends metrics over the network",
    },
    "initializers": {"Initializer": BASE},
    "regularizers": {"Regularizer": BASE},
    "constraints": {"Constraint": BASE},
}
"""Classes that a TrainingJob cannot use, and the reason in the message."""
REPLACED: Mapping[str, set[str]] = {"callbacks": {"History", "ProgbarLogger"}}
"""Classes that are accepted and skipped, because the trainer does their work."""


def aliases() -> Iterator[tuple[str, str, str]]:
    """Yields the names that are not the names of their class: the module, the name and the class's name."""
    for module, members in MODULES.items():
        classes = {name: kind for name, kind in sorted(vars(members).items()) if isinstance(kind, type)}
        for name, kind in classes.items():
            if name != kind.__name__ and classes.get(kind.__name__) is kind:
                yield module, name, kind.__name__


ALIASES = list(aliases())


@pytest.mark.parametrize("module", MODULES)
def test_every_class_is_known(module: str) -> None:
    exported = {name for name, kind in vars(MODULES[module]).items() if isinstance(kind, type)}
    exported -= {name for where, name, _ in ALIASES if where == module}
    known = TRAINED[module] | set(REFUSED[module]) | REPLACED.get(module, set())
    new, gone = sorted(exported - known), sorted(known - exported)
    assert not new, f"add a case for new classes of {MODULES[module].__name__}: {', '.join(new)}"
    assert not gone, f"{MODULES[module].__name__} no longer has {', '.join(gone)}"
    assert TRAINED[module].isdisjoint(REFUSED[module])


def used(module: str, name: str) -> Script:
    """Returns a training with an object of a class, without its arguments."""
    text = f"{module}.{name}()"
    fields: Mapping[str, Mapping[str, Any]] = {
        "layers": {"layers": [text]},
        "optimizers": {"optimizer": text},
        "schedules": {"optimizer": f"optimizers.SGD(learning_rate={text})"},
        "losses": {"loss": text},
        "metrics": {"metrics": [text]},
        "callbacks": {"callbacks": [text]},
    }
    dense = {"layers": [f"layers.Dense(kernel_{module.removesuffix('s')}={text}, units=3)"]}
    return replace(test_training_classes.NUMBERS, **fields.get(module, dense))


@pytest.mark.parametrize(
    ("module", "name", "reason"),
    [(module, name, reason) for module, classes in REFUSED.items() for name, reason in classes.items()],
)
def test_refusal_has_the_reason(module: str, name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=f"{name} cannot be used here: {reason}") as caught:
        Trained(used(module, name), tmp_path)
    assert caught.value.exit_code == 64
    assert re.match(r"spec\.(network|training)\.", caught.value.message)


@pytest.mark.parametrize(("module", "alias", "name"), ALIASES)
def test_alias_is_the_class_or_names_it(module: str, alias: str, name: str, tmp_path: Path) -> None:
    """A Python script may write `initializers.he_normal()`, a TrainingJob `he_normal` or `{name: HeNormal}`."""
    if alias[0].isupper():
        assert name in TRAINED[module]
        assert keras_objects.classes(MODULES[module])[alias] is getattr(MODULES[module], name)
        return
    with pytest.raises(Failure, match=rf"has no '{alias}'; did you mean .*\b{name}\b"):
        Trained(used(module, alias), tmp_path)


def test_keras_leaves_a_layer_out_of_a_network() -> None:
    """Equalization returns its input as its symbolic output. A Keras that includes the layer needs no refusal."""
    images = keras.layers.Input((8, 8, 3))
    model = keras.Model(images, keras.layers.Flatten()(keras.layers.Equalization()(images)))
    assert not any(isinstance(layer, keras.layers.Equalization) for layer in model.layers)


@pytest.mark.parametrize("arguments", ["GRUCell(units=3)", "StackedRNNCells(cells=[layers.GRUCell(units=3)])"])
def test_cell_outside_of_a_recurrent_layer(arguments: str, tmp_path: Path) -> None:
    script = replace(test_training_classes.NUMBERS, layers=[f"layers.{arguments}"])
    with pytest.raises(Failure, match=r"spec\.network\.layers\[0\] .*: the layer needs 2 inputs, .* and states"):
        Trained(script, tmp_path)
