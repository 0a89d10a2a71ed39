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
from epochal_trainer.model.graph import Node, nodes_of
from epochal_trainer.model.indices import keeps_values
from epochal_trainer.model.keras_objects import errors_as, invalid_objects_as

log = logging.getLogger(__name__)

_FULL = "float32"
_HALF = frozenset({"bfloat16", "float16"})


def build(
    network: Network,
    *,
    seed: int,
    memory: int,
    others: int = 0,
    gpus: int = 0,
    training: Training | None = None,
    keeps_best: bool = False,
) -> keras.Model:
    """Build the network of a TrainingJob as a Keras model.

    Args:
        network: Its spec.
        seed: Seed of its weights, and of all later random numbers.
        memory: Bytes of the host's memory available for its training. A network that needs more is refused before
            anything is allocated.
        others: Additional bytes that would be available if nothing else ran on this machine.
        gpus: Number of GPUs to train it on; 0 to train it on the host.
        training: How it is trained: its precision, and its further needs of memory. None to compute in float32 and to
            count weights and gradients only.
        keeps_best: Whether the weights of the best epoch are kept in memory.

    Returns:
        The model, built, with one input of shape (batch, *network.input.shape) and one output.

    Raises:
        Failure: InvalidNetwork, with the layer, its input shapes and the requirement; InvalidTraining, if the optimizer
            does not exist; OutOfMemory, if memory is short only because of other processes.
    """
    nodes = nodes_of(network)
    precision = training.precision if training else _FULL
    slots = optimizer_slots(training) if training else 0
    # Built twice: in a stateless scope, variables have shapes but no values, so the first build takes milliseconds at
    # any size.
    with keras.StatelessScope(initialize_variables=False):
        sketch = _connect(network, nodes, precision)
    footprint = Footprint.of(sketch, training, slots=slots, keeps_best=keeps_best)
    if not footprint.fits(memory, gpus):
        found = _too_large(sketch, nodes, footprint, memory)
        if footprint.fits(memory + others, gpus):
            raise node_full(found)
        todo = "Make the network smaller, or raise spec.resources.limits.memory"
        if footprint.fits(memory, gpus, without_best=True):
            todo = "Raise spec.resources.limits.memory, or do without best.keras: spec.results.best: false"
        raise bad_spec("InvalidNetwork", f"{found}. {todo}")
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    model = _connect(network, nodes, precision)
    if (given := str(model.output.dtype)) in _HALF:
        log.warning(
            "%s gives %s: give it dtype: float32, since losses and figures of such small types are inexact.",
            nodes[-1],
            given,
        )
    return model


def _connect(network: Network, nodes: Sequence[Node], precision: str) -> keras.Model:
    with errors_as(lambda message: bad_spec("InvalidNetwork", f"spec.network.input: {message}")):
        start = keras.Input(network.input.shape, dtype=network.input.dtype, name=INPUT)
    outputs: list[Any] = []
    for node in nodes:
        inputs = [start if place < 0 else outputs[place] for place in node.takes]
        as_it_is = keeps_values(node.layer) and not _HALF.intersection(str(tensor.dtype) for tensor in inputs)
        # The output of a network should be float32: https://keras.io/api/mixed_precision/
        with _policy(_FULL if as_it_is or node is nodes[-1] else precision):
            outputs.append(_call(node, inputs))
    with _policy(precision):
        return keras.Model(start, outputs[-1])


@contextmanager
def _policy(name: str) -> Iterator[None]:
    """Set the dtype policy of the layers that are built within the context and have no policy of their own."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _call(node: Node, inputs: Sequence[Any]) -> Any:
    with invalid_objects_as(lambda message: bad_spec("InvalidNetwork", f"{node}: {message}")):
        layer = keras_objects.layer(node.layer, name=node.name)

    def failure(message: str) -> Failure:
        shapes = " and ".join(str(tuple(tensor.shape)) for tensor in inputs)
        return bad_spec("InvalidNetwork", f"{node} got {shapes}: {message}")

    with errors_as(lambda message: failure(_missing_axis(layer, node, inputs) or message)):
        output = _apply(layer, inputs)
    if not isinstance(output, keras.KerasTensor):
        found = f"{len(output)} outputs" if isinstance(output, Sequence) else type(output).__name__
        raise failure(f"it gives {found}, but must give one: leave out arguments such as return_state")
    if 0 in output.shape[1:]:
        raise failure(f"it gives the empty shape {tuple(output.shape)}: its input is too small for it")
    return output


def _missing_axis(layer: keras.layers.Layer, node: Node, inputs: Sequence[Any]) -> str | None:
    """Return advice for an input that lacks one axis, such as images without channels; None if the input is complete.

    Keras' own message only compares the number of axes.
    """
    expected = keras.tree.flatten(layer.input_spec)
    if len(inputs) != 1 or len(expected) != 1 or expected[0] is None:
        return None
    shape = tuple(inputs[0].shape)
    if len(shape) + 1 != (expected[0].ndim or expected[0].min_ndim):
        return None
    lacks = f"{node.layer.layer} takes one axis more, the last: an image's channels, or what a series has at each step"
    if None in shape[1:]:
        return lacks
    more = [*shape[1:], 1]
    if node.takes == [-1]:
        return f"{lacks}: write spec.network.input.shape: {more}. To data without it, an axis of 1 is added by itself"
    return (
        f"{lacks}: put {{layer: Reshape, target_shape: {more}}} before it, or that axis into spec.network.input.shape"
    )


def _apply(layer: keras.layers.Layer, inputs: Sequence[Any]) -> Any:
    """Call a layer with its inputs: positional for several required arguments, as a list for a single argument."""
    parameters = inspect.signature(layer.call).parameters.values()
    required = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    if len(required) > 1:
        if len(inputs) < len(required):
            raise ValueError(f"it takes {len(required)} inputs, {' and '.join(required)}: name them in inputs")
        return layer(*inputs)
    if len(inputs) == 1:
        return layer(inputs[0])
    if "initial_state" in {parameter.name for parameter in parameters}:
        return layer(inputs[0], initial_state=list(inputs[1:]))
    return layer(list(inputs))


def _too_large(model: keras.Model, nodes: Sequence[Node], footprint: Footprint, memory: int) -> str:
    node = max(nodes, key=lambda node: model.get_layer(node.name).count_params())
    largest = model.get_layer(node.name).count_params()
    return (
        f"spec.network has {model.count_params():,} parameters: {footprint}, but there are {memory / 2**30:,.1f} GiB. "
        f"{node} has {largest:,} of them"
    )
