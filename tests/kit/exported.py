"""Weights and inputs with which an exported network is compared with the network in Keras."""

from typing import Any

import keras
import numpy as np
from epochal_api.trainingjob.network import Network

SAMPLES = 3


def draw_weights(model: keras.Model) -> None:
    """Gives all weights other values than those of their initializers; variances stay positive."""
    draw = np.random.default_rng(1)
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Normalization):
            layer.set_weights([np.abs(draw.normal(0.3, 0.3, weight.shape)) for weight in layer.get_weights()])


def draw_inputs(network: Network) -> list[np.ndarray[Any, Any]]:
    draw = np.random.default_rng(2)
    arrays = []
    for item in network.input_list:
        shape = [SAMPLES, *(13 if size == -1 else size for size in item.shape)]
        drawn = draw.normal(0, 1, shape) if "float" in item.dtype else draw.integers(0, 20, shape, "int32")
        arrays.append(drawn.astype(item.dtype))
    return arrays


def outputs_of(model: keras.Model, inputs: list[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    result = model(inputs if len(inputs) > 1 else inputs[0])
    return [np.asarray(each) for each in (result if isinstance(result, list) else [result])]


def run_file(text: str) -> dict[str, Any]:
    """Returns the names that an exported file defines."""
    names: dict[str, Any] = {"__name__": "exported"}
    exec(compile(text, "exported.py", "exec"), names)  # noqa: S102
    return names
