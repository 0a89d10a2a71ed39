"""Checks that features are valid indices for layers that look them up, such as Embedding.

Keras does not check indices: for an invalid index, TensorFlow fails on a CPU, and returns zeros on a GPU.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from epochal_api.trainingjob.exact_layers import LOOKUP_LAYERS, RESHAPING_LAYERS, operations

from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import bad_data
from epochal_trainer.model.graph import Node

_NEGATIVE_INDEX_LAYERS = frozenset({"Embedding", "ReversibleEmbedding"})
"""Layers that count negative indices from the end, as Python does."""


def check_indices(samples: Samples, nodes: Sequence[Node], source: int = -1) -> None:
    """Check that features are within the index range of the layers that look up the unchanged features.

    Args:
        samples: Data with the features of one input.
        nodes: The layers of the network.
        source: The input of the network as a negative index, as in `Node.sources`: -1 is the last input.

    Raises:
        Failure: InvalidData, with the layer, its argument, the value found and the requirement.
    """
    features = samples.features
    for node, layer, argument, size in _lookups(nodes, source):
        # Keras truncates the fraction.
        lowest = -size if layer in _NEGATIVE_INDEX_LAYERS else 0
        position = int(features.argmax())
        if features.flat[position] < size:
            position = int(features.argmin())
            if features.flat[position] > lowest - 1:
                continue
        index = [int(of_axis) for of_axis in np.unravel_index(position, features.shape)]
        raise bad_data(
            "InvalidData",
            f"{samples.features_source} holds {features.flat[position]} at {index}, but {node} has {argument} "
            f"{size:,}: its input must be indices from 0 to {size - 1:,}. Raise {argument}, or correct the data",
        )


def _lookups(nodes: Sequence[Node], source: int) -> Iterator[tuple[Node, str, str, int]]:
    """Yield each lookup in an unchanged input: node, layer class, and name and value of the argument with the size."""
    for node, layer, arguments in operations_on_input(nodes, source):
        if argument := LOOKUP_LAYERS.get(layer):
            yield node, layer, argument, int(arguments[argument])


def operations_on_input(nodes: Sequence[Node], source: int = -1) -> Iterator[tuple[Node, str, Mapping[str, Any]]]:
    """Yield each operation on an unchanged input of the network: its node, layer class and arguments.

    An input is unchanged as long as layers only move or reshape its values. A node with several inputs is included if
    all of them are unchanged inputs of the network. `source` is the negative index of the input, as in `Node.sources`.
    """
    # For each node that only moves values: the inputs of the network that the values come from.
    unchanged: dict[int, frozenset[int]] = {}
    for node in nodes:
        taken = [frozenset([other]) if other < 0 else unchanged.get(other) for other in node.sources]
        inputs = frozenset().union(*(values or () for values in taken))
        if source not in inputs or None in taken:
            continue
        for layer, arguments in operations(node.kind, node.layer.arguments):
            yield node, layer, arguments
            if layer not in RESHAPING_LAYERS:
                break
        else:
            unchanged[node.index] = inputs
