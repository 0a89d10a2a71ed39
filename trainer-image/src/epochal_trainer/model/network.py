"""Builds the Keras model of spec.network.

An error in a layer is found before data is read. The message has the layer's index in spec.network.layers, its class
and its name.
"""

import logging
from collections.abc import Sequence

import keras
from epochal_api.trainingjob.network import Network
from epochal_api.trainingjob.training import Training

from epochal_trainer.model.compile import optimizer_slots
from epochal_trainer.model.footprint import Footprint, FreeMemory
from epochal_trainer.model.graph import Node, build_nodes
from epochal_trainer.model.layer_calls import FULL_PRECISION, HALF_PRECISION, LayerCalls, dtype_policy

log = logging.getLogger(__name__)


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
    """Build the network of a TrainingJob as a Keras model, with its inputs and outputs in the order of the spec.

    Args:
        network: spec.network.
        seed: Seed of the weights, and of all later random numbers.
        memory: Bytes of the host's memory available for the training. A network that needs more is refused before
            memory is allocated for it.
        used_by_others: Additional bytes that would be available if nothing else ran on this machine.
        gpus: Number of GPUs to train on; 0 to train on the host.
        training: spec.training, with the precision, and the optimizer and callbacks that need memory. None for float32,
            and to count only weights and gradients.
        keeps_best: Whether the weights of the best epoch are kept in memory for best.keras.

    Raises:
        Failure: InvalidNetwork, with the layer, its input shapes and the requirement; InvalidTraining, if the optimizer
            does not exist; OutOfMemory, if memory is short only because of other processes.
    """
    nodes = build_nodes(network)
    precision = training.precision if training else FULL_PRECISION
    slots = optimizer_slots(training) if training else 0
    # Built twice: in a stateless scope, variables have shapes but no values, so the first build takes milliseconds at
    # any size.
    with keras.StatelessScope(initialize_variables=False):
        stateless_model = _connect_layers(network, nodes, precision)
    footprint = Footprint.estimate(stateless_model, training, slots=slots, keeps_best=keeps_best)
    found = f"spec.network has {stateless_model.count_params():,} parameters"
    FreeMemory(memory, used_by_others, gpus).require(footprint, found, _largest_layer(stateless_model, nodes))
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    model = _connect_layers(network, nodes, precision)
    for edge, tensor in zip(network.output_edges, model.outputs, strict=True):
        if (dtype := str(tensor.dtype)) in HALF_PRECISION:
            advice = "write dtype: float32 for it, since losses and metrics of such small types are inexact"
            log.warning("The output of %s has the type %s: %s.", nodes[edge.source], dtype, advice)
    return model


def _connect_layers(network: Network, nodes: Sequence[Node], precision: str) -> keras.Model:
    calls = LayerCalls(network, nodes, precision)
    for node in nodes:
        calls.call(node)
    outputs = [calls.output(*each) for each in zip(network.output_edges, network.output_names, strict=True)]
    with dtype_policy(precision):
        # A single tensor in place of a list of one: then Keras gives and takes arrays in place of lists.
        return keras.Model(*(tensors[0] if len(tensors) == 1 else tensors for tensors in (calls.inputs, outputs)))


def _largest_layer(model: keras.Model, nodes: Sequence[Node]) -> str:
    """Return a sentence that names the layer with the most parameters, to append to a message."""
    # Keras lists all layers of the model for each get_layer().
    parameters = {layer.name: layer.count_params() for layer in model.layers}
    node = max(nodes, key=lambda node: parameters[node.keras_name])
    return f". {node} has {parameters[node.keras_name]:,} of the parameters"
