"""Layers that look up what they take, and layers that leave it as it is on its way there."""

from collections.abc import Iterator, Mapping
from typing import Any

from epochal_api.network import Layer

MOVE = frozenset({"Flatten", "Identity", "Permute", "RepeatVector", "Reshape"})
"""Layers that give the values that they take."""
LOOK_UP: Mapping[str, str] = {
    "CategoryEncoding": "num_tokens",
    "Embedding": "input_dim",
    "ReversibleEmbedding": "input_dim",
}
"""Layers that take indices, and the argument that says how many there are."""


def leaves_as_it_is(layer: Layer) -> bool:
    """Returns whether a layer only moves what it takes, or wraps others that do so until they look it up.

    Keras would round it to the precision that the layer computes in, and another index would be looked up.

    Args:
        layer: The layer.
    """
    if layer.layer in LOOK_UP:
        return False  # These take it as it is in any precision, and compute in the one that is asked for.
    for kind, _ in steps(layer.layer, layer.arguments):
        if kind in LOOK_UP:
            return True
        if kind not in MOVE:
            return False
    return True


def steps(layer: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields what a layer does to its input, one after the other: a class of Keras and its arguments."""
    match layer, arguments:
        case ("TimeDistributed", {"wrapped": dict(inner)}):
            yield from steps(inner["layer"], inner)
        case ("Pipeline", {"layers": [*parts]}):
            for part in parts:
                yield from steps(part["layer"], part)
        case _:
            yield layer, arguments
