"""Activations: as layers, and as the argument `activation` of other layers."""

from collections.abc import Callable, Mapping, Sequence

from epochal.exporters.code_text import call as code_of_call
from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor
from epochal.exporters.torch.initial import add_initializers

_FUNCTIONS: Mapping[str, str] = {
    "celu": "F.celu({x})",
    "elu": "F.elu({x})",
    "exponential": "torch.exp({x})",
    "gelu": "F.gelu({x})",
    "hard_shrink": "F.hardshrink({x})",
    "hard_sigmoid": "F.hardsigmoid({x})",
    "hard_silu": "F.hardswish({x})",
    "hard_swish": "F.hardswish({x})",
    "hard_tanh": "F.hardtanh({x})",
    "leaky_relu": "F.leaky_relu({x}, 0.2)",
    "linear": "{x}",
    "log_sigmoid": "F.logsigmoid({x})",
    "log_softmax": "F.log_softmax({x}, dim={dim})",
    "mish": "F.mish({x})",
    "relu": "F.relu({x})",
    "relu6": "F.relu6({x})",
    "selu": "F.selu({x})",
    "sigmoid": "torch.sigmoid({x})",
    "silu": "F.silu({x})",
    "soft_shrink": "F.softshrink({x})",
    "softmax": "torch.softmax({x}, dim={dim})",
    "softplus": "F.softplus({x})",
    "softsign": "F.softsign({x})",
    "swish": "F.silu({x})",
    "tanh": "torch.tanh({x})",
    "tanh_shrink": "F.tanhshrink({x})",
}
"""torch code of each Keras activation. {x} is its input, {dim} the axis of the channels."""


def activate(call: Call, tensor: Tensor, key: str = "activation") -> Tensor:
    """Return the tensor after applying the activation that an argument of the layer names; None: `tensor` itself."""
    value = call[key]
    if value is None:
        return tensor
    if isinstance(value, Mapping) and isinstance(value.get("layer"), str):
        (result,), inner = call.wrapped(value, [tensor])
        if inner.constructor is not None:
            call.no_counterpart(f"{key}: {value['layer']}, a layer with weights,")
        return result
    if not isinstance(value, str) or value not in _FUNCTIONS:
        call.no_counterpart(f"{key}: {value!r:.40}")
    code = _FUNCTIONS[value].format(x=tensor.code, dim=tensor.channel_dim)
    return Tensor(code, tensor.shape, channels_first=tensor.channels_first)


def _activation(call: Call) -> Tensor:
    return activate(call, call.input)


def _relu(call: Call) -> Tensor:
    x, slope, threshold = call.input, call.number("negative_slope"), call.number("threshold")
    if threshold:
        call.no_counterpart(f"threshold: {threshold!r}")
    code = f"F.leaky_relu({x.code}, {float(slope)!r})" if slope else f"F.relu({x.code})"
    if call["max_value"] is not None:
        code = f"{code}.clamp(max={float(call.number('max_value'))!r})"
    return call.same(code)


def _leaky_relu(call: Call) -> Tensor:
    return call.same(f"F.leaky_relu({call.input.code}, {float(call.number('negative_slope'))!r})")


def _elu(call: Call) -> Tensor:
    return call.same(f"F.elu({call.input.code}, {float(call.number('alpha'))!r})")


def _softmax(call: Call) -> Tensor:
    return call.same(f"torch.softmax({call.input.code}, dim={call.input.dim(call.axis())})")


def _prelu(call: Call) -> Tensor:
    x = call.input
    shared = call["shared_axes"] or []
    axes = [shared] if isinstance(shared, int) else shared
    if not all(isinstance(axis, int) and 1 <= axis <= len(x.shape) for axis in axes):
        call.fail(f"shared_axes must have axes from 1 to {len(x.shape)}, found {axes!r:.40}")
    sizes = [1 if axis in axes else call.size_of(x, axis - 1) for axis in range(1, x.rank)]
    add_initializers(call, {"slope": "alpha"})
    call.helpers.add("PReLU")
    if x.channels_first:
        sizes = [sizes[-1], *sizes[:-1]]
    call.weights(["alpha"], {"slope": "np.moveaxis(alpha, -1, 0)" if x.channels_first else "alpha"})
    return call.same(f"{call.module(code_of_call('PReLU', *map(repr, sizes)))}({x.code})")


LAYERS: Mapping[str, Callable[[Call], Tensor | Sequence[Tensor]]] = {
    "Activation": _activation,
    "ELU": _elu,
    "LeakyReLU": _leaky_relu,
    "PReLU": _prelu,
    "ReLU": _relu,
    "Softmax": _softmax,
}
