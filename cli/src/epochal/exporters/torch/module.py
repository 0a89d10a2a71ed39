"""Converts a network to a torch module: its layers, the statements of `forward`, and the code of its weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from epochal_api.trainingjob.network import Edge, Layer, Network

from epochal.errors import EpochalError
from epochal.exporters.layer_calls import Call, LayerCode
from epochal.exporters.support import no_counterpart
from epochal.exporters.tensors import Tensor
from epochal.exporters.torch.identifiers import identifiers
from epochal.exporters.torch.integers import convert_integers
from epochal.exporters.torch.layers import LAYERS


@dataclass(frozen=True)
class ModuleLayer:
    """A layer of the exported torch module.

    Args:
        keras_name: Its name in the Keras model.
        attribute: Its attribute in the torch module.
        kind: Its class in Keras.
        code: Its code.
        trainable: Whether its weights are trained.
        source: Index of the layer whose output is its first input; negative for an input of the network, as in `Edge`.
    """

    keras_name: str
    attribute: str
    kind: str
    code: LayerCode
    trainable: bool
    source: int


@dataclass
class Module:
    """The parts of the exported torch module.

    Args:
        inputs: Variables of the inputs of `forward`, in the order of the network's inputs.
        layers: The layers in order.
        forward: The statements of `forward`.
        outputs: Code of the tensors that `forward` returns.
        output_shapes: Shapes of the outputs, without the batch axis.
        helpers: Names of the functions and classes in SNIPPETS that it uses.
    """

    inputs: list[str] = field(default_factory=list)
    layers: list[ModuleLayer] = field(default_factory=list)
    forward: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    output_shapes: list[tuple[int | None, ...]] = field(default_factory=list)
    helpers: set[str] = field(default_factory=set)


def write_module(network: Network) -> Module:
    """Return the parts of a torch module for a network.

    Raises:
        EpochalError: If a layer or an argument has no counterpart in torch, or if shapes do not match.
    """
    return _Writer(network).write()


class _Writer:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._edges = network.input_edges
        self._names = network.layer_names
        count = len(network.input_list)
        inputs = ["inputs"] if network.inputs is None else [item.name for item in network.input_list]
        found = identifiers([*inputs, *self._names])
        self._inputs, self._attributes = found[:count], found[count:]
        self._variables = set(found)
        self._consumers = self._find_consumers()
        self._first = {layer.name: index for index, layer in enumerate(network.layers) if layer.name is not None}
        self._tensors: dict[int, Sequence[Tensor]] = {}
        self._codes: dict[int, LayerCode] = {}
        self._module = Module()

    def write(self) -> Module:
        module, count = self._module, len(self._network.input_list)
        for index, item in enumerate(self._network.input_list):
            if item.dtype == "string":
                raise no_counterpart("torch", f"spec.network input {item.name}", "an input of texts")
            source = index - count
            name = "x" if count == 1 and self._is_chained(source) else self._inputs[index]
            module.inputs.append(name)
            is_float = "float" in item.dtype
            if is_float and item.dtype != "float32":
                # Keras converts floats, but no integers, to the type in which a layer computes.
                module.forward.append(f"{name} = {name}.float()")
            shape = tuple(None if size == -1 else size for size in item.shape)
            self._tensors[source] = [Tensor(name, shape, integer="" if is_float else item.dtype)]
        for index in range(len(self._names)):
            self._write_layer(index)
        outputs = [self._tensor(edge, "spec.network.outputs").last() for edge in self._network.output_edges]
        module.outputs = [output.code for output in outputs]
        module.output_shapes = [output.shape for output in outputs]
        return module

    def _find_consumers(self) -> Mapping[int, list[int]]:
        """Return for each layer or input the indices of the layers that take its tensor; `len(names)` is an output."""
        consumers: dict[int, list[int]] = {}
        for index, edges in enumerate(self._edges):
            for edge in edges:
                consumers.setdefault(edge.source, []).append(index)
        for edge in self._network.output_edges:
            consumers.setdefault(edge.source, []).append(len(self._names))
        return consumers

    def _is_chained(self, source: int) -> bool:
        """Return whether a layer or input feeds only the layer after it, so that the code can reuse its variable x."""
        return self._consumers.get(source) == [source + 1]

    def _write_layer(self, index: int) -> None:
        used = self._network.layers[index].use
        first = index if used is None else self._first[used]
        layer = self._network.layers[first]
        where = f"spec.network.layers[{index}] ({layer.layer}, {self._names[first]!r})"
        inputs = [self._tensor(edge, where) for edge in self._edges[index]]
        attribute = f"self.{self._attributes[first]}"
        call = Call(
            where,
            layer.layer or "",
            arguments=layer.arguments,
            inputs=inputs,
            attribute=attribute,
            helpers=self._module.helpers,
            write=_write,
        )
        outputs = _write(call)
        self._add_layer(first, layer, call, self._edges[index][0].source)
        self._assign(index, outputs)

    def _add_layer(self, first: int, layer: Layer, call: Call, source: int) -> None:
        """Add a layer at its first call. Raise an error if a later call needs another constructor."""
        if first not in self._codes:
            self._codes[first] = call.code
            # A wrapper with trainable: false freezes the weights of its layer, which has its own trainable, too.
            trainable = call.code.trainable and layer.arguments.get("trainable") is not False
            kept = ModuleLayer(self._names[first], self._attributes[first], call.kind, call.code, trainable, source)
            self._module.layers.append(kept)
        elif self._codes[first].constructor != call.code.constructor:
            call.fail("the inputs of the layer must have the same sizes as in its first call, since both share weights")

    def _assign(self, index: int, outputs: Sequence[Tensor]) -> None:
        name = "x" if self._is_chained(index) and len(outputs) == 1 else self._attributes[index]
        names = [name] if len(outputs) == 1 else [self._variable(f"{name}_{i}") for i in range(len(outputs))]
        code = _without_parentheses(outputs[0].code)
        if names != [code]:
            self._module.forward.append(f"{', '.join(names)} = {code}")
        self._tensors[index] = [replace(output, code=own) for own, output in zip(names, outputs, strict=True)]

    def _variable(self, name: str) -> str:
        while name in self._variables:
            name += "_"
        self._variables.add(name)
        return name

    def _tensor(self, edge: Edge, where: str) -> Tensor:
        tensors = self._tensors[edge.source]
        if edge.output is None and len(tensors) == 1:
            return tensors[0]
        if edge.output is None or edge.output >= len(tensors):
            raise EpochalError(
                f"{where}: its input comes from a layer with the outputs 0 to {len(tensors) - 1}, found "
                f"{'no selected output' if edge.output is None else f'output {edge.output}'}",
                "Select an existing output, as in NAME:0.",
            )
        return tensors[edge.output]


def _write(call: Call) -> Sequence[Tensor]:
    """Write the torch code for a call of a Keras layer into `call`, and return its output tensors."""
    if call.kind not in LAYERS:
        call.no_counterpart()
    integer = convert_integers(call)
    result: Any = LAYERS[call.kind](call)
    call.finish()
    outputs = [result] if isinstance(result, Tensor) else list(result)
    return [replace(output, integer=integer or output.integer) for output in outputs]


def _without_parentheses(code: str) -> str:
    """Return code without parentheses around the whole code."""
    depth = 0
    for position, character in enumerate(code):
        depth += (character == "(") - (character == ")")
        if depth == 0 and position < len(code) - 1:
            return code
    return code[1:-1] if code.startswith("(") and code.endswith(")") else code
