"""Whether the network gives what the loss takes, probabilities or logits: Keras computes figures of either.

It looks at the model, and not at what describes it, so that it holds of a model from anywhere, as far as Keras tells.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
from epochal_api.network import Named
from epochal_api.report import Warned

from epochal_trainer.data.labels import VALUES, normalized
from epochal_trainer.lib.warned import warned
from epochal_trainer.model.lookups import MOVE
from epochal_trainer.model.network import Node

CATEGORICAL: Mapping[str, str] = {
    "categoricalcrossentropy": "CategoricalCrossentropy",
    "categoricalfocalcrossentropy": "CategoricalFocalCrossentropy",
    "sparsecategoricalcrossentropy": "SparseCategoricalCrossentropy",
}
"""Losses over classes that exclude each other, and their classes in keras.losses: only those take from_logits."""
BINARY: Mapping[str, str] = {
    "bce": "BinaryCrossentropy",
    "binarycrossentropy": "BinaryCrossentropy",
    "binaryfocalcrossentropy": "BinaryFocalCrossentropy",
}
"""Losses over outputs that are each true or false."""
SHARES = frozenset({"softmax", "sparsemax"})
SINGLE = frozenset({"sigmoid", "hard_sigmoid", "sparse_sigmoid"})
_POSITIVE = frozenset({"exponential", "softplus", "squareplus", "sparse_plus"})
"""Activations whose outputs are probabilities once they are divided by their sum, as losses over classes do it."""
_LEAVE = MOVE | {"ActivityRegularization", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D"}
"""Layers that leave it as it is whether what they give are probabilities."""
_ACTIVATIONS = {
    "ELU": "elu",
    "LeakyReLU": "leaky_relu",
    "LogSoftmax": "log_softmax",
    "PReLU": "leaky_relu",
    "ReLU": "relu",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
}
"""Layers, and operations of keras.ops, that are an activation of their own."""
_MOST = 100
"""Layers that are looked through for the one that decides."""


class Last(NamedTuple):
    """The last layer that decides what a network gives.

    Args:
        layer: Its name.
        activation: Its activation, as keras.activations names it.
        outputs: How many values it gives side by side; None if that is not known.
    """

    layer: str
    activation: str
    outputs: int | None


def check_last_layer(model: keras.Model, nodes: Sequence[Node], loss: Named) -> Iterator[Warned]:
    """Yields what is amiss between the network's last layer and the loss.

    Args:
        model: The model, built.
        nodes: Its layers as the TrainingJob describes them, as far as it does.
        loss: The loss.
    """
    last = last_of(model)
    if last is None or (found := mismatch(last, loss)) is None:
        return
    node = next((str(node) for node in nodes if node.name == last.layer), f"the layer {last.layer!r}")
    yield warned("ActivationMismatch", f"{node} {found}")


def last_of(model: keras.Model) -> Last | None:
    """Returns the last layer that decides what a model gives, or None if Keras does not tell."""
    outputs = getattr(model, "outputs", None) or []
    if len(outputs) != 1:
        return None
    tensor = outputs[0]
    size = tensor.shape[-1] if len(tensor.shape) else None
    for _ in range(_MOST):
        operation, index, _ = tensor._keras_history  # noqa: SLF001 - Keras offers no other way to it
        if isinstance(operation, keras.Model):
            if len(inner := getattr(operation, "outputs", None) or []) != 1:
                return None
            tensor = inner[0]
        elif activation := _activation(operation):
            return Last(operation.name, activation, size)
        elif _leaves(operation) and len(taken := operation._inbound_nodes[index].input_tensors) == 1:  # noqa: SLF001
            tensor = taken[0]
        else:
            return None
    return None


def takes_logits(loss: Named) -> bool:
    """Returns whether a loss takes logits. Keras accepts any true value of `from_logits`."""
    name = normalized(loss.name)
    return (name in CATEGORICAL or name in BINARY) and bool(loss.arguments.get("from_logits"))


def mismatch(last: Last, loss: Named) -> str | None:
    """Returns what is amiss between a last layer and a loss, and what to do about it, or None.

    Args:
        last: The last layer.
        loss: The loss. Of one that is not known here nothing is said.
    """
    name, activation = normalized(loss.name), last.activation
    if activation in SHARES and last.outputs == 1:
        of_two = "use activation: sigmoid, with the loss BinaryCrossentropy"
        of_numbers = f"leave the activation out, or, for labels 0 and 1, {of_two}"
        todo = of_numbers if name in VALUES else of_two
        return f"gives {activation} over a single output, which is 1 whatever goes in: {todo}"
    if (kind := CATEGORICAL.get(name) or BINARY.get(name)) is None:
        return None
    from_logits = takes_logits(loss)
    suits, others = ("softmax", _POSITIVE) if name in CATEGORICAL else ("sigmoid", frozenset())
    if (activation in SHARES | SINGLE) != from_logits or (activation in others and not from_logits):
        return None
    if from_logits:
        return (
            f"gives probabilities, by its activation {activation}, and {kind} with from_logits: true makes "
            "probabilities of what it gets once more: leave out either of the two"
        )
    if activation == "linear":
        logits = f"spec.training.loss: {{name: {kind}, from_logits: true}}"
        return (
            f"has no activation, and {kind} takes probabilities: use activation: {suits}, or write {logits}, and give "
            "metrics of probabilities their argument for logits (threshold: 0, thresholds: 0 or from_logits: true)"
        )
    return f"has the activation {activation}, and {kind} takes probabilities: use activation: {suits}"


def _activation(operation: Any) -> str | None:
    """Returns the activation of a layer or operation, if it decides; a linear layer Activation does not."""
    kind = type(operation).__name__
    if kind in _ACTIVATIONS:
        return _ACTIVATIONS[kind]
    layer = operation.layer if isinstance(operation, keras.layers.TimeDistributed) else operation
    name: str | None = getattr(getattr(layer, "activation", None), "__name__", None)
    return None if name == "linear" and isinstance(layer, keras.layers.Activation) else name


def _leaves(operation: Any) -> bool:
    return type(operation).__name__ in _LEAVE or isinstance(operation, keras.layers.Activation)
