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

MOVE = frozenset({"Flatten", "Identity", "Permute", "RepeatVector", "Reshape"})
"""Layers whose output has the values of their input."""
LOOK_UP: Mapping[str, str] = {
    "CategoryEncoding": "num_tokens",
    "Embedding": "input_dim",
    "ReversibleEmbedding": "input_dim",
}
"""Layers that take indices, and the argument that gives the number of valid indices."""
_FROM_THE_END = frozenset({"Embedding", "ReversibleEmbedding"})
"""Layers that count negative indices from the end, as Python does."""


def check_indices(samples: Samples, nodes: Sequence[Node]) -> None:
    """Check that features are within the index range of the layers that look them up unchanged.

    Args:
        samples: The data set.
        nodes: The network's layers, in order; each can be built.

    Raises:
        Failure: InvalidData, with the layer, its argument, the value found and the requirement.
    """
    features = samples.features
    for node, layer, argument, size in _look_ups(nodes):
        # Keras truncates the fraction.
        lowest = -size if layer in _FROM_THE_END else 0
        place = int(features.argmax())
        if features.flat[place] < size:
            place = int(features.argmin())
            if features.flat[place] > lowest - 1:
                continue
        where = [int(index) for index in np.unravel_index(place, features.shape)]
        raise bad_data(
            "InvalidData",
            f"{samples.features_name} holds {features.flat[place]} at {where}, and {node} has {argument} {size:,}: "
            f"what goes into it must be indices from 0 to {size - 1:,}. Raise {argument}, or mend the data",
        )


def _look_ups(nodes: Sequence[Node]) -> Iterator[tuple[Node, str, str, int]]:
    """Yield the nodes that look up the unchanged input of the network: layer class, argument and number of indices."""
    unchanged = {-1}
    for node in nodes:
        if not unchanged.issuperset(node.takes):
            continue
        for layer, arguments in _operations(node.layer.layer, node.layer.arguments):
            if argument := LOOK_UP.get(layer):
                yield node, layer, argument, int(arguments[argument])
            if layer not in MOVE:
                break
        else:
            unchanged.add(node.index)


def keeps_values(layer: Layer) -> bool:
    """Return whether a layer only moves its input's values, alone or before a layer that looks them up.

    In the layer's precision, Keras would round an index, and so look up another row.

    Args:
        layer: The layer.
    """
    if layer.layer in LOOK_UP:
        return False  # These take exact indices in any precision, and compute in the configured precision.
    for kind, _ in _operations(layer.layer, layer.arguments):
        if kind in LOOK_UP:
            return True
        if kind not in MOVE:
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
