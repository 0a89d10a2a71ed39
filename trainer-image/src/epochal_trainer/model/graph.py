"""The layers of a network as a graph: from the spec, and as a table for the log."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import keras
from epochal_api.trainingjob.network import INPUT, Layer, Network

from epochal_trainer.data.samples import format_shape
from epochal_trainer.lib.failures import bad_spec
from epochal_trainer.lib.text import readable
from epochal_trainer.model.footprint import count_bytes

MAX_WIDTH = 100
"""Maximum number of characters of a line in the table."""
_MAX_DEPTH = 900
"""Maximum number of layers in a row.

Keras traverses them recursively when it builds or loads a model, and Python's recursion limit is 1,000 calls."""
_BEFORE_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class Node:
    """A layer in the graph of the network.

    Args:
        index: Its index in spec.network.layers.
        layer: Its spec.
        name: Its name, unique in the network.
        inputs: Indices of the nodes that are its inputs; -1 is the network's input.
    """

    index: int
    layer: Layer
    name: str
    inputs: Sequence[int]

    def __str__(self) -> str:
        return f"spec.network.layers[{self.index}] ({self.layer.layer}, {self.name!r})"


def build_nodes(network: Network) -> list[Node]:
    """Return the layers with names and edges, in the order of the list.

    Raises:
        Failure: InvalidNetwork, if no layer takes the output of a layer, or if too many layers follow one another.
    """
    names = {layer.name for layer in network.layers} | {INPUT}
    indices = {INPUT: -1}
    nodes = []
    for index, layer in enumerate(network.layers):
        inputs = [indices[name] for name in layer.inputs] if layer.inputs else [index - 1]
        name = layer.name or f"{_BEFORE_CAPITAL.sub('_', layer.layer).lower()}_{index}"
        while not layer.name and name in names:
            name += "_"
        names.add(name)
        indices[name] = index
        nodes.append(Node(index, layer, name, inputs))
    used = {index for node in nodes for index in node.inputs} | {len(nodes) - 1}
    if unused := next((node for node in nodes if node.index not in used), None):
        raise bad_spec(
            "InvalidNetwork",
            f"{unused}: no layer uses its output, and it is not the last layer: add it to the inputs of another layer, "
            "or remove it",
        )
    depths = {-1: 0}
    for node in nodes:
        depths[node.index] = depth = 1 + max(depths[index] for index in node.inputs)
        if depth > _MAX_DEPTH:
            raise bad_spec(
                "InvalidNetwork",
                f"{node}: it is layer {depth} in a row, but Keras supports {_MAX_DEPTH}: remove layers, or place some "
                "side by side, with inputs",
            )
    return nodes


def layer_table(model: keras.Model, nodes: Sequence[Node]) -> str:
    """Return a table of the network's layers with name, class, output shape, parameters, and inputs if they branch.

    The lines have at most MAX_WIDTH characters.
    """
    rows = [("layer", "class", "output", "parameters", "inputs")]
    rows.append(("input", "", format_shape(model.input.shape[1:]), "", ""))
    for node in nodes:
        layer = model.get_layer(node.name)
        is_sequential = list(node.inputs) == [node.index - 1]
        names = (nodes[index].name if index >= 0 else "input" for index in node.inputs)
        inputs = "" if is_sequential else ", ".join(names)
        shape = format_shape(layer.output.shape[1:])
        rows.append((node.name, node.layer.layer, shape, f"{layer.count_params():,}", inputs))
    if not any(row[4] for row in rows[1:]):
        rows = [(*row[:4], "") for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for name, kind, shape, parameters, inputs in rows:
        line = f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {shape:<{widths[2]}}  {parameters:>{widths[3]}}  {inputs}"
        line = line.rstrip()
        lines.append(line if len(line) <= MAX_WIDTH else f"{line[: MAX_WIDTH - 1]}…")
    size = count_bytes(model.variables)
    trainable = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    lines.append(f"{model.count_params():,} parameters, {trainable:,} of them trainable; {readable(size)}")
    return "\n".join(lines)
