"""The layers of Keras that have a counterpart in torch, each with the function that writes its call."""

from collections.abc import Callable, Mapping, Sequence

from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor
from epochal.exporters.torch.layers import (
    activations,
    attention,
    convolutions,
    core,
    merging,
    normalization,
    pooling,
    recurrent,
    reshaping,
)

LAYERS: Mapping[str, Callable[[Call], Tensor | Sequence[Tensor]]] = {
    **activations.LAYERS,
    **attention.LAYERS,
    **convolutions.LAYERS,
    **core.LAYERS,
    **merging.LAYERS,
    **normalization.LAYERS,
    **pooling.LAYERS,
    **recurrent.LAYERS,
    **reshaping.LAYERS,
}
"""For each class of keras.layers, the function that writes the code of a call, and returns the output tensors."""
