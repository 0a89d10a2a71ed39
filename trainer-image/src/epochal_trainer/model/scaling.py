"""Finds out whether the first layers of a network scale its features, so that their ranges do not matter."""

from collections.abc import Sequence

from epochal_api.trainingjob.exact_layers import LOOKUP_LAYERS

from epochal_trainer.model.graph import Node
from epochal_trainer.model.indices import operations_on_input

SCALING_LAYERS = frozenset({"BatchNormalization", "Discretization", "Normalization", "Rescaling"})
"""Layers that scale each feature, or replace its value. Layers that normalize each sample keep the ratio of features,
such as LayerNormalization."""
INDEX_LAYERS = frozenset({*LOOKUP_LAYERS, "HashedCrossing", "Hashing", "IntegerLookup"})
"""Layers whose inputs are categories, such as indices of words, and not quantities."""


def scales_input(nodes: Sequence[Node], source: int = -1) -> bool:
    """Return whether a layer scales the values of an input of the network before another layer changes them.

    `source` is the negative index of the input, as in `Node.sources`.
    """
    return any(layer in SCALING_LAYERS for _, layer, _ in operations_on_input(nodes, source))


def takes_indices(nodes: Sequence[Node], source: int = -1) -> bool:
    """Return whether a layer uses the values of an unchanged input of the network as categories, such as indices.

    `source` is the negative index of the input, as in `Node.sources`.
    """
    return any(layer in INDEX_LAYERS for _, layer, _ in operations_on_input(nodes, source))
