"""Layers that look up indices, and the check that features are valid indices for them.

Keras leaves this to the device: TensorFlow fails on a CPU, and on a GPU returns zeros for a missing index.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from epochal_api.trainingjob.network import Layer

from epochal_trainer.data.samples import Samples
from epochal_trainer.lib.failures import bad_data
from epochal_trainer.model.graph import Node

RESHAPING_LAYERS = frozenset({"Flatten", "Identity", "Permute", "RepeatVector", "Reshape"})
"""Layers whose output has the values of their input."""
LOOKUP_LAYERS: Mapping[str, str] = {
    "CategoryEncoding": "num_tokens",
    "Embedding": "input_dim",
    "ReversibleEmbedding": "input_dim",
}
"""Layers that take indices, and the argument that gives the number of valid indices."""
_NEGATIVE_INDEX_LAYERS = frozenset({"Embedding", "ReversibleEmbedding"})
"""Layers that count negative indices from the end, as Python does."""


def check_indices(samples: Samples, nodes: Sequence[Node]) -> None:
    """Check that features are within the index range of the layers that look them up unchanged.

    Raises:
        Failure: InvalidData, with the layer, its argument, the value found and the requirement.
    """
    features = samples.features
    for node, layer, argument, size in _lookups(nodes):
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
            f"{samples.features_name} holds {features.flat[position]} at {index}, but {node} has {argument} {size:,}: "
            f"its input must be indices from 0 to {size - 1:,}. Raise {argument}, or correct the data",
        )


def _lookups(nodes: Sequence[Node]) -> Iterator[tuple[Node, str, str, int]]:
    """Yield the nodes that look up the unchanged input of the network: layer class, argument and number of indices."""
    for node, layer, arguments in operations_on_input(nodes):
        if argument := LOOKUP_LAYERS.get(layer):
            yield node, layer, argument, int(arguments[argument])


def operations_on_input(nodes: Sequence[Node]) -> Iterator[tuple[Node, str, Mapping[str, Any]]]:
    """Yield each operation on the unchanged input of the network: its node, layer class and arguments."""
    unchanged = {-1}
    for node in nodes:
        if not unchanged.issuperset(node.inputs):
            continue
        for layer, arguments in _operations(node.layer.layer, node.layer.arguments):
            yield node, layer, arguments
            if layer not in RESHAPING_LAYERS:
                break
        else:
            unchanged.add(node.index)


def preserves_values(layer: Layer) -> bool:
    """Return whether a layer only moves its input's values, alone or before a layer that looks them up.

    In the layer's precision, Keras would round an index, and so look up another row.
    """
    if layer.layer in LOOKUP_LAYERS:
        return False  # These take exact indices in any precision, and compute in the configured precision.
    for kind, _ in _operations(layer.layer, layer.arguments):
        if kind in LOOKUP_LAYERS:
            return True
        if kind not in RESHAPING_LAYERS:
            return False
    return True


def _operations(layer: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the operations of a layer on its input in order, each as a Keras class and its arguments."""
    match layer, arguments:
        case ("TimeDistributed", {"wrapped": dict(inner)}):
            yield from _operations(inner["layer"], inner)
        case ("Pipeline", {"layers": [*parts]}):
            for part in parts:
                yield from _operations(part["layer"], part)
        case _:
            yield layer, arguments
