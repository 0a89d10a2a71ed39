"""Whether features are indices that the layers have which look them up.

Keras leaves it to the device: TensorFlow fails on a CPU, and on a GPU takes zeros for what is not there.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from epochal_trainer.data import Samples
from epochal_trainer.failures import bad_data
from epochal_trainer.network import Node

_MOVE = frozenset({"Flatten", "Identity", "Permute", "RepeatVector", "Reshape"})
"""Layers that give the values that they take."""
_LOOK_UP: Mapping[str, str] = {
    "CategoryEncoding": "num_tokens",
    "Embedding": "input_dim",
    "ReversibleEmbedding": "input_dim",
}
"""Layers that take indices, and the argument that says how many there are."""
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
        for layer, arguments in _steps(node.layer.layer, node.layer.arguments):
            if argument := _LOOK_UP.get(layer):
                yield _LookUp(node, layer, argument, int(arguments[argument]))
            if layer not in _MOVE:
                break
        else:
            as_it_is.add(node.index)


def _steps(layer: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields what a layer does to its input, one after the other: a class of Keras and its arguments."""
    match layer, arguments:
        case ("TimeDistributed", {"wrapped": dict(inner)}):
            yield from _steps(inner["layer"], inner)
        case ("Pipeline", {"layers": [*parts]}):
            for part in parts:
                yield from _steps(part["layer"], part)
        case _:
            yield layer, arguments
