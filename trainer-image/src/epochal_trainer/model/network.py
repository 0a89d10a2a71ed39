"""Builds the network of a TrainingJob.

Every error is found before data is read. Its message has the layer's index in the list, its class and its name.
"""

import inspect
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
from epochal_api.network import INPUT, Layer, Network
from epochal_api.training import Training

from epochal_trainer.lib.failures import bad_spec, node_full
from epochal_trainer.model import keras_objects
from epochal_trainer.model.compile import optimizer_slots
from epochal_trainer.model.footprint import Footprint
from epochal_trainer.model.lookups import leaves_as_it_is

log = logging.getLogger(__name__)

_MOST_IN_A_ROW = 900
"""Maximum number of layers in a row.

Keras traverses them recursively when it builds or loads a model, and Python's recursion limit is 1,000 calls."""

_FULL = "float32"
_HALF = frozenset({"bfloat16", "float16"})
_BEFORE_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class Node:
    """A layer in the graph of the network.

    Args:
        index: Its index in spec.network.layers.
        layer: Its spec.
        name: Its name, unique in the network.
        takes: Indices of the nodes that are its inputs; -1 is the network's input.
    """

    index: int
    layer: Layer
    name: str
    takes: Sequence[int]

    def __str__(self) -> str:
        return f"spec.network.layers[{self.index}] ({self.layer.layer}, {self.name!r})"


def graph(network: Network) -> list[Node]:
    """Return the layers with names and edges, in the order of the list.

    Raises:
        Failure: InvalidNetwork, if no layer takes the output of a layer, or if too many layers follow one another.
    """
    taken = {layer.name for layer in network.layers} | {INPUT}
    places = {INPUT: -1}
    nodes = []
    for index, layer in enumerate(network.layers):
        takes = [places[name] for name in layer.inputs] if layer.inputs else [index - 1]
        name = layer.name or _free_name(f"{_BEFORE_CAPITAL.sub('_', layer.layer).lower()}_{index}", taken)
        taken.add(name)
        places[name] = index
        nodes.append(Node(index, layer, name, takes))
    used = {place for node in nodes for place in node.takes} | {len(nodes) - 1}
    for node in nodes:
        if node.index not in used:
            message = (
                "no layer takes what it gives, and it is not the last: name it in the inputs of another, or drop it"
            )
            raise bad_spec("InvalidNetwork", f"{node}: {message}")
    before = {-1: 0}
    for node in nodes:
        before[node.index] = 1 + max(before[place] for place in node.takes)
        if before[node.index] > _MOST_IN_A_ROW:
            message = f"it is layer {before[node.index]} in a row, and Keras takes {_MOST_IN_A_ROW}: leave layers out"
            raise bad_spec("InvalidNetwork", f"{node}: {message}, or let some work side by side, by their inputs")
    return nodes


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
    nodes = graph(network)
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
        if replace(footprint, best=0).fits(memory, gpus):
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
    try:
        start = keras.Input(network.input.shape, dtype=network.input.dtype, name=INPUT)
    except keras_objects.NOT_THE_JOB:
        raise
    except Exception as error:
        raise bad_spec("InvalidNetwork", f"spec.network.input: {keras_objects.explain(error)}") from error
    outputs: list[Any] = []
    for node in nodes:
        inputs = [start if place < 0 else outputs[place] for place in node.takes]
        as_it_is = leaves_as_it_is(node.layer) and not _HALF.intersection(str(tensor.dtype) for tensor in inputs)
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
    try:
        layer = keras_objects.layer(node.layer, name=node.name)
    except keras_objects.InvalidObject as error:
        raise bad_spec("InvalidNetwork", f"{node}: {error}") from error
    got = " and ".join(str(tuple(tensor.shape)) for tensor in inputs)
    try:
        output = _apply(layer, inputs)
    except keras_objects.NOT_THE_JOB:
        raise
    except Exception as error:  # Keras and TensorFlow raise exceptions of many types for wrong shapes
        message = _missing_axis(layer, node, inputs) or keras_objects.explain(error)
        raise bad_spec("InvalidNetwork", f"{node} got {got}: {message}") from error
    if not isinstance(output, keras.KerasTensor):
        found = f"{len(output)} outputs" if isinstance(output, Sequence) else type(output).__name__
        message = f"it gives {found}, but must give one: leave out arguments such as return_state"
        raise bad_spec("InvalidNetwork", f"{node} got {got}: {message}")
    if 0 in output.shape[1:]:
        message = f"it gives the empty shape {tuple(output.shape)}: its input is too small for it"
        raise bad_spec("InvalidNetwork", f"{node} got {got}: {message}")
    return output


def _missing_axis(layer: keras.layers.Layer, node: Node, inputs: Sequence[Any]) -> str | None:
    """Return advice for an input that lacks one axis, such as images without channels; None if the input is complete.

    Keras' own message only compares the number of axes.
    """
    wanted = keras.tree.flatten(layer.input_spec)
    if len(inputs) != 1 or len(wanted) != 1 or wanted[0] is None:
        return None
    shape = tuple(inputs[0].shape)
    if len(shape) + 1 != (wanted[0].ndim or wanted[0].min_ndim):
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


def _free_name(name: str, taken: set[str | None]) -> str:
    while name in taken:
        name += "_"
    return name
