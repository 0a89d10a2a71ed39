"""The network as a table for the log."""

import math
from collections.abc import Sequence

import keras

from epochal_trainer.lib.text import readable
from epochal_trainer.model.footprint import count_bytes
from epochal_trainer.model.network import Node

WIDTH = 100


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
        lines.append(_clip(line.rstrip()))
    size = count_bytes(model.variables)
    trainable = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    lines.append(f"{model.count_params():,} parameters, {trainable:,} of them trainable; {readable(size)}")
    return "\n".join(lines)


def _shape(shape: Sequence[int | None]) -> str:
    return "×".join("?" if size is None else str(size) for size in shape[1:])


def _clip(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
