"""Whether features are indices that the layers have which look them up.

Keras leaves it to the device: TensorFlow fails on a CPU, and on a GPU takes zeros for what is not there.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from epochal_trainer.data import Samples
from epochal_trainer.lib.failures import bad_data
from epochal_trainer.model.lookups import LOOK_UP, MOVE, steps
from epochal_trainer.model.network import Node

_FROM_THE_END = frozenset({"Embedding", "ReversibleEmbedding"})
"""Layers that count indices below 0 from the end, as Python does."""


class _LookUp(NamedTuple):
    node: Node
    layer: str
    argument: str
    size: int


def check_indices(samples: Samples, nodes: Sequence[Node]) -> None:
    """Makes sure that indices are within what layers have for them, where these take the features as they are.

    Args:
        samples: The data set.
        nodes: The network's layers, in order; each can be built.

    Raises:
        Failure: InvalidData, naming the layer, its argument, what was found and what must hold.
    """
    features = samples.features
    for node, layer, argument, size in _look_ups(nodes):
        # Keras cuts off what follows the point.
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
    """Yields the layers that look the network's input up, as it is."""
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
