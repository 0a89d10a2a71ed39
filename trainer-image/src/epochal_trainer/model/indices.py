"""Checks that features are valid indices for the layers that look them up.

Keras leaves this to the device: TensorFlow fails on a CPU, and on a GPU returns zeros for a missing index.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from epochal_trainer.data import Samples
from epochal_trainer.lib.failures import bad_data
from epochal_trainer.model.lookups import LOOK_UP, MOVE, steps
from epochal_trainer.model.network import Node

_FROM_THE_END = frozenset({"Embedding", "ReversibleEmbedding"})
"""Layers that count negative indices from the end, as Python does."""


class _LookUp(NamedTuple):
    node: Node
    layer: str
    argument: str
    size: int


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


def _look_ups(nodes: Sequence[Node]) -> Iterator[_LookUp]:
    """Yield the layers that look up the unchanged input of the network."""
    as_it_is = {-1}
    for node in nodes:
        if not as_it_is.issuperset(node.takes):
            continue
        for layer, arguments in steps(node.layer.layer, node.layer.arguments):
            if argument := LOOK_UP.get(layer):
                yield _LookUp(node, layer, argument, int(arguments[argument]))
            if layer not in MOVE:
                break
        else:
            as_it_is.add(node.index)
