"""Finds out which tensors of a network hold texts, and which layers accept texts as input.

Keras itself refuses texts in other layers only in the first step of a training, with a message about types.
"""

from collections.abc import Sequence

from epochal_api.trainingjob.exact_layers import RESHAPING_LAYERS, moves_values_to, operations
from epochal_api.trainingjob.network import Layer, NetworkInput

from epochal_trainer.model.graph import Node

_TEXT = "string"
_TEXT_LAYERS = frozenset({"HashedCrossing", "Hashing", "StringLookup", "TextVectorization"})
"""Layers that convert texts to numbers."""
_MOVING_LAYERS = RESHAPING_LAYERS | {"Concatenate"}
"""Layers that move values of any type. Some of them declare texts as numbers in Keras."""


def takes_texts(layer: Layer) -> bool:
    """Return whether a layer accepts texts: it converts them to numbers, or only moves them."""
    return moves_values_to(layer, _TEXT_LAYERS, _MOVING_LAYERS)


def text_sources(inputs: Sequence[NetworkInput], nodes: Sequence[Node]) -> set[int]:
    """Return the inputs of the network and the layers whose values are texts, by their index as in `Edge.source`."""
    found = {index - len(inputs) for index, item in enumerate(inputs) if item.dtype == _TEXT}
    for node in nodes:
        if _gives_texts(node, takes_texts=not found.isdisjoint(node.sources)):
            found.add(node.index)
    return found


def _gives_texts(node: Node, *, takes_texts: bool) -> bool:
    gives_texts = takes_texts
    for kind, arguments in operations(node.kind, node.layer.arguments):
        if kind == "StringLookup" and arguments.get("invert"):
            gives_texts = True
        elif kind not in _MOVING_LAYERS:
            gives_texts = False
    return gives_texts
