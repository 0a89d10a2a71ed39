"""Dense layers, embeddings, and layers that only act in training."""

from collections.abc import Callable, Mapping, Sequence

from epochal.exporters.code_text import call as code_of_call
from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor
from epochal.exporters.torch.initial import add_initializers
from epochal.exporters.torch.layers.activations import activate


def _dense(call: Call) -> Tensor:
    x, units, bias = call.input.last(), call.integer("units"), call.flag("use_bias")
    layer = call.module(code_of_call("nn.Linear", str(call.size_of(x)), str(units), bias=None if bias else False))
    add_initializers(call, {"weight": "kernel", "bias": "bias"} if bias else {"weight": "kernel"})
    names = ["kernel", "bias"] if bias else ["kernel"]
    call.weights(names, {"weight": "kernel.T", **({"bias": "bias"} if bias else {})})
    return activate(call, call.result(f"{layer}({x.code})", (*x.shape[:-1], units)))


def _embedding(call: Call) -> Tensor:
    x = call.input.last()
    words, size = call.integer("input_dim"), call.integer("output_dim")
    call.off("mask_zero")
    layer = call.module(f"nn.Embedding({words}, {size})")
    add_initializers(call, {"weight": "embeddings"})
    call.weights(["embeddings"], {"weight": "embeddings"})
    return call.result(f"{layer}({x.code}.long())", (*x.shape, size))


def _identity(call: Call) -> Tensor:
    return call.input


def _rate(call: Call) -> float:
    rate = call.number("rate")
    if not 0 <= rate <= 1:
        call.fail(f"rate must be from 0 to 1, found {rate}")
    return float(rate)


def _dropout(call: Call) -> Tensor:
    call.off("noise_shape")
    return call.same(f"{call.module(f'nn.{call.kind}({_rate(call)!r})')}({call.input.code})")


def _spatial_dropout(call: Call) -> Tensor:
    x = call.input.first()
    call.choice("data_format", None, "channels_last")
    layer = call.module(f"nn.Dropout{len(x.shape) - 1}d({_rate(call)!r})")
    return call.same(f"{layer}({x.code})", x)


def _gaussian_noise(call: Call) -> Tensor:
    call.helpers.add("GaussianNoise")
    layer = call.module(f"GaussianNoise({float(call.number('stddev'))!r})")
    return call.same(f"{layer}({call.input.code})")


def _gaussian_dropout(call: Call) -> Tensor:
    call.helpers.add("GaussianDropout")
    return call.same(f"{call.module(f'GaussianDropout({_rate(call)!r})')}({call.input.code})")


LAYERS: Mapping[str, Callable[[Call], Tensor | Sequence[Tensor]]] = {
    "AlphaDropout": _dropout,
    "Dense": _dense,
    "Dropout": _dropout,
    "Embedding": _embedding,
    "GaussianDropout": _gaussian_dropout,
    "GaussianNoise": _gaussian_noise,
    "Identity": _identity,
    "SpatialDropout1D": _spatial_dropout,
    "SpatialDropout2D": _spatial_dropout,
    "SpatialDropout3D": _spatial_dropout,
}
