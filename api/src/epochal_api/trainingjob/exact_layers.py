"""Layers that keep the values of their input, or look values up: a lower precision would change an index."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from epochal_api.trainingjob.network import Layer

RESHAPING_LAYERS = frozenset({"Flatten", "Identity", "Permute", "RepeatVector", "Reshape"})
"""Layers whose output has the values of their input."""
LOOKUP_LAYERS: Mapping[str, str] = {
    "CategoryEncoding": "num_tokens",
    "Embedding": "input_dim",
    "ReversibleEmbedding": "input_dim",
}
"""Layers that take indices, and the argument that gives the number of valid indices."""


def preserves_values(layer: Layer) -> bool:
    """Return whether a layer only moves its input's values, alone or before a layer that looks them up.

    In the layer's precision, Keras would round an index, and so look up another row.
    """
    # A lookup layer takes exact indices in any precision, and computes in the configured precision.
    return layer.layer not in LOOKUP_LAYERS and moves_values_to(layer, LOOKUP_LAYERS, RESHAPING_LAYERS)


def moves_values_to(layer: Layer, takers: Collection[str], movers: Collection[str]) -> bool:
    """Return whether a layer only moves its input's values, or moves them to one of the layers that take them.

    Args:
        layer: The layer, perhaps with layers within it.
        takers: Keras classes that take the values.
        movers: Keras classes that move the values.
    """
    for kind, _ in operations(layer.layer or "", layer.arguments):
        if kind in takers:
            return True
        if kind not in movers:
            return False
    return True


def operations(layer: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the operations of a layer on its input in order, each as a Keras class and its arguments."""
    match layer, arguments:
        case ("TimeDistributed", {"wrapped": {"layer": str(kind)} as inner}):
            yield from operations(kind, inner)
        case ("Pipeline", {"layers": [*parts]}) if all(isinstance(part, dict) and "layer" in part for part in parts):
            for part in parts:
                yield from operations(str(part["layer"]), part)
        case _:
            yield layer, arguments
