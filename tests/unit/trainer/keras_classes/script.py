"""A training as a Python script and as the TrainingJob that a user would write in its place.

The script is the text of Keras' own calls, such as `layers.Dense(units=3)`. Python evaluates the text for the expected
result. The TrainingJob comes from the syntax tree of the same text, so that no class is described twice.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import keras
import numpy as np
import yaml
from epochal_api.trainingjob.spec import TrainingJob, parse
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.model import callbacks, compile, graph, network  # noqa: A004
from epochal_trainer.model.adapt import adapt
from epochal_trainer.model.compile import compile_model
from epochal_trainer.storage import FolderBucket
from epochal_trainer.training.loading import load_data
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

MODULES: Mapping[str, ModuleType] = {
    "layers": keras.layers,
    "optimizers": keras.optimizers,
    "schedules": keras.optimizers.schedules,
    "losses": keras.losses,
    "metrics": keras.metrics,
    "callbacks": keras.callbacks,
    "initializers": keras.initializers,
    "regularizers": keras.regularizers,
    "constraints": keras.constraints,
}
"""Modules of Keras by the name that a script uses."""
SEED = 7
INPUT, HALF = "input", "half"
"""Names of a network's input, and of its first layer if a script uses half of the input."""


@dataclass(frozen=True)
class Script:
    """The calls of a training.

    Args:
        layers: Each a call of keras.layers, as `layers.Dense(units=3)`, which takes the layer above. A second call
            names its inputs, of `input`, `half` and the layers with a name: `layers.Add()([input, half])`.
        features: Samples.
        labels: Their labels.
        optimizer: A call of keras.optimizers.
        loss: A call of keras.losses.
        metrics: Calls of keras.metrics.
        callbacks: Calls of keras.callbacks.
        adapts: Whether the first layer learns from the samples before the training.
    """

    layers: Sequence[str]
    features: Array
    labels: Array
    optimizer: str = "optimizers.SGD(learning_rate=0.1)"
    loss: str = "losses.MeanSquaredError()"
    metrics: Sequence[str] = ()
    callbacks: Sequence[str] = ()
    adapts: bool = False

    def compiled_model(self) -> keras.Model:
        """Returns the compiled model of the script."""
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(SEED)
        inputs = outputs = keras.Input(self.features.shape[1:], dtype=self.dtype)
        names = {INPUT: inputs, HALF: keras.layers.Rescaling(scale=0.5)(inputs) if self._uses_half else None}
        for text in self.layers:
            called = evaluate(text, **names)
            if isinstance(called, keras.layers.Layer):
                outputs = names[called.name] = called(outputs)
            else:
                outputs = called
        model = keras.Model(inputs, outputs)
        metrics = [evaluate(text) for text in self.metrics]
        model.compile(evaluate(self.optimizer), evaluate(self.loss), metrics=metrics, run_eagerly=True)
        if self.adapts:
            model.layers[1].adapt(self.features)
        return model

    def job(self) -> TrainingJob:
        """Returns the TrainingJob of the script, read from YAML, with numbers as the API server returns them."""
        half = [{"layer": "Rescaling", "scale": 0.5, "name": HALF}] if self._uses_half else []
        shape = list(self.features.shape[1:])
        spec = {
            "storage": {"secretRef": {"name": "none"}},
            "data": {"bucket": "data", "train": {"object": "train.npz"}},
            "network": {
                "input": {"shape": shape, "dtype": self.dtype},
                "layers": half + [as_document(text) for text in self.layers],
            },
            "training": {
                "seed": SEED,
                "optimizer": as_document(self.optimizer),
                "loss": as_document(self.loss),
                "metrics": [as_document(text) for text in self.metrics],
                "callbacks": [as_document(text) for text in self.callbacks],
            },
            "results": {"bucket": "results"},
        }
        document = {
            "apiVersion": "epochal.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {"name": "script", "namespace": "default"},
            "spec": spec,
        }
        return parse(as_served(yaml.load(yaml.dump(document, Dumper=yaml.CSafeDumper), yaml.CSafeLoader)))

    @property
    def dtype(self) -> str:
        """The type of the network's input."""
        return "string" if self.features.dtype.kind == "U" else self.features.dtype.name

    @property
    def _uses_half(self) -> bool:
        return any(HALF in names_of(text) for text in self.layers)


class Trained:
    """A TrainingJob as the trainer prepares it: its compiled model, its data and its callbacks."""

    def __init__(self, script: Script, folder: Path) -> None:
        spec = script.job().spec
        assert spec.network is not None
        self.model = network.build(spec.network, seed=SEED, memory=1 << 30, training=spec.training)
        compile_model(self.model, spec.training)
        self.model.run_eagerly, self.model.jit_compile = True, False
        self.callbacks_folder = folder / "callbacks"
        self.callbacks = callbacks.build(spec.training.callbacks, folder=self.callbacks_folder)
        callbacks.check_optimizer(spec.training.callbacks, self.model.optimizer)
        np.savez(folder / "train.npz", x=script.features, y=script.labels)
        data = load_data(spec, FolderBucket(folder), self.model, scratch=folder, memory=MemoryBudget())
        self.metric_names = list(compile.dry_run_metrics(self.model, spec.training, data.train.labels))
        adapt(self.model, graph.build_nodes(spec.network), data.train)
        self.batch = next(iter(data.train.ordered_batches(len(data.train))))


def evaluate(text: str, **names: Any) -> Any:
    """Returns the value of a text as Python code."""
    return eval(text, {**MODULES, **names})  # noqa: S307 - the text is one of these tests


def as_document(text: str) -> Any:
    """Returns a call of Keras in the notation of a TrainingJob."""
    node = ast.parse(text, mode="eval").body
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Call):
        return {**_document(node.func), "inputs": names_of(text)}
    return _document(node)


def names_of(text: str) -> list[str]:
    """Returns the names of the inputs in a call of a layer, in their order."""
    nodes = ast.walk(ast.parse(text, mode="eval"))
    return [node.id for node in nodes if isinstance(node, ast.Name) and node.id not in MODULES]


def side_by_side(branches: Sequence[Sequence[str]], units: int) -> list[str]:
    """Returns the layers of a network of branches.

    Args:
        branches: Layers, of which the first takes the input of the network unless it names its inputs.
        units: Units of the Dense layer that ends each branch. Their average is the output of the network.
    """
    found, ends = list[str](), list[str]()
    for first, *others in branches:
        ends.append(f"end_{len(ends)}")
        found += [first if names_of(first) else f"{first}({INPUT})", *others]
        found += ["layers.Flatten()", f'layers.Dense(name="{ends[-1]}", units={units})']
    return found if len(ends) == 1 else [*found, f"layers.Average()([{', '.join(ends)}])"]


def class_of(text: str) -> str:
    """Returns the name of the class that a text calls, without its module."""
    return text.partition("(")[0].rpartition(".")[2]


def _document(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name), args=[], keywords=arguments):
            key = {"layers": "layer", "callbacks": "callback"}.get(module, "name")
            named = {"wrapped" if each.arg == "layer" else each.arg: _document(each.value) for each in arguments}
            return {key: name, **named}
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_document(item) for item in items]
        case _:
            return ast.literal_eval(node)


def as_served(value: Any) -> Any:
    """Returns JSON values as the API server returns them: it sorts the keys, and writes 1.0 as 1."""
    match value:
        case dict():
            # Keras draws the seeds of nested objects in the order of the arguments, so a script must sort them too.
            return {key: as_served(value[key]) for key in sorted(value)}
        case list():
            return [as_served(item) for item in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def lines(text: str) -> list[str]:
    """Returns the lines of an indented text."""
    return [line.strip() for line in text.strip().splitlines()]
