"""Builds a network symbolically, layer by layer, and reports every layer, also after a layer with an error.

Variables have shapes but no values, so that a layer of any size takes milliseconds and no memory.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

import keras
from epochal_api.trainingjob.network import Network
from keras.src.utils.naming import reset_uids

from epochal_trainer.lib.failures import Failure
from epochal_trainer.model.graph import Node, graph_errors, read_nodes
from epochal_trainer.model.layer_calls import FULL_PRECISION, LayerCalls

Shape = tuple[int | None, ...]

_MAX_REUSES = 50
"""Maximum number of successive sketches that reuse layers. Then all layers are built again, to free memory.

A Keras layer refers to all layers that ever used its output.
"""


@dataclass(frozen=True)
class LayerReport:
    """The result of a symbolic call of a layer, for an entry of spec.network.layers.

    Args:
        index: Index of the entry in spec.network.layers.
        name: Name of the entry.
        kind: The layer's class in keras.layers.
        shapes: The shape of each output, with None for the batch axis and for each axis of any length. None if the
            layer could not be called, because of its own error or because a layer that it depends on was not called.
        parameters: Number of parameters of the layer; 0 for a further call of a layer, None if it could not be called.
        error: The layer's own error, with the layer, its input shapes and the requirement; None if it has none.
    """

    index: int
    name: str
    kind: str
    shapes: tuple[Shape, ...] | None = None
    parameters: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class _Built:
    """The built layers of a sketch, which the sketch of an edited version of the network can reuse.

    Args:
        inputs: The precision and the inputs of the network, to compare them.
        nodes: The parts of each node that determine its report, to compare them.
        reports: The report of each layer, without errors of the graph.
        calls: The layers and their outputs.
        reuses: Number of successive earlier sketches from which these layers were reused.
    """

    inputs: Hashable
    nodes: Sequence[Hashable]
    reports: Sequence[LayerReport]
    calls: LayerCalls
    reuses: int


@dataclass(frozen=True)
class Sketch:
    """The result of a symbolic build of a network: a report for each layer, and errors.

    Args:
        layers: A report for each layer, in the order of the spec.
        errors: Errors of the network's inputs and outputs, which belong to no layer.
        built: The built layers, for a later sketch; None if Keras refuses an input.
        reused: Number of layers that were reused from the previous sketch.
    """

    layers: Sequence[LayerReport]
    errors: Sequence[str] = ()
    built: _Built | None = None
    reused: int = 0

    @property
    def all_errors(self) -> list[str]:
        """The errors of the network's inputs and outputs, then the errors of its layers."""
        return [*self.errors, *(layer.error for layer in self.layers if layer.error)]


def sketch(network: Network, *, precision: str = FULL_PRECISION, previous: Sketch | None = None) -> Sketch:
    """Return the shapes, parameters and errors of all layers of a network.

    Args:
        network: spec.network.
        precision: The dtype policy of the layers, as spec.training.precision.
        previous: The sketch of an earlier version of the network. Layers before the first changed layer are reused.
    """
    nodes = read_nodes(network)
    faults = list(graph_errors(network, nodes))
    errors = [fault.message for fault in faults if fault.node is None]
    faulty = {fault.node.index: fault.message for fault in reversed(faults) if fault.node is not None}

    def with_faults(reports: Sequence[LayerReport]) -> list[LayerReport]:
        return [replace(report, error=report.error or faulty.get(report.index)) for report in reports]

    with keras.StatelessScope(initialize_variables=False):
        try:
            calls = LayerCalls(network, nodes, precision)
        except Failure as failure:
            return Sketch(with_faults([_report(node) for node in nodes]), [failure.message, *errors])
        inputs = (precision, *(item.model_dump_json() for item in network.input_list))
        keys = [_key(node, calls) for node in nodes]
        reports: list[LayerReport] = []
        reuses = same = 0
        if previous is not None and (built := previous.built) is not None and built.reuses < _MAX_REUSES:
            same = _common_length(keys, built.nodes) if built.inputs == inputs else 0
            if same:
                calls.reuse(built.calls, same)
                reports, reuses = list(built.reports[:same]), built.reuses + 1
        reports += [_call(node, calls) for node in nodes[len(reports) :]]
        errors += _output_errors(network, calls)
    return Sketch(with_faults(reports), errors, _Built(inputs, keys, reports, calls, reuses), same)


def _key(node: Node, calls: LayerCalls) -> Hashable:
    """Return the parts of a node that determine its report. Reports are equal if the keys of all nodes up to it are."""
    used = node.used.index if node.used else None
    # As JSON, in which 1 differs from 1.0 and true.
    return node.layer.model_dump_json(), node.name, tuple(node.inputs), used, calls.is_output(node)


def _common_length(keys: Sequence[Hashable], others: Sequence[Hashable]) -> int:
    pairs = enumerate(zip(keys, others, strict=False))
    return next((index for index, (key, other) in pairs if key != other), min(len(keys), len(others)))


def _call(node: Node, calls: LayerCalls) -> LayerReport:
    if not calls.can_call(node):
        return _report(node)
    reset_uids()  # so that Keras' messages name nested layers equally in each sketch
    try:
        tensors = calls.call(node)
    except Failure as failure:
        return replace(_report(node), error=failure.message)
    layer = calls.layers[node.index] if node.used is None else None
    shapes = tuple(tuple(tensor.shape) for tensor in tensors)
    return replace(_report(node), shapes=shapes, parameters=layer.count_params() if layer is not None else 0)


def _report(node: Node) -> LayerReport:
    return LayerReport(node.index, node.name, node.kind)


def _output_errors(network: Network, calls: LayerCalls) -> Iterator[str]:
    """Yield an error for each output of the network whose layer has several outputs, unless the spec selects one."""
    for edge, name in zip(network.output_edges, network.output_names, strict=True):
        if edge.source in calls.tensors:
            try:
                calls.output(edge, name)
            except Failure as failure:
                yield failure.message
