"""Layers that look up indices, and layers that pass them on unchanged."""

from collections.abc import Iterator, Mapping
from typing import Any

from epochal_api.network import Layer

MOVE = frozenset({"Flatten", "Identity", "Permute", "RepeatVector", "Reshape"})
"""Layers whose output has the values of their input."""
LOOK_UP: Mapping[str, str] = {
    "CategoryEncoding": "num_tokens",
    "Embedding": "input_dim",
    "ReversibleEmbedding": "input_dim",
}
"""Layers that take indices, and the argument that gives the number of valid indices."""


def leaves_as_it_is(layer: Layer) -> bool:
    """Return whether a layer only moves its input's values, alone or before a layer that looks them up.

    In the layer's precision, Keras would round an index, and so look up another row.

    Args:
        layer: The layer.
    """
    if layer.layer in LOOK_UP:
        return False  # These take exact indices in any precision, and compute in the configured precision.
    for kind, _ in steps(layer.layer, layer.arguments):
        if kind in LOOK_UP:
            return True
        if kind not in MOVE:
            return False
    return True


def steps(layer: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the operations of a layer on its input in order, each as a Keras class and its arguments."""
    match layer, arguments:
        case ("TimeDistributed", {"wrapped": dict(inner)}):
            yield from steps(inner["layer"], inner)
        case ("Pipeline", {"layers": [*parts]}):
            for part in parts:
                yield from steps(part["layer"], part)
        case _:
            yield layer, arguments
