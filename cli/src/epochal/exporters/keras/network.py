"""The network of a TrainingJob as code, in the functional style of Keras.

Each layer is built right before its first call, in the order of the spec: Keras draws the seeds of weights and of
random layers in the order in which layers are built.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from epochal_api.trainingjob.exact_layers import FULL_PRECISION_LAYERS, preserves_values
from epochal_api.trainingjob.network import Edge, Network

from epochal.exporters.keras import objects
from epochal.exporters.python_code import Applied, Expression, Group, assign, call, is_identifier, items, literal

SEVERAL_ARGUMENTS = frozenset(
    {"GRUCell", "GroupQueryAttention", "LSTMCell", "MultiHeadAttention", "SimpleRNNCell", "StackedRNNCells"}
)
"""Layers whose call has a separate argument for each input. Other layers get several inputs as one list."""
RECURRENT = frozenset({"Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "LSTM", "RNN", "SimpleRNN"})
"""Layers whose call has the argument initial_state."""
FULL_PRECISION = "float32"
_HALF_PRECISION = frozenset({"bfloat16", "float16"})
_NO_LETTER = re.compile(r"\W+", re.ASCII)


class VariableNames:
    """Chooses names of variables in the generated code. No name is used twice."""

    def __init__(self, taken: Sequence[str]) -> None:
        self._taken = set(taken)

    def add(self, wanted: str) -> str:
        """Return an unused variable name that is like `wanted`, and reserve it."""
        name = _NO_LETTER.sub("_", wanted).strip("_").lower()
        name = name if is_identifier(name) else f"layer_{name}".rstrip("_")
        found, number = name, 1
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._taken.add(found)
        return found


@dataclass
class NetworkCode:
    """The code that builds a network.

    Args:
        lines: The code.
        helpers: Names of the helper functions that the code calls.
    """

    lines: list[str] = field(default_factory=list)
    helpers: set[str] = field(default_factory=set)


def network_code(network: Network, precision: str, taken: Sequence[str]) -> NetworkCode:
    """Return the code that builds a network, and assigns it to `model`.

    Args:
        network: Its spec.
        precision: The dtype policy of the training.
        taken: Names of variables that the rest of the script uses.
    """
    return _Builder(network, precision, VariableNames([*taken, "x", "inputs", "outputs", "model"])).build()


class _Builder:
    """Writes the code of a network, layer by layer in the order of the spec."""

    def __init__(self, network: Network, precision: str, names: VariableNames) -> None:
        self._network, self._precision, self._names = network, precision, names
        self._inputs, self._edges = network.input_list, network.input_edges
        self._layer_names = network.layer_names
        self._by_name = {layer.name: index for index, layer in enumerate(network.layers) if layer.name is not None}
        last = [Edge(len(network.layers) - 1)]
        self._is_chain = (
            network.inputs is None
            and network.output_edges == last
            and all(
                layer.use is None and list(edges) == [Edge(index - 1)]
                for index, (layer, edges) in enumerate(zip(network.layers, self._edges, strict=True))
            )
        )
        self._used = {self._by_name[layer.use] for layer in network.layers if layer.use is not None}
        every_edge = [edge for edges in (*self._edges, network.output_edges) for edge in edges]
        self._has_several = {edge.source for edge in every_edge if edge.output}  # an output after the first
        self._ends = {self._first_call(edge.source) for edge in network.output_edges}
        self._variables: dict[int, str] = {}
        self._layers: dict[int, str] = {}
        self._exact: dict[int, bool] = {}
        self._code = NetworkCode()

    def build(self) -> NetworkCode:
        self._add_inputs()
        for index in range(len(self._network.layers)):
            self._add_layer(index)
        edges, output_names = self._network.output_edges, self._network.output_names
        outputs = [self._output(edge, name) for edge, name in zip(edges, output_names, strict=True)]
        inputs = [self._variables[index] for index in range(-len(self._inputs), 0)]
        arguments = (tensors[0] if len(tensors) == 1 else items(tensors) for tensors in (inputs, outputs))
        self._code.lines.append(assign("model", call("keras.Model", None, *arguments)))
        return self._code

    def _first_call(self, index: int) -> int:
        """Return the index of the entry that defines the called layer: this entry, or the entry that `use` names."""
        use = self._network.layers[index].use
        return index if use is None else self._by_name[use]

    def _add_inputs(self) -> None:
        count = len(self._inputs)
        for index, item in enumerate(self._inputs, -count):
            sizes = ["None" if size == -1 else str(size) for size in item.shape]
            arguments: dict[str, Expression] = {"shape": f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"}
            if item.dtype != FULL_PRECISION:
                arguments["dtype"] = literal(item.dtype)
            arguments["name"] = literal(item.name)
            self._variables[index] = "inputs" if count == 1 else self._names.add(item.name)
            self._exact[index] = item.dtype not in _HALF_PRECISION
            self._code.lines.append(assign(self._variables[index], call("keras.Input", arguments)))

    def _add_layer(self, index: int) -> None:
        spec, edges, name = self._network.layers[index], self._edges[index], self._layer_names[index]
        first = self._first_call(index)
        kind = self._network.layers[first].layer or ""
        tensors = [self._tensor(edge) for edge in edges]
        arguments = _call_arguments(kind, tensors)
        policy = self._policy(index, first, edges)
        indent = 4 if policy else 0
        if policy:
            self._code.lines.append(policy)
        target = "x" if self._is_chain else self._names.add(name)
        if spec.use is None:
            constructor = objects.layer(spec, name, f"spec.network.layers[{index}]")
            if index in self._used:
                self._layers[index] = self._names.add(f"{name}_layer")
                self._code.lines.append(assign(self._layers[index], constructor, indent=indent))
                called: Expression = replace(arguments, head=f"{self._layers[index]}(")
            else:
                called = Applied(constructor, arguments)
        else:
            called = replace(arguments, head=f"{self._layers[first]}(")
        self._code.lines.append(assign(target, called, indent=indent))
        self._variables[index] = target

    def _policy(self, index: int, first: int, edges: Sequence[Edge]) -> str:
        """Return the `with` statement for a layer that must not have the dtype policy of the training; else "".

        With a lower precision, these still compute in float32: output layers, layers that only move exact values, and
        Normalization.
        """
        if self._precision == FULL_PRECISION:
            return ""
        keeps = preserves_values(self._network.layers[first])
        self._exact[index] = keeps and all(self._exact[edge.source] for edge in edges)
        is_full = self._network.layers[first].layer in FULL_PRECISION_LAYERS
        if self._exact[index] or first in self._ends or is_full:
            self._code.helpers.add("full_precision")
            return "with full_precision():"
        if not keeps:
            return ""
        self._code.helpers.update({"full_precision", "exact_precision"})
        tensors = ", ".join(self._tensor(edge) for edge in edges)
        return f"with exact_precision({tensors}):"

    def _tensor(self, edge: Edge) -> str:
        variable = self._variables[edge.source]
        if edge.output is None:
            return variable
        if edge.output or edge.source in self._has_several:
            return f"{variable}[{edge.output}]"
        self._code.helpers.add("first_output")
        return f"first_output({variable})"

    def _output(self, edge: Edge, name: str) -> str:
        """Return the variable of an output. Add an Identity layer with the output's name if its layer lacks it."""
        tensor = self._tensor(edge)
        if edge.output is None and self._network.layers[edge.source].use is None:
            return tensor
        target = self._names.add(name)
        made = Applied(call("layers.Identity", {"name": literal(name)}), Group("(", [("", tensor)], ")"))
        if self._precision == FULL_PRECISION:
            self._code.lines.append(assign(target, made))
        else:
            self._code.helpers.add("full_precision")
            self._code.lines += ["with full_precision():", assign(target, made, indent=4)]
        return target


def _call_arguments(kind: str, tensors: Sequence[str]) -> Group:
    """Return the arguments for calling a layer on tensors, in brackets. RNN states become initial_state."""
    every: list[tuple[str, Expression]] = [("", tensor) for tensor in tensors]
    if len(tensors) > 1 and kind in RECURRENT:
        every = [("", tensors[0]), ("initial_state=", items(tensors[1:]))]
    elif len(tensors) > 1 and kind not in SEVERAL_ARGUMENTS:
        every = [("", items(tensors))]
    return Group("(", every, ")")
