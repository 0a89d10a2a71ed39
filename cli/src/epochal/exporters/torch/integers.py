"""Integer inputs of layers: the conversion to float32, as in Keras."""

from dataclasses import replace

from epochal.errors import EpochalError
from epochal.exporters.layer_calls import Call

_LEFT_TO_LAYER = frozenset({"Embedding", "TimeDistributed"})
_MOVES = frozenset(
    {
        "Concatenate",
        "Cropping1D",
        "Cropping2D",
        "Cropping3D",
        "Flatten",
        "Identity",
        "Permute",
        "RepeatVector",
        "Reshape",
        "ZeroPadding1D",
        "ZeroPadding2D",
        "ZeroPadding3D",
    }
)
"""Layers that only move elements, so their outputs have the integer type of their inputs."""
_FLOATS = frozenset(
    {
        "BatchNormalization",
        "Bidirectional",
        "CenterCrop",
        "Concatenate",
        "Dense",
        "GRU",
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "GlobalAveragePooling3D",
        "LSTM",
        "MultiHeadAttention",
        "Normalization",
        "Rescaling",
        "SimpleRNN",
    }
)
"""Layers that convert integers to float32 in Keras. Other layers refuse integers, round, or overflow in Keras. So their
export with integer inputs is refused."""


def convert_integers(call: Call) -> str:
    """Convert integer inputs of a call as Keras does, and return the integer type of its outputs; "" for float32.

    Raises:
        EpochalError: If Keras would refuse the integers, or give other results than with floats.
    """
    types = [x.integer for x in call.inputs]
    found = next(filter(None, types), "")
    if not found or call.kind in _LEFT_TO_LAYER:
        return ""
    if call.kind in _MOVES and all(types):
        return found
    if call.kind not in _FLOATS:
        raise EpochalError(
            f"{call.where}: {call.kind} takes the type {found} from an input of spec.network, and the export to torch "
            "can compute this layer with floats only",
            "Write dtype: float32 for the input, or put a Rescaling layer before this layer.",
        )
    call.inputs = [replace(x, code=f"{x.code}.float()", integer="") if x.integer else x for x in call.inputs]
    return ""
