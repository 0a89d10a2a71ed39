"""The loss that suits the last layer of a network."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_SOFTMAX = frozenset({"softmax", "sparsemax"})
_SIGMOID = frozenset({"sigmoid", "hard_sigmoid", "sparse_sigmoid"})
_ACTIVATION_LAYERS: Mapping[str, str] = {
    "ELU": "elu",
    "LeakyReLU": "leaky_relu",
    "PReLU": "leaky_relu",
    "ReLU": "relu",
    "Softmax": "softmax",
}
_PASS_THROUGH = frozenset(
    """
    ActivityRegularization Dropout Flatten GaussianDropout GaussianNoise Identity Permute Reshape SpatialDropout1D
    SpatialDropout2D UpSampling1D UpSampling2D
    """.split()  # noqa: SIM905 - a line for each name would be twelve lines
)
"""Layers that do not change whether their values are probabilities."""
_UNITS = ("units", "filters")
SPARSE, BINARY, NUMERIC = "SparseCategoricalCrossentropy", "BinaryCrossentropy", "MeanSquaredError"


class LastLayer(NamedTuple):
    """The activation of the last layer of a network.

    Args:
        activation: Its name in keras.activations; linear for none; None if it is unknown.
        units: Number of values in the last axis, or None.
    """

    activation: str | None
    units: int | None


class ChosenLoss(NamedTuple):
    """A loss in the notation of a TrainingJob.

    Args:
        loss: The loss.
        reason: The reason why it is another one than that of the file; "" for the same loss.
    """

    loss: str | dict[str, Any]
    reason: str = ""


def find_last_layer(layers: Sequence[Mapping[str, Any]], name: str | None = None) -> LastLayer:
    """Return the activation that decides the kind of an output.

    Args:
        layers: The layers of a network in the notation of a TrainingJob.
        name: Name of the layer that gives the output; None for the last one.
    """
    indices = {layer["name"]: index for index, layer in enumerate(layers) if "name" in layer}
    index: int | None = indices.get(name) if name is not None else len(layers) - 1
    activation: str | None = None
    while index is not None and index >= 0:
        layer = layers[index]
        if "use" in layer:
            layer = layers[indices[layer["use"]]]
        kind = layer.get("layer")
        own = layer.get("activation")
        own = _ACTIVATION_LAYERS.get(str(kind)) or (own if isinstance(own, str) else None)
        if activation is None and own not in {None, "linear"}:
            activation = own
        units = next((layer[key] for key in _UNITS if isinstance(layer.get(key), int)), None)
        if units is not None:
            return LastLayer(
                activation or ("linear" if not layer.get("activation") or own == "linear" else None), units
            )
        if kind not in _PASS_THROUGH and kind != "Activation" and kind not in _ACTIVATION_LAYERS:
            return LastLayer(activation, None)
        inputs = layers[index].get("inputs")
        if inputs and len(inputs) != 1:
            return LastLayer(activation, None)
        index = indices.get(inputs[0]) if inputs else index - 1
    return LastLayer(activation, None)


def loss_for(last: LastLayer) -> str | dict[str, Any]:
    """Return a loss for a last layer, if the file gives none."""
    if last.activation in _SOFTMAX:
        return SPARSE
    if last.activation in _SIGMOID:
        return BINARY
    if last.activation in {None, "linear"} and (last.units or 1) > 1:
        return {"name": SPARSE, "from_logits": True}
    return NUMERIC


def crossentropy_for(last: LastLayer, *, is_binary: bool) -> ChosenLoss:
    """Return the crossentropy that suits a last layer.

    Args:
        last: The last layer.
        is_binary: Whether the file has the crossentropy of a sigmoid, for outputs that are each true or false; else
            that of a softmax, for classes of which a sample has one.
    """
    name = f"the crossentropy of a {'sigmoid' if is_binary else 'softmax'}"
    if last.activation in _SOFTMAX and last.units != 1:
        reason = (
            f"{name} does not suit its activation {last.activation}, whose outputs are classes" if is_binary else ""
        )
        return ChosenLoss(SPARSE, reason)
    is_probability = last.activation in _SIGMOID | _SOFTMAX
    if last.units == 1 and not is_binary:
        reason = f"{name} needs an output for each class, but the last layer has one unit"
        return ChosenLoss(BINARY if is_probability else {"name": BINARY, "from_logits": True}, reason)
    if is_probability:
        return ChosenLoss(BINARY if is_binary else SPARSE)
    reason = ""
    if last.activation not in {None, "linear"}:
        reason = f"the activation {last.activation} gives no probabilities, so its values count as logits (from_logits)"
    return ChosenLoss({"name": BINARY if is_binary else SPARSE, "from_logits": True}, reason)
