"""Shows the network of a TrainingJob as a table and a graph. It does not need Keras."""

import json
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from epochal_api.text import printable
from epochal_api.trainingjob.network import Network

from epochal.notebook import svg
from epochal.views.table import table

MAX_ROWS = 200
"""Maximum number of rows (inputs and layers) in a table. The number of the others follows."""
MAX_NODES = 80
"""Maximum number of inputs and layers in a graph. A larger graph is unreadable, so only the table is shown."""
_HEADER = ("NAME", "LAYER", "TAKES", "ARGUMENTS")
_MAX_CELL = 100
_WIDTH, _HEIGHT, _GAP = 170, 36, 24
_BOX = f'width="{_WIDTH}" height="{_HEIGHT}" rx="5" fill="none" stroke="currentColor"'


class LayerRow(NamedTuple):
    """A row of the table: a layer, or an input, of a network.

    Args:
        name: Name of the layer or input.
        layer: Class of the layer; "Input" for an input.
        inputs: Names of the layers and outputs from which the layer gets its input.
        arguments: Arguments of the layer.
    """

    name: str
    layer: str
    inputs: Sequence[str]
    arguments: dict[str, Any]


class NetworkView:
    """The layers of a network for printing: a table and, in Jupyter, also a graph.

    Args:
        network: The network.

    Attributes:
        rows: The inputs and the layers, in the order of the spec.
        outputs: Names of the outputs.
    """

    def __init__(self, network: Network) -> None:
        names = [each.name for each in network.input_list] + network.layer_names
        count = len(network.input_list)
        edges = network.input_edges
        self.outputs = network.output_names
        self.rows = [
            LayerRow(each.name, "Input", [], {"shape": each.shape, "dtype": each.dtype}) for each in network.input_list
        ]
        self._sources: list[list[int]] = [[] for _ in range(count)]
        for index, layer in enumerate(network.layers):
            takes = [
                f"{names[edge.source + count]}{'' if edge.output is None else f':{edge.output}'}"
                for edge in edges[index]
            ]
            kind = layer.layer or f"{layer.use}, again"
            self.rows.append(LayerRow(names[index + count], kind, takes, layer.arguments))
            self._sources.append([edge.source + count for edge in edges[index]])

    def __str__(self) -> str:
        return "\n".join([table(_HEADER, self._cells()), *self._more()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self._cells())
        head = "".join(f"<th>{name.lower()}</th>" for name in _HEADER)
        notes = "".join(f"<p>{escape(line)}</p>" for line in self._more())
        graph = self._graph() if len(self.rows) <= MAX_NODES else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{notes}{graph}"

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            tuple(
                printable(cell[:_MAX_CELL], instead=" ")
                for cell in (row.name, row.layer, ", ".join(row.inputs[:8]), _text(row.arguments))
            )
            for row in self.rows[:MAX_ROWS]
        ]

    def _more(self) -> list[str]:
        more = len(self.rows) - MAX_ROWS
        return [*([f"and {more:,} more layers"] if more > 0 else []), f"outputs: {', '.join(self.outputs)}"]

    def _graph(self) -> str:
        """Return the graph as SVG. A layer is below all layers from which it gets its input."""
        levels: list[int] = []
        for sources in self._sources:
            levels.append(max((levels[source] + 1 for source in sources), default=0))
        by_level = [[node for node, level in enumerate(levels) if level == each] for each in range(max(levels) + 1)]
        width = max(map(len, by_level)) * (_WIDTH + _GAP) + _GAP
        places = {
            node: (
                width / 2 + (column - (len(nodes) - 1) / 2) * (_WIDTH + _GAP),
                _GAP + level * (_HEIGHT + _GAP) + _HEIGHT / 2,
            )
            for level, nodes in enumerate(by_level)
            for column, node in enumerate(nodes)
        }
        parts = [
            f'<path d="M{places[source][0]:.0f} {places[source][1] + _HEIGHT / 2:.0f}'
            f'L{places[node][0]:.0f} {places[node][1] - _HEIGHT / 2:.0f}" stroke="currentColor" stroke-opacity="0.5"/>'
            for node, sources in enumerate(self._sources)
            for source in sources
        ]
        for node, (x, y) in places.items():
            row = self.rows[node]
            parts += [
                f'<rect x="{x - _WIDTH / 2:.0f}" y="{y - _HEIGHT / 2:.0f}" {_BOX}/>',
                svg.text(x, y - 3, row.layer),
                svg.text(x, y + 12, row.name, size=10),
            ]
        height = len(by_level) * (_HEIGHT + _GAP) + _GAP
        return svg.svg(width, height, parts, f"Graph of the network with {len(self.rows)} layers")


def _text(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={json.dumps(value)[:_MAX_CELL]}" for name, value in [*arguments.items()][:16])
