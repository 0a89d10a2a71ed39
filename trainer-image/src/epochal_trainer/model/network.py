"""Builds the network of a TrainingJob.

Every error is found before data is read. Its message has the layer's index in the list, its class and its name.
"""

import inspect
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from epochal_api.trainingjob.network import INPUT, Network
from epochal_api.trainingjob.training import Training

from epochal_trainer.lib.failures import Failure, bad_spec, node_full
from epochal_trainer.model import keras_objects
from epochal_trainer.model.compile import optimizer_slots
from epochal_trainer.model.footprint import Footprint
from epochal_trainer.model.graph import Node, build_nodes
from epochal_trainer.model.indices import preserves_values
from epochal_trainer.model.keras_objects import errors_as, invalid_objects_as

log = logging.getLogger(__name__)

_FULL_PRECISION = "float32"
_HALF_PRECISION = frozenset({"bfloat16", "float16"})


def build(
    network: Network,
    *,
    seed: int,
    memory: int,
    used_by_others: int = 0,
    gpus: int = 0,
    training: Training | None = None,
    keeps_best: bool = False,
) -> keras.Model:
    """Build the network of a TrainingJob as a Keras model with one input and one output.

    Args:
        network: Its spec.
        seed: Seed of its weights, and of all later random numbers.
        memory: Bytes of the host's memory available for its training. A network that needs more is refused before
            anything is allocated.
        used_by_others: Additional bytes that would be available if nothing else ran on this machine.
        gpus: Number of GPUs to train it on; 0 to train it on the host.
        training: Its precision, and its further needs of memory. None for float32, and for weights and gradients only.
        keeps_best: Whether the weights of the best epoch are kept in memory.

    Raises:
        Failure: InvalidNetwork, with the layer, its input shapes and the requirement; InvalidTraining, if the optimizer
            does not exist; OutOfMemory, if memory is short only because of other processes.
    """
    nodes = build_nodes(network)
    precision = training.precision if training else _FULL_PRECISION
    slots = optimizer_slots(training) if training else 0
    # Built twice: in a stateless scope, variables have shapes but no values, so the first build takes milliseconds at
    # any size.
    with keras.StatelessScope(initialize_variables=False):
        stateless_model = _connect_layers(network, nodes, precision)
    footprint = Footprint.estimate(stateless_model, training, slots=slots, keeps_best=keeps_best)
    if not footprint.fits(memory, gpus):
        found = _size_error(stateless_model, nodes, footprint, memory)
        if footprint.fits(memory + used_by_others, gpus):
            raise node_full(found)
        advice = "Make the network smaller, or raise spec.resources.limits.memory"
        if footprint.fits(memory, gpus, without_best=True):
            advice = "Raise spec.resources.limits.memory, or store no best.keras: spec.results.best: false"
        raise bad_spec("InvalidNetwork", f"{found}. {advice}")
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    model = _connect_layers(network, nodes, precision)
    if (dtype := str(model.output.dtype)) in _HALF_PRECISION:
        advice = "write dtype: float32 for it, since losses and metrics of such small types are inexact"
        log.warning("The output of %s has the type %s: %s.", nodes[-1], dtype, advice)
    return model


def _connect_layers(network: Network, nodes: Sequence[Node], precision: str) -> keras.Model:
    with errors_as(lambda message: bad_spec("InvalidNetwork", f"spec.network.input: {message}")):
        network_input = keras.Input(network.input.shape, dtype=network.input.dtype, name=INPUT)
    outputs: list[Any] = []
    for node in nodes:
        inputs = [network_input if index < 0 else outputs[index] for index in node.inputs]
        is_exact = preserves_values(node.layer) and _HALF_PRECISION.isdisjoint(str(tensor.dtype) for tensor in inputs)
        # The output of a network should be float32: https://keras.io/api/mixed_precision/
        with _dtype_policy(_FULL_PRECISION if is_exact or node is nodes[-1] else precision):
            outputs.append(_build_node(node, inputs))
    with _dtype_policy(precision):
        return keras.Model(network_input, outputs[-1])


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    """Set the dtype policy of the layers that are built within the context and have no policy of their own."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _build_node(node: Node, inputs: Sequence[Any]) -> Any:
    with invalid_objects_as(lambda message: bad_spec("InvalidNetwork", f"{node}: {message}")):
        layer = keras_objects.build(keras.layers, node.layer.layer, {**node.layer.arguments, "name": node.name})

    def failure(message: str) -> Failure:
        shapes = " and ".join(str(tuple(tensor.shape)) for tensor in inputs)
        return bad_spec("InvalidNetwork", f"{node} got {shapes}: {message}")

    with errors_as(lambda message: failure(_missing_axis_advice(layer, node, inputs) or message)):
        output = _call_layer(layer, inputs)
    if not isinstance(output, keras.KerasTensor):
        found = f"{len(output)} outputs" if isinstance(output, Sequence) else type(output).__name__
        raise failure(f"it has {found}, but must have one output: remove arguments such as return_state")
    if 0 in output.shape[1:]:
        raise failure(f"its output has the empty shape {tuple(output.shape)}: its input is too small")
    return output


def _missing_axis_advice(layer: keras.layers.Layer, node: Node, inputs: Sequence[Any]) -> str | None:
    """Return advice for an input that lacks one axis, such as images without channels; None if the input is complete.

    Keras' own message only compares the number of axes.
    """
    expected = keras.tree.flatten(layer.input_spec)
    if len(inputs) != 1 or len(expected) != 1 or expected[0] is None:
        return None
    shape = tuple(inputs[0].shape)
    if len(shape) + 1 != (expected[0].ndim or expected[0].min_ndim):
        return None
    missing = (
        f"{node.layer.layer} needs one more axis, the last: the channels of an image, or the features of each step"
    )
    if None in shape[1:]:
        return missing
    full_shape = [*shape[1:], 1]
    if node.inputs == [-1]:
        write = f"write spec.network.input.shape: {full_shape}"
        return f"{missing}: {write}. An axis of 1 is added automatically to data without it"
    reshape = f"put {{layer: Reshape, target_shape: {full_shape}}} before it"
    return f"{missing}: {reshape}, or add the axis to spec.network.input.shape"


def _call_layer(layer: keras.layers.Layer, inputs: Sequence[Any]) -> Any:
    """Call a layer with its inputs: positional for several required arguments, as a list for a single argument."""
    parameters = inspect.signature(layer.call).parameters.values()
    required = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    if len(required) > 1:
        if len(inputs) < len(required):
            raise ValueError(f"it needs {len(required)} inputs, {' and '.join(required)}: set them in inputs")
        return layer(*inputs)
    if len(inputs) == 1:
        return layer(inputs[0])
    if "initial_state" in {parameter.name for parameter in parameters}:
        return layer(inputs[0], initial_state=list(inputs[1:]))
    return layer(list(inputs))


def _size_error(model: keras.Model, nodes: Sequence[Node], footprint: Footprint, memory: int) -> str:
    node = max(nodes, key=lambda node: model.get_layer(node.name).count_params())
    largest = model.get_layer(node.name).count_params()
    return (
        f"spec.network has {model.count_params():,} parameters: {footprint}, but only {memory / 2**30:,.1f} GiB are "
        f"free. {node} has {largest:,} of the parameters"
    )
