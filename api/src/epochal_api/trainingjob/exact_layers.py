"""Layers that only move the values of their input, or use them as indices, which a low precision would round."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from epochal_api.trainingjob.network import Layer

RESHAPING_LAYERS = frozenset({"Flatten", "Identity", "Permute", "RepeatVector", "Reshape"})
"""Layers whose output has the same values as their input, in another shape or order."""
LOOKUP_LAYERS: Mapping[str, str] = {
    "CategoryEncoding": "num_tokens",
    "Embedding": "input_dim",
    "ReversibleEmbedding": "input_dim",
}
"""Layers whose input values are indices, and the argument with the number of valid indices."""

FULL_PRECISION_LAYERS = frozenset({"Normalization"})
"""Layers that take features as they are in the data, which a low precision would round before they are scaled."""


def preserves_values(layer: Layer) -> bool:
    """Return whether a layer passes its input's values unchanged, to its output or to a lookup layer within it.

    Such a layer must compute in float32, since the values may be indices: in a lower precision, Keras would round an
    index, and so look up another row. False for a lookup layer itself.
    """
    # A lookup layer takes exact indices in any precision, and computes in the configured precision.
    return layer.layer not in LOOKUP_LAYERS and moves_values_to(layer, LOOKUP_LAYERS, RESHAPING_LAYERS)


def moves_values_to(layer: Layer, takers: Collection[str], movers: Collection[str]) -> bool:
    """Return whether a layer passes its input's values unchanged, to its output or to a layer of `takers` within it.

    Args:
        layer: The layer, perhaps with layers within it.
        takers: Names of the Keras classes that process the values.
        movers: Names of the Keras classes that pass the values unchanged.
    """
    for kind, _ in operations(layer.layer or "", layer.arguments):
        if kind in takers:
            return True
        if kind not in movers:
            return False
    return True


def operations(layer: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the Keras class and arguments of each layer that processes the input: those within a wrapper, in order."""
    match layer, arguments:
        case ("TimeDistributed", {"wrapped": {"layer": str(kind)} as inner}):
            yield from operations(kind, inner)
        case ("Pipeline", {"layers": [*parts]}) if all(isinstance(part, dict) and "layer" in part for part in parts):
            for part in parts:
                yield from operations(str(part["layer"]), part)
        case _:
            yield layer, arguments
