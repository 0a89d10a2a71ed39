"""Adds a Caffe layer for the argument `activation` of a Keras layer, because Caffe layers have no such argument."""

from collections.abc import Mapping

from epochal.exporters.caffe.network import CaffeNetwork
from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor

_ACTIVATIONS: Mapping[str, tuple[str, tuple[str, str]]] = {
    "elu": ("ELU", ("elu_param", "alpha: 1.0")),
    "exponential": ("Exp", ("", "")),
    "leaky_relu": ("ReLU", ("relu_param", "negative_slope: 0.2")),
    "relu": ("ReLU", ("", "")),
    "sigmoid": ("Sigmoid", ("", "")),
    "softmax": ("Softmax", ("", "")),
    "softplus": ("BNLL", ("", "")),
    "tanh": ("TanH", ("", "")),
}
"""The layer of Caffe for each activation."""


def activate(call: Call, caffe: CaffeNetwork, tensor: Tensor) -> Tensor:
    """Add a Caffe layer for the argument `activation`, and return its output; `tensor` itself without activation."""
    value = call["activation"]
    if value is None or value == "linear":
        return tensor
    if not isinstance(value, str) or value not in _ACTIVATIONS:
        call.no_counterpart(f"activation: {value!r:.40}")
    if value == "softmax" and caffe.order(tensor):
        call.no_counterpart("an activation of a flattened image")
    kind, parameters = _ACTIVATIONS[value]
    name = caffe.free_name(f"{call.attribute}/{value}")
    return caffe.add(kind, name, [tensor], tensor.shape, parameters)
