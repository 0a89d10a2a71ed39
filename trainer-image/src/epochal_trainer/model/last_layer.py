"""Checks that an output has probabilities if its loss expects probabilities, and logits if it expects logits.

Keras itself computes a loss in either case, without an error.

The check reads the Keras model, not its spec, so it works for a model from any source, if Keras records its layers.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
from epochal_api.trainingjob.exact_layers import RESHAPING_LAYERS
from epochal_api.trainingjob.network import Named
from epochal_api.trainingjob.report import TrainingWarning

from epochal_trainer.data.labels import BINARY_LOSSES, CATEGORICAL_LOSSES, NUMERIC_LOSSES, normalize_name
from epochal_trainer.lib.failures import training_warning
from epochal_trainer.model.graph import Node

SOFTMAX_ACTIVATIONS = frozenset({"softmax", "sparsemax"})
SIGMOID_ACTIVATIONS = frozenset({"sigmoid", "hard_sigmoid", "sparse_sigmoid"})
POSITIVE_ACTIVATIONS = frozenset({"exponential", "softplus", "squareplus", "sparse_plus"})
"""Activations with positive outputs. Categorical losses divide the outputs by their sum, which gives probabilities."""
_REGULARIZING_LAYERS = {"ActivityRegularization", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D"}
_PASS_THROUGH_LAYERS = RESHAPING_LAYERS | _REGULARIZING_LAYERS
"""Layers whose outputs are probabilities if, and only if, their inputs are probabilities."""
_ACTIVATION_LAYERS = {
    "ELU": "elu",
    "LeakyReLU": "leaky_relu",
    "LogSoftmax": "log_softmax",
    "PReLU": "leaky_relu",
    "ReLU": "relu",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
}
"""Activations by the name of a layer class, or of an operation of keras.ops."""
_EQUAL_LOSSES = 2
"""Number of softmax outputs for which binary and categorical losses of one-hot labels have the same value."""
_MAX_LAYERS = 100
"""Maximum number of layers that are searched for the deciding activation."""


class LastLayer(NamedTuple):
    """The layer whose activation decides whether an output of a network has probabilities or logits.

    Args:
        layer: Name of the layer.
        activation: Name of the layer's activation in keras.activations.
        outputs: Size of the output's last axis; None if it is unknown.
    """

    layer: str
    activation: str
    outputs: int | None


def check_last_layer(
    model: keras.Model, nodes: Sequence[Node], loss: Named, *, index: int = 0, field: str = "spec.training"
) -> Iterator[TrainingWarning]:
    """Yield a warning if the last layer of an output does not suit its loss.

    Args:
        model: The network.
        nodes: The layers in spec.network.layers; empty for a model from a file or code.
        loss: The loss of the output.
        index: Index of the output in the model.
        field: The part of the spec that has the loss, for the message.
    """
    last = find_last_layer(model, index)
    if last is None or (found := mismatch(last, loss, field)) is None:
        return
    node = next((str(node) for node in nodes if node.name == last.layer), f"the layer {last.layer!r}")
    yield training_warning("ActivationMismatch", f"{node} {found}")


def find_last_layer(model: keras.Model, index: int = 0) -> LastLayer | None:
    """Return the last layer with an activation before the output with this index in the model.

    Return None if Keras does not record the layer, or if another layer after it changes the kind of its values.
    """
    outputs = getattr(model, "outputs", None) or []
    if index >= len(outputs):
        return None
    tensor = outputs[index]
    size = tensor.shape[-1] if len(tensor.shape) else None
    for _ in range(_MAX_LAYERS):
        operation, call, _ = tensor._keras_history  # noqa: SLF001 - Keras offers no other way to it
        if isinstance(operation, keras.Model):
            if len(inner := getattr(operation, "outputs", None) or []) != 1:
                return None
            tensor = inner[0]
        elif activation := _activation(operation):
            return LastLayer(operation.name, activation, size)
        elif type(operation).__name__ in _PASS_THROUGH_LAYERS or isinstance(operation, keras.layers.Activation):
            inputs = operation._inbound_nodes[call].input_tensors  # noqa: SLF001
            if len(inputs) != 1:
                return None
            tensor = inputs[0]
        else:
            return None
    return None


def gives_probabilities(last: LastLayer | None) -> bool:
    """Return whether the outputs are class probabilities: by softmax, or by sigmoid of a single unit."""
    if last is None:
        return False
    return last.activation in SOFTMAX_ACTIVATIONS or (last.activation in SIGMOID_ACTIVATIONS and last.outputs == 1)


def takes_logits(loss: Named) -> bool:
    """Return whether a loss over classes expects logits. Keras accepts any truthy value of `from_logits`."""
    name = normalize_name(loss.name)
    return (name in CATEGORICAL_LOSSES or name in BINARY_LOSSES) and bool(loss.arguments.get("from_logits"))


def mismatch(last: LastLayer, loss: Named, field: str = "spec.training") -> str | None:
    """Return how a last layer does not suit a loss, with advice, or None if they suit each other.

    The result is the rest of a sentence that begins with the layer. `field` is the part of the spec that has the loss.
    For a loss that is neither binary nor categorical, the only mismatch is a softmax of a single output.
    """
    if found := _softmax_mismatch(last, loss):
        return found
    name, activation = normalize_name(loss.name), last.activation
    if (kind := CATEGORICAL_LOSSES.get(name) or BINARY_LOSSES.get(name)) is None:
        return None
    from_logits = takes_logits(loss)
    has_probabilities = activation in SOFTMAX_ACTIVATIONS | SIGMOID_ACTIVATIONS
    normalized_by_loss = name in CATEGORICAL_LOSSES and activation in POSITIVE_ACTIVATIONS
    if has_probabilities != from_logits or (normalized_by_loss and not from_logits):
        return None
    if from_logits:
        return (
            f"gives probabilities, with its activation {activation}, but {kind} with from_logits: true expects logits: "
            "remove the activation or from_logits"
        )
    suits = "softmax" if name in CATEGORICAL_LOSSES else "sigmoid"
    if activation == "linear":
        logits = f"{field}.loss: {{name: {kind}, from_logits: true}}"
        return (
            f"has no activation, but {kind} expects probabilities: use activation: {suits}, or write {logits}, and "
            "give metrics of probabilities their argument for logits (threshold: 0, thresholds: 0 or from_logits: true)"
        )
    return f"has the activation {activation}, but {kind} expects probabilities: use activation: {suits}"


def _softmax_mismatch(last: LastLayer, loss: Named) -> str | None:
    """Return why a softmax does not suit the number of outputs and the loss, with advice, or None if it does."""
    name, outputs = normalize_name(loss.name), last.outputs or 0
    if last.activation not in SOFTMAX_ACTIVATIONS:
        return None
    if outputs == 1:
        advice = "use activation: sigmoid, with the loss BinaryCrossentropy"
        if name in NUMERIC_LOSSES:
            advice = f"remove the activation, or, for labels 0 and 1, {advice}"
        return f"applies {last.activation} to a single output, which is then 1 for every input: {advice}"
    if name in BINARY_LOSSES and not takes_logits(loss) and outputs > _EQUAL_LOSSES:
        return (
            f"applies {last.activation} to {outputs} outputs, whose sum is then 1, but {BINARY_LOSSES[name]} compares "
            "each of them with a label of its own: use activation: sigmoid if a sample may have several classes, or "
            "else the loss CategoricalCrossentropy for one-hot labels or SparseCategoricalCrossentropy for class "
            "indices"
        )
    return None


def _activation(operation: Any) -> str | None:
    """Return the activation of a layer or operation by name, or None if it has none or is Activation("linear")."""
    kind = type(operation).__name__
    if kind in _ACTIVATION_LAYERS:
        return _ACTIVATION_LAYERS[kind]
    layer = operation.layer if isinstance(operation, keras.layers.TimeDistributed) else operation
    name: str | None = getattr(getattr(layer, "activation", None), "__name__", None)
    return None if name == "linear" and isinstance(layer, keras.layers.Activation) else name
