"""Calls the layers of a network on symbolic tensors, one after another.

So an error in a layer is found before data is read. The message has the layer's index in spec.network.layers, its class
and its name.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from epochal_api.trainingjob.exact_layers import FULL_PRECISION_LAYERS, preserves_values
from epochal_api.trainingjob.network import Edge, Network, NetworkInput

from epochal_trainer.lib.failures import Failure, bad_spec
from epochal_trainer.model import keras_objects
from epochal_trainer.model.call_remedies import add_remedy
from epochal_trainer.model.graph import Node, format_edge, input_field
from epochal_trainer.model.keras_objects import errors_as, invalid_objects_as
from epochal_trainer.model.texts import takes_texts, text_sources

FULL_PRECISION = "float32"
_LOOKUPS = frozenset({"IntegerLookup", "StringLookup", "TextVectorization"})
HALF_PRECISION = frozenset({"bfloat16", "float16"})


class LayerCalls:
    """Calls the layers of a network on symbolic tensors, and holds the layers and their outputs.

    Args:
        network: The spec of the network.
        nodes: The layers of the network.
        precision: The dtype policy of the layers, such as mixed_bfloat16.

    Raises:
        Failure: InvalidNetwork, if Keras refuses an input.
    """

    def __init__(self, network: Network, nodes: Sequence[Node], precision: str) -> None:
        self._network = network
        self._nodes = nodes
        self._precision = precision
        self._names = [item.name for item in network.input_list]
        self._texts = text_sources(network.input_list, nodes)
        # The output of a network should be float32: https://keras.io/api/mixed_precision/
        ends = (nodes[edge.source] for edge in network.output_edges)
        self._ends = {node.used.index if node.used else node.index for node in ends}
        self.inputs = [_input(network, index, item) for index, item in enumerate(network.input_list)]
        self.layers: dict[int, keras.layers.Layer] = {}
        """The Keras layers that were built, by the index of their node."""
        self.tensors: dict[int, list[Any]] = {}
        """The symbolic outputs of the nodes that were called, by the index of the node."""

    def call(self, node: Node) -> list[Any]:
        """Call the layer of a node, which is built for its first call, and return the symbolic outputs.

        The nodes whose outputs this node takes must be called first.

        Raises:
            Failure: InvalidNetwork, with the layer, its input shapes and the requirement.
        """
        inputs = [self._tensor(edge, node) for edge in node.inputs]
        is_exact = preserves_values(node.layer) and HALF_PRECISION.isdisjoint(str(tensor.dtype) for tensor in inputs)
        is_full = is_exact or self.is_output(node) or node.kind in FULL_PRECISION_LAYERS
        with dtype_policy(FULL_PRECISION if is_full else self._precision):
            if node.used is None:
                self.layers[node.index] = _build_layer(node)
            layer = self.layers[node.used.index if node.used else node.index]
            self.tensors[node.index] = self._call_layer(layer, node, inputs)
        return self.tensors[node.index]

    def is_output(self, node: Node) -> bool:
        """Return whether a node builds a layer which, in this call or a later call, gives an output of the network."""
        return node.index in self._ends

    def can_call(self, node: Node) -> bool:
        """Return whether the nodes that a node depends on, by inputs or `use`, were called without an error."""
        needed = {source for source in node.sources if source >= 0} | ({node.used.index} if node.used else set())
        return needed <= self.tensors.keys()

    def reuse(self, other: "LayerCalls", count: int) -> None:
        """Copy the inputs, and layers and tensors of the first `count` nodes, from a network where these are equal."""
        self.inputs = other.inputs
        self.layers = {index: layer for index, layer in other.layers.items() if index < count}
        self.tensors = {index: tensors for index, tensors in other.tensors.items() if index < count}

    def output(self, edge: Edge, name: str) -> Any:
        """Return the symbolic tensor of a network's output. All nodes must be called first.

        Keras names an output by its layer. So if the layer has another name than the output, as for a second call of a
        layer, an Identity layer with the name of the output follows it.

        Raises:
            Failure: InvalidNetwork, if the layer has several outputs and the spec selects none of them.
        """
        tensor = self._tensor(edge, None)
        if tensor._keras_history.operation.name == name:  # noqa: SLF001 - Keras offers no other way to it
            return tensor
        with dtype_policy(FULL_PRECISION):
            return keras.layers.Identity(name=name)(tensor)

    def _tensor(self, edge: Edge, node: Node | None) -> Any:
        """Return the tensor of an edge. `node` takes the tensor; None for an output of the network.

        Raises:
            Failure: If the edge selects none of several outputs of a layer, or an output that does not exist.
        """
        if edge.source < 0:
            return self.inputs[edge.source]
        tensors, source = self.tensors[edge.source], self._nodes[edge.source]
        if edge.output is None and len(tensors) == 1:
            return tensors[0]
        if edge.output is not None and edge.output < len(tensors):
            return tensors[edge.output]
        where = f"{node}: inputs" if node is not None else "spec.network.outputs"
        found = format_edge(edge, self._nodes, self._names)
        if len(tensors) == 1:
            raise bad_spec(
                "InvalidNetwork", f"{where}: found {found}, but {source} has one output: write {source.name}"
            )
        has = f"{source} has {len(tensors)} outputs, {source.name}:0 to {source.name}:{len(tensors) - 1}"
        advice = "" if source.index in self._named else f"give {source} a name, and "
        raise bad_spec("InvalidNetwork", f"{where}: found {found}, but {has}: {advice}select one, as in NAME:0")

    @property
    def _named(self) -> set[int]:
        return {index for index, layer in enumerate(self._network.layers) if layer.name is not None}

    def _call_layer(self, layer: keras.layers.Layer, node: Node, inputs: Sequence[Any]) -> list[Any]:
        def failure(message: str) -> Failure:
            shapes = " and ".join(str(tuple(tensor.shape)) for tensor in inputs)
            return bad_spec("InvalidNetwork", f"{node} got {shapes}: {message}")

        def advice(message: str) -> str:
            return (
                self._missing_axis_advice(layer, node, inputs)
                or self._unknown_size_advice(node, inputs, message)
                or add_remedy(message)
            )

        if not self._texts.isdisjoint(node.sources) and not takes_texts(node.layer):
            remedy = "put a TextVectorization or StringLookup before it"
            raise failure(f"{node.kind} takes numbers, but got texts: {remedy}")
        with errors_as(lambda message: failure(advice(message))):
            output = _call(layer, inputs)
        outputs = list(output) if isinstance(output, list | tuple) else [output]
        if not outputs or not all(isinstance(tensor, keras.KerasTensor) for tensor in outputs):
            raise failure(
                f"the output of the layer is {type(output).__name__}, but must be a tensor, or a list of tensors"
            )
        if empty := next((tensor for tensor in outputs if 0 in tensor.shape[1:]), None):
            raise failure(f"the output of the layer has the empty shape {tuple(empty.shape)}: its input is too small")
        return outputs

    def _missing_axis_advice(self, layer: keras.layers.Layer, node: Node, inputs: Sequence[Any]) -> str | None:
        """Return advice for a layer whose only input lacks one axis, such as images without channels, else None.

        Keras' own message only compares the number of axes.
        """
        expected = keras.tree.flatten(layer.input_spec)
        if len(inputs) != 1 or len(expected) != 1 or expected[0] is None:
            return None
        shape = tuple(inputs[0].shape)
        if len(shape) + 1 != (expected[0].ndim or expected[0].min_ndim):
            return None
        missing = f"{node.kind} needs one more axis, the last: the channels of an image, or the features of each step"
        full_shape = [*(-1 if size is None else size for size in shape[1:]), 1]
        (edge,) = node.inputs
        if edge.source < 0:
            field = input_field(self._network, len(self.inputs) + edge.source)
            write = f"write {field}.shape: {full_shape}"
            return f"{missing}: {write}. An axis of 1 is added automatically to data without it"
        source = self._nodes[edge.source]
        if getattr(self.layers.get(source.index), "return_sequences", None) is False:
            return f"{missing}: write return_sequences: true for {source}"
        if None in shape[1:]:
            return missing
        reshape = f"put {{layer: Reshape, target_shape: {full_shape}}} before it"
        return f"{missing}: {reshape}, or add the axis to {input_field(self._network, 0)}.shape"

    def _unknown_size_advice(self, node: Node, inputs: Sequence[Any], message: str) -> str | None:
        """Return advice if a layer's weights depend on an axis of the input that has no fixed size, else None.

        Keras' own message only names the weights.
        """
        if len(inputs) != 1 or None not in inputs[0].shape[1:] or "must be fully-defined" not in message:
            return None
        needs = "the weights of the layer need an input of a fixed size"
        if lookup := self._learned_lookup_above(node):
            how = f"set vocabulary of {lookup}, or its max_tokens with pad_to_max_tokens: true"
            return f"{needs}, but {lookup} has one output for each word that it learns from the data: {how}"
        return (
            f"{needs}: reduce an axis of any length with a layer such as LSTM or GlobalAveragePooling1D. "
            "TextVectorization gives a fixed size with output_sequence_length if its output_mode is int. For another "
            "output_mode of TextVectorization, StringLookup or IntegerLookup, set vocabulary, or max_tokens with "
            "pad_to_max_tokens: true"
        )

    def _learned_lookup_above(self, node: Node) -> Node | None:
        """Return the nearest lookup layer before a node if its output size depends on a vocabulary that it learns.

        Return None otherwise. The search goes back through nodes with a single input only.
        """
        while len(node.inputs) == 1 and (source := node.inputs[0].source) >= 0:
            node = self._nodes[source]
            if node.kind in _LOOKUPS:
                arguments = node.layer.arguments
                is_learned = arguments.get("vocabulary") is None
                return node if is_learned and arguments.get("output_mode", "int") != "int" else None
        return None


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Set the dtype policy of the layers that are built within the context and have no policy of their own."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _input(network: Network, index: int, item: NetworkInput) -> Any:
    shape = [None if size == -1 else size for size in item.shape]
    with errors_as(lambda message: bad_spec("InvalidNetwork", f"{input_field(network, index)}: {message}")):
        return keras.Input(shape, dtype=item.dtype, name=item.name)


def _build_layer(node: Node) -> keras.layers.Layer:
    with invalid_objects_as(lambda message: bad_spec("InvalidNetwork", f"{node}: {message}")):
        return keras_objects.build(keras.layers, node.kind, {**node.layer.arguments, "name": node.name})


def _call(layer: keras.layers.Layer, inputs: Sequence[Any]) -> Any:
    """Call a layer with its inputs, and return its output.

    The inputs are separate arguments if the layer requires several, else a list. Further inputs of a layer with the
    argument `initial_state`, such as LSTM, are its initial state.
    """
    parameters = inspect.signature(layer.call).parameters.values()
    required = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    if len(required) > 1:
        if len(inputs) < len(required):
            raise ValueError(f"the layer needs {len(required)} inputs, {' and '.join(required)}: set them in inputs")
        return layer(*inputs)
    if len(inputs) == 1:
        return layer(inputs[0])
    if "initial_state" in {parameter.name for parameter in parameters}:
        return layer(inputs[0], initial_state=list(inputs[1:]))
    return layer(list(inputs))
