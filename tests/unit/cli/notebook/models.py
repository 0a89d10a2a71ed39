"""A Keras model as `from_keras` sees it, without Keras, and the surroundings of a notebook."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from epochal.environment import Environment

COMPILED = {"optimizer": {"class_name": "SGD", "config": {"learning_rate": 0.05}}, "loss": "mse", "metrics": ["mae"]}


def layer(kind: str, name: str, *inputs: str, **config: Any) -> dict[str, Any]:
    """Returns a layer in the configuration of a functional model."""
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": [source, 0, 0], "dtype": "float32"}}
        for source in inputs
    ]
    arguments: list[Any] = tensors if len(tensors) == 1 else [tensors]
    calls = [{"args": arguments, "kwargs": {}}] if tensors else []
    module = "keras.layers" if kind != "Mine" else "__main__"
    config = {"name": name, **config}
    return {"module": module, "class_name": kind, "name": name, "config": config, "inbound_nodes": calls}


def entry(name: str, *shape: int) -> dict[str, Any]:
    return layer("InputLayer", name, batch_shape=[None, *shape], dtype="float32")


class Model:
    """A functional model.

    Args:
        layers: Its layers, from `layer`.
        inputs: Names of its inputs.
        outputs: Names of its outputs.
        compiled: Arguments of compile; None for a model that is not compiled.
    """

    name = "mine"

    def __init__(
        self, *layers: dict[str, Any], inputs: list[str], outputs: list[str], compiled: dict[str, Any] | None = COMPILED
    ) -> None:
        self.layers = layers
        self._document = {
            "module": "keras.src.models.functional",
            "class_name": "Functional",
            "config": {
                "name": self.name,
                "layers": list(layers),
                "input_layers": [[name, 0, 0] for name in inputs],
                "output_layers": [[name, 0, 0] for name in outputs],
            },
            **({"compile_config": compiled} if compiled is not None else {}),
        }

    def to_json(self) -> str:
        return json.dumps(self._document)

    def save_weights(self, path: Path) -> None:
        path.write_bytes(b"weights")


def table(compiled: dict[str, Any] | None = COMPILED, **config: Any) -> Model:
    """Returns a model of four columns, with one number as its output."""
    layers = [
        entry("columns", 4),
        layer("Dense", "hidden", "columns", units=8, activation="relu", **config),
        layer("Dense", "price", "hidden", units=1),
    ]
    return Model(*layers, inputs=["columns"], outputs=["price"], compiled=compiled)


def pair() -> Model:
    """Returns a model with two inputs and two outputs."""
    layers = [
        entry("left", 4),
        entry("right", 3),
        layer("Concatenate", "both", "left", "right"),
        layer("Dense", "sum", "both", units=1),
        layer("Dense", "product", "both", units=1),
    ]
    return Model(*layers, inputs=["left", "right"], outputs=["sum", "product"])


def surroundings(folder: Path, variables: Mapping[str, str] | None = None) -> Environment:
    """Returns an Environment with streams in memory."""
    return Environment(
        stdin=io.StringIO(),
        stdout=io.StringIO(),
        stderr=io.StringIO(),
        folder=folder,
        variables=variables or {},
        now=lambda: datetime(2026, 11, 30, tzinfo=UTC),
        sleep=lambda _: None,
    )


def written(environment: Environment) -> str:
    assert isinstance(environment.stdout, io.StringIO)
    return environment.stdout.getvalue()


def warned(environment: Environment) -> str:
    assert isinstance(environment.stderr, io.StringIO)
    return environment.stderr.getvalue()
