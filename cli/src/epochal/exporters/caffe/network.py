"""The exported network of Caffe: its layers, and the weights that convert.py copies from the Keras model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from epochal_api.trainingjob.network import Edge, Network

from epochal.exporters.caffe.prototxt import CaffeLayer
from epochal.exporters.layer_calls import Call
from epochal.exporters.support import no_counterpart
from epochal.exporters.tensors import Shape, Tensor, product

Segments = tuple[tuple[int, ...], ...]
"""Shapes in Keras of the tensors that a flat blob consists of. Caffe flattens each with its channels first."""


@dataclass(frozen=True)
class BlobConversion:
    """The code that converts the weights of one Keras layer to blobs of one or more Caffe layers.

    Args:
        keras_name: The name of the layer in Keras.
        names: Variable names for the arrays of `layer.get_weights()`, in their order.
        blobs: Code of the blobs, by the name of the Caffe layer. It uses the names.
        order: Segments of the flat input, if Caffe orders its elements in another way than Keras; else ().
        before: Statements before the blobs, such as the padding of a kernel with zeros.
        attributes: Code of arrays that are attributes of the Keras layer `layer`, by variable name.
    """

    keras_name: str
    names: Sequence[str]
    blobs: Mapping[str, Sequence[str]]
    order: Segments = ()
    before: Sequence[str] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


class CaffeNetwork:
    """The Caffe layers for a network so far. The functions for Keras layers add layers one after the other.

    Args:
        network: The network of the spec.
    """

    def __init__(self, network: Network) -> None:
        self._taken = {*network.layer_names, *(item.name for item in network.input_list)}
        self.layers: list[CaffeLayer] = []
        self.conversions: list[BlobConversion] = []
        self._segments: dict[str, Segments] = {}

    def free_name(self, name: str) -> str:
        """Reserve and return `name`, with underscores at its end if another layer or input has this name."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def add(
        self, kind: str, name: str, inputs: Sequence[Tensor], shape: Shape, parameters: tuple[str, str] = ("", "")
    ) -> Tensor:
        """Add a Caffe layer with one output, and return the output. `kind` is its type in Caffe."""
        self.layers.append(CaffeLayer(name, kind, [each.code for each in inputs], [name], parameters))
        if inputs and len(shape) == 1 and len(inputs[0].shape) == 1:
            self._segments[name] = self.segments(inputs[0])
        return Tensor(name, shape)

    def add_slice(self, name: str, x: Tensor, axis: int, length: int) -> Tensor:
        """Add a Slice layer that keeps the first `length` elements of an axis (0: rows, 1: columns) of an image."""
        rest = self.free_name(f"{name}/rest")
        fields = f"axis: {axis + 2} slice_point: {length}"
        self.layers.append(CaffeLayer(name, "Slice", [x.code], [name, rest], ("slice_param", fields)))
        self.layers.append(CaffeLayer(self.free_name(f"{rest}/unused"), "Silence", [rest], []))
        return Tensor(name, (*x.shape[:axis], length, *x.shape[axis + 1 :]))

    def segments(self, tensor: Tensor) -> Segments:
        """Return the segments of a flat blob: the shapes of the tensors that it consists of."""
        size = product(tensor.shape)
        return self._segments.get(tensor.code) or (((size or 0),),)

    def set_segments(self, tensor: Tensor, segments: Segments) -> None:
        """Set the segments of a flat blob. Adjacent flat segments are merged, so that their number stays small."""
        merged: list[tuple[int, ...]] = []
        for part in segments:
            if merged and len(part) == len(merged[-1]) == 1:
                merged[-1] = (merged[-1][0] + part[0],)
            else:
                merged.append(part)
        self._segments[tensor.code] = tuple(merged)

    def order(self, tensor: Tensor) -> Segments:
        """Return the segments of a flat blob if Caffe orders its elements in another way than Keras; else ()."""
        parts = self.segments(tensor) if len(tensor.shape) == 1 else ()
        return parts if any(_is_reordered(part) for part in parts) else ()


def _is_reordered(part: tuple[int, ...]) -> bool:
    return len(part) > 1 and part[-1] > 1 and any(size > 1 for size in part[:-1])


def write_network(network: Network) -> tuple[CaffeNetwork, list[str]]:
    """Return the Caffe network for a network of the spec, and the names of its outputs.

    Raises:
        EpochalError: If a layer or an argument has no counterpart in Caffe, or if shapes do not match.
    """
    caffe, count = CaffeNetwork(network), len(network.input_list)
    tensors: dict[int, Tensor] = {}
    for index, item in enumerate(network.input_list):
        if item.dtype != "float32" or -1 in item.shape:
            raise no_counterpart("caffe", f"spec.network input {item.name}", "an input of another type or of any size")
        sizes = [1, *item.shape[-1:], *item.shape[:-1]]
        dims = " ".join(f"dim: {size}" for size in sizes)
        tensors[index - count] = caffe.add(
            "Input", item.name, [], tuple(item.shape), ("input_param", f"shape {{ {dims} }}")
        )
    first = {layer.name: index for index, layer in enumerate(network.layers) if layer.name is not None}
    names, edges = network.layer_names, network.input_edges
    for index, layer in enumerate(network.layers):
        source = index if layer.use is None else first[layer.use]
        spec = network.layers[source]
        call = Call(
            f"spec.network.layers[{index}] ({spec.layer}, {names[source]!r})",
            spec.layer or "",
            arguments=spec.arguments,
            inputs=[_tensor(tensors, edge) for edge in edges[index]],
            attribute=names[index],
            helpers=set(),
            write=_no_inner,
            target="caffe",
        )
        tensors[index] = _write(call, caffe, names[source])
    outputs = [_tensor(tensors, edge) for edge in network.output_edges]
    for output in outputs:
        if caffe.order(output):
            raise no_counterpart("caffe", "spec.network.outputs", "an output of Flatten, whose order differs,")
    return caffe, [output.code for output in outputs]


def _tensor(tensors: Mapping[int, Tensor], edge: Edge) -> Tensor:
    if edge.output is not None:
        raise no_counterpart("caffe", "spec.network", "a layer with several outputs")
    return tensors[edge.source]


def _write(call: Call, caffe: CaffeNetwork, keras_name: str) -> Tensor:
    from epochal.exporters.caffe.layers import LAYERS  # noqa: PLC0415 - the layers use this module

    if call.kind not in LAYERS:
        call.no_counterpart()
    result = LAYERS[call.kind](call, caffe, keras_name)
    call.ignore_training()
    call.finish()
    return result


def _no_inner(call: Call) -> Sequence[Tensor]:
    call.no_counterpart()
