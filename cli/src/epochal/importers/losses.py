"""Chooses a loss that suits the last layer of a network."""

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
"""Layers whose outputs are probabilities if, and only if, their inputs are probabilities."""
_UNITS = ("units", "filters")
SPARSE, BINARY, NUMERIC = "SparseCategoricalCrossentropy", "BinaryCrossentropy", "MeanSquaredError"


class LastLayer(NamedTuple):
    """The activation and the size of an output, which decide the loss that suits it.

    Args:
        activation: Name of the activation in keras.activations; linear if there is none; None if it is unknown.
        units: Number of values in the last axis of the output; None if it is unknown.
    """

    activation: str | None
    units: int | None


class ChosenLoss(NamedTuple):
    """The loss for an output.

    Args:
        loss: The loss in the notation of a TrainingJob.
        reason: Why this loss differs from the loss in the file; "" if it is the same.
    """

    loss: str | dict[str, Any]
    reason: str = ""


def find_last_layer(layers: Sequence[Mapping[str, Any]], name: str | None = None) -> LastLayer:
    """Return the activation and the number of units of an output. Layers such as Dropout and Flatten are skipped.

    Args:
        layers: The layers of a network in the notation of a TrainingJob.
        name: Name of the layer that computes the output; None for the last layer of the list.
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
    """Return the loss that suits a last layer, for a file that has no loss."""
    if last.activation in _SOFTMAX:
        return SPARSE
    if last.activation in _SIGMOID:
        return BINARY
    if last.activation in {None, "linear"} and (last.units or 1) > 1:
        return {"name": SPARSE, "from_logits": True}
    return NUMERIC


def crossentropy_for(last: LastLayer, *, is_binary: bool) -> ChosenLoss:
    """Return the crossentropy loss that suits a last layer, for a file that has a crossentropy.

    Args:
        last: The last layer.
        is_binary: True if the file has the crossentropy of a sigmoid (each output is true or false). False if it has
            the crossentropy of a softmax (each sample has one class).
    """
    name = f"the crossentropy of a {'sigmoid' if is_binary else 'softmax'}"
    if last.activation in _SOFTMAX and last.units != 1:
        reason = f"{name} does not suit the activation {last.activation} of the last layer" if is_binary else ""
        return ChosenLoss(SPARSE, reason)
    is_probability = last.activation in _SIGMOID | _SOFTMAX
    if last.units == 1 and not is_binary:
        reason = f"{name} needs an output for each class, but the last layer has one unit"
        return ChosenLoss(BINARY if is_probability else {"name": BINARY, "from_logits": True}, reason)
    if is_probability:
        return ChosenLoss(BINARY if is_binary else SPARSE)
    reason = ""
    if last.activation not in {None, "linear"}:
        reason = (
            f"outputs of the activation {last.activation} are no probabilities: they are read as logits (from_logits)"
        )
    return ChosenLoss({"name": BINARY if is_binary else SPARSE, "from_logits": True}, reason)
