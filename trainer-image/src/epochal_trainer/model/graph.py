"""The layers of a network as a graph, read from the spec, and as a table for the log."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
from epochal_api.catalogue.graph import unused_sources
from epochal_api.trainingjob.network import Edge, Layer, Network

from epochal_trainer.data.arrays import format_shape
from epochal_trainer.lib.failures import bad_spec
from epochal_trainer.lib.text import format_bytes
from epochal_trainer.model.footprint import count_bytes
from epochal_trainer.model.plain_model import layers_of

MAX_WIDTH = 100
"""Maximum number of characters of a line in the table. A longer line is cut."""
_MAX_ROWS = 1000
"""Maximum number of layers in the table: the maximum length of spec.network.layers."""
_MAX_DEPTH = 900
"""Maximum number of layers in a row. A network with more is refused.

Keras traverses them recursively when it builds or loads a model, and Python's recursion limit is 1,000 calls."""


@dataclass(frozen=True)
class Node:
    """A call of a layer in the graph of the network.

    Args:
        index: Index of the entry in spec.network.layers.
        layer: The spec of the layer. For an entry `use: NAME`, the spec of the layer NAME, which it calls again.
        name: Name of the node, unique in the network.
        inputs: The tensors that are the inputs of the call.
        used: For an entry `use: NAME`, the node with the first call of the layer NAME; else None.
        call: Number of earlier calls of the same layer.
    """

    index: int
    layer: Layer
    name: str
    inputs: Sequence[Edge]
    used: "Node | None" = None
    call: int = 0

    def __str__(self) -> str:
        what = self.kind if self.used is None else f"use: {self.used.name}"
        return f"spec.network.layers[{self.index}] ({what}, {self.name!r})"

    @property
    def kind(self) -> str:
        """Name of the layer's class in keras.layers."""
        return self.layer.layer or ""

    @property
    def keras_name(self) -> str:
        """Name of the layer in the Keras model. It is the same for all calls of a layer, unlike `name`."""
        return self.name if self.used is None else self.used.name

    @property
    def sources(self) -> list[int]:
        """The source of each input: the index of a node, or a negative index of an input of the network."""
        return [edge.source for edge in self.inputs]


def build_nodes(network: Network) -> list[Node]:
    """Return a node for each entry of spec.network.layers, in the same order, after a check of the graph.

    Raises:
        Failure: InvalidNetwork, with the first error of `graph_errors`.
    """
    nodes = read_nodes(network)
    for error in graph_errors(network, nodes):
        raise bad_spec("InvalidNetwork", error.message)
    return nodes


def read_nodes(network: Network) -> list[Node]:
    """Return a node for each entry of spec.network.layers, in the same order, without a check of the graph."""
    nodes: list[Node] = []
    by_name: dict[str | None, Node] = {}
    calls: Counter[str] = Counter()
    named = zip(network.layers, network.layer_names, network.input_edges, strict=True)
    for index, (layer, name, edges) in enumerate(named):
        if layer.use is None:
            node = Node(index, layer, name, edges)
        else:
            used = by_name[layer.use]
            calls[layer.use] += 1
            node = Node(index, used.layer, name, edges, used, calls[layer.use])
        by_name[layer.name] = node
        nodes.append(node)
    return nodes


class GraphError(NamedTuple):
    """An error of the graph that is independent of the layers' classes.

    Args:
        node: The node with the error; None if an input of the network has the error.
        message: The error, with the field and advice.
    """

    node: Node | None
    message: str


def graph_errors(network: Network, nodes: Sequence[Node]) -> Iterator[GraphError]:
    """Yield an error for each unused layer or input of the network, and for more than _MAX_DEPTH layers in a row."""
    taken = {source for node in nodes for source in node.sources} | {edge.source for edge in network.output_edges}
    count = len(network.input_list)
    for unused in unused_sources(taken, layers=len(nodes), inputs=count, has_outputs=network.outputs is not None):
        node = nodes[unused.source] if unused.source >= 0 else None
        where = node or input_field(network, count + unused.source)
        yield GraphError(node, f"{where}: {unused.message}: {unused.hint}")
    depths = dict.fromkeys(range(-count, 0), 0)
    for node in nodes:
        depths[node.index] = depth = 1 + max(depths[source] for source in node.sources)
        if depth == _MAX_DEPTH + 1:
            yield GraphError(
                node,
                f"{node}: it is layer {depth} in a row, but Keras supports {_MAX_DEPTH}: remove layers, or place some "
                "side by side, with inputs",
            )


def input_field(network: Network, index: int) -> str:
    """Return the field of an input of the network by the input's index, such as spec.network.inputs[0]."""
    return "spec.network.input" if network.inputs is None else f"spec.network.inputs[{index}]"


def _keras_rows(model: keras.Model) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield a table row for each layer of a model from a file or code. Beyond _MAX_ROWS, one row has their number."""
    layers = layers_of(model)
    for layer in layers[:_MAX_ROWS]:
        tensors = layer._inbound_nodes[0].output_tensors  # noqa: SLF001 - a layer may be called several times
        shape = ", ".join(format_shape(tensor.shape[1:]) for tensor in tensors)
        yield layer.name, type(layer).__name__, shape, f"{layer.count_params():,}", ""
    if len(layers) > _MAX_ROWS:
        yield f"and {len(layers) - _MAX_ROWS} more", "", "", "", ""


def input_tensors(model: keras.Model, node: Node) -> list[Any]:
    """Return the symbolic input tensors of a node, which is one of several calls of a layer."""
    return list(_keras_node(model, node).input_tensors)


def output_tensors(model: keras.Model, node: Node) -> list[Any]:
    """Return the symbolic output tensors of a node, which is one of several calls of a layer."""
    return list(_keras_node(model, node).output_tensors)


def _keras_node(model: keras.Model, node: Node) -> Any:
    # Keras offers no other way to a single call.
    return model.get_layer(node.keras_name)._inbound_nodes[node.call]  # noqa: SLF001


def format_edge(edge: Edge, nodes: Sequence[Node], inputs: Sequence[str]) -> str:
    """Return the source of an edge in the notation of the spec: NAME, or NAME:N for output N of a layer."""
    name = nodes[edge.source].name if edge.source >= 0 else inputs[edge.source]
    return name if edge.output is None else f"{name}:{edge.output}"


def layer_table(model: keras.Model, nodes: Sequence[Node]) -> str:
    """Return a text table of the layers: name, class, output shape, number of parameters, and inputs.

    The inputs of a layer are shown only if they are not just the output of the layer before it. Without `nodes`, for a
    model from a file or code, no inputs are shown. Lines have at most MAX_WIDTH characters. The last line has the sums.
    """
    rows = [("layer", "class", "output", "parameters", "inputs")]
    names = [tensor.name for tensor in model.inputs]
    rows.extend((tensor.name, "", format_shape(tensor.shape[1:]), "", "") for tensor in model.inputs)
    if not nodes:
        rows.extend(_keras_rows(model))
    for node in nodes:
        is_sequential = list(node.inputs) == [Edge(node.index - 1)]
        inputs = "" if is_sequential else ", ".join(format_edge(edge, nodes, names) for edge in node.inputs)
        shape = ", ".join(format_shape(tensor.shape[1:]) for tensor in output_tensors(model, node))
        if node.used is not None:
            rows.append((node.name, f"use: {node.used.name}", shape, "", inputs))
            continue
        rows.append((node.name, node.kind, shape, f"{model.get_layer(node.name).count_params():,}", inputs))
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
    lines.append(f"{model.count_params():,} parameters, {trainable:,} of them trainable; {format_bytes(size)}")
    return "\n".join(lines)
