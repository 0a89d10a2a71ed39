"""Builds the network that a TrainingJob describes.

Every fault is found before data is read, and names the layer: its index in the list, its class, its name.
"""

import inspect
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from epochal_api.network import INPUT, Layer, Network

from epochal_trainer import keras_objects
from epochal_trainer.failures import bad_spec

_MOST_IN_A_ROW = 900
"""Layers of which each takes what the one before it gives. Keras goes through them one within the other, when it builds
a model and when somebody loads it, and Python admits 1,000 calls within each other."""
_BEFORE_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class Node:
    """A layer in the graph.

    Args:
        index: Its place in spec.network.layers.
        layer: Its description.
        name: Its name, unique in the network.
        takes: The nodes it takes, by index; -1 is the network's input.
    """

    index: int
    layer: Layer
    name: str
    takes: Sequence[int]

    def __str__(self) -> str:
        return f"spec.network.layers[{self.index}] ({self.layer.layer}, {self.name!r})"


def graph(network: Network) -> list[Node]:
    """Returns the layers with names and edges, in the order of the list.

    Raises:
        Failure: InvalidNetwork, if a layer leads nowhere, or too many follow one another.
    """
    taken = {layer.name for layer in network.layers} | {INPUT}
    places = {INPUT: -1}
    nodes = []
    for index, layer in enumerate(network.layers):
        takes = [places[name] for name in layer.inputs] if layer.inputs else [index - 1]
        name = layer.name or _free_name(f"{_BEFORE_CAPITAL.sub('_', layer.layer).lower()}_{index}", taken)
        taken.add(name)
        places[name] = index
        nodes.append(Node(index, layer, name, takes))
    used = {place for node in nodes for place in node.takes} | {len(nodes) - 1}
    for node in nodes:
        if node.index not in used:
            message = (
                "no layer takes what it gives, and it is not the last: name it in the inputs of another, or drop it"
            )
            raise bad_spec("InvalidNetwork", f"{node}: {message}")
    before = {-1: 0}
    for node in nodes:
        before[node.index] = 1 + max(before[place] for place in node.takes)
        if before[node.index] > _MOST_IN_A_ROW:
            message = f"it is layer {before[node.index]} in a row, and Keras takes {_MOST_IN_A_ROW}: leave layers out"
            raise bad_spec("InvalidNetwork", f"{node}: {message}, or let some work side by side, by their inputs")
    return nodes


def build(network: Network, *, seed: int, memory: int) -> keras.Model:
    """Builds the network.

    Args:
        network: Its description.
        seed: Seed of its weights, and of all that is random from here on.
        memory: Bytes that it may take. A network that surely takes more is refused before anything is allocated.

    Returns:
        The model, built, with one input of shape (batch, *network.input.shape) and one output.

    Raises:
        Failure: InvalidNetwork, naming the layer, the shapes it got and what must hold.
    """
    nodes = graph(network)
    # Built twice: in a stateless scope variables have shapes but no values, which costs milliseconds at any size.
    with keras.StatelessScope(initialize_variables=False):
        _check_size(_connect(network, nodes), nodes, memory)
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    return _connect(network, nodes)


def _connect(network: Network, nodes: Sequence[Node]) -> keras.Model:
    try:
        start = keras.Input(network.input.shape, dtype=network.input.dtype, name=INPUT)
    except Exception as error:
        raise bad_spec("InvalidNetwork", f"spec.network.input: {keras_objects.explain(error)}") from error
    outputs: list[Any] = []
    for node in nodes:
        outputs.append(_call(node, [start if place < 0 else outputs[place] for place in node.takes]))
    return keras.Model(start, outputs[-1])


def _call(node: Node, inputs: Sequence[Any]) -> Any:
    try:
        layer = keras_objects.layer(node.layer, name=node.name)
    except keras_objects.InvalidObject as error:
        raise bad_spec("InvalidNetwork", f"{node}: {error}") from error
    got = " and ".join(str(tuple(tensor.shape)) for tensor in inputs)
    try:
        output = _apply(layer, inputs)
    except keras_objects.OUT_OF_MEMORY:
        raise
    except Exception as error:  # Keras and TensorFlow raise all kinds for shapes that do not fit
        raise bad_spec("InvalidNetwork", f"{node} got {got}: {keras_objects.explain(error)}") from error
    if not isinstance(output, keras.KerasTensor):
        found = f"{len(output)} outputs" if isinstance(output, Sequence) else type(output).__name__
        message = f"it gives {found}, but must give one: leave out arguments such as return_state"
        raise bad_spec("InvalidNetwork", f"{node} got {got}: {message}")
    if 0 in output.shape[1:]:
        message = f"it gives the empty shape {tuple(output.shape)}: its input is too small for it"
        raise bad_spec("InvalidNetwork", f"{node} got {got}: {message}")
    return output


def _apply(layer: keras.layers.Layer, inputs: Sequence[Any]) -> Any:
    """Calls a layer with what it takes: each of several arguments by its place, several tensors of one as a list."""
    parameters = inspect.signature(layer.call).parameters.values()
    required = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    if len(required) > 1:
        if len(inputs) < len(required):
            raise ValueError(f"it takes {len(required)} inputs, {' and '.join(required)}: name them in inputs")
        return layer(*inputs)
    if len(inputs) == 1:
        return layer(inputs[0])
    if "initial_state" in {parameter.name for parameter in parameters}:
        return layer(inputs[0], initial_state=list(inputs[1:]))
    return layer(list(inputs))


def _check_size(model: keras.Model, nodes: Sequence[Node], memory: int) -> None:
    """Refuses a model whose weights and gradients alone take more than `memory` bytes."""
    need = 2 * sum(map(count_bytes, model.trainable_variables)) + sum(map(count_bytes, model.non_trainable_variables))
    if need <= memory:
        return
    node = max(nodes, key=lambda node: model.get_layer(node.name).count_params())
    largest = model.get_layer(node.name).count_params()
    raise bad_spec(
        "InvalidNetwork",
        f"spec.network has {model.count_params():,} parameters: they and their gradients take {need / 2**30:,.1f} GiB, "
        f"but there are {memory / 2**30:,.1f} GiB. {node} has {largest:,} of "
        "them. Make the network smaller, or raise spec.resources.limits.memory",
    )


def count_bytes(variable: keras.Variable) -> int:
    """Returns the bytes that a variable takes."""
    return math.prod(int(size) for size in variable.shape) * int(np.dtype(variable.dtype).itemsize)


def _free_name(name: str, taken: set[str | None]) -> str:
    while name in taken:
        name += "_"
    return name
