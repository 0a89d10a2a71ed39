"""The layers of a network as a graph: from the spec, and as a table for the log."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import keras
from epochal_api.trainingjob.network import INPUT, Layer, Network

from epochal_trainer.lib.failures import bad_spec
from epochal_trainer.lib.text import readable
from epochal_trainer.model.footprint import count_bytes

WIDTH = 100
"""Maximum number of characters of a line in the table."""
_MOST_IN_A_ROW = 900
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
        takes: Indices of the nodes that are its inputs; -1 is the network's input.
    """

    index: int
    layer: Layer
    name: str
    takes: Sequence[int]

    def __str__(self) -> str:
        return f"spec.network.layers[{self.index}] ({self.layer.layer}, {self.name!r})"


def nodes_of(network: Network) -> list[Node]:
    """Return the layers with names and edges, in the order of the list.

    Raises:
        Failure: InvalidNetwork, if no layer takes the output of a layer, or if too many layers follow one another.
    """
    taken = {layer.name for layer in network.layers} | {INPUT}
    places = {INPUT: -1}
    nodes = []
    for index, layer in enumerate(network.layers):
        takes = [places[name] for name in layer.inputs] if layer.inputs else [index - 1]
        name = layer.name or f"{_BEFORE_CAPITAL.sub('_', layer.layer).lower()}_{index}"
        while not layer.name and name in taken:
            name += "_"
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


def table(model: keras.Model, nodes: Sequence[Node]) -> str:
    """Return a table of the network's layers with name, class, output shape, parameters, and inputs if they branch.

    Args:
        model: The model.
        nodes: Its layers, in order.

    Returns:
        Lines of at most WIDTH characters.
    """
    rows = [("layer", "class", "gives", "parameters", "takes")]
    rows.append(("input", "", _shape(model.input.shape), "", ""))
    for node in nodes:
        layer = model.get_layer(node.name)
        straight = list(node.takes) == [node.index - 1]
        takes = "" if straight else ", ".join(nodes[place].name if place >= 0 else "input" for place in node.takes)
        rows.append((node.name, node.layer.layer, _shape(layer.output.shape), f"{layer.count_params():,}", takes))
    if not any(row[4] for row in rows[1:]):
        rows = [(*row[:4], "") for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for name, kind, shape, parameters, takes in rows:
        line = f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {shape:<{widths[2]}}  {parameters:>{widths[3]}}  {takes}"
        line = line.rstrip()
        lines.append(line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…")
    size = count_bytes(model.variables)
    trainable = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    lines.append(f"{model.count_params():,} parameters, {trainable:,} of them trainable; {readable(size)}")
    return "\n".join(lines)


def _shape(shape: Sequence[int | None]) -> str:
    return "×".join("?" if size is None else str(size) for size in shape[1:])
