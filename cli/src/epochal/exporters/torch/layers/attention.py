"""Attention, additive attention and multi-head attention."""

from collections.abc import Callable, Mapping, Sequence

from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor
from epochal.exporters.torch.initial import add_initializers

_AXES = 2
"""Number of axes of an input, without the batch axis: steps and features."""


def _sources(call: Call) -> tuple[Tensor, Tensor, Tensor]:
    """Return the inputs query, value and key of an attention layer. Without a third input, the key is the value."""
    inputs = [x.last() for x in call.inputs]
    if len(inputs) not in {2, 3} or any(len(x.shape) != _AXES for x in inputs):
        shapes = [list(x.shape) for x in inputs]
        call.fail(
            "the inputs of the layer must be query, value and optionally key, each with steps and features, "
            f"found {shapes}"
        )
    return inputs[0], inputs[1], inputs[-1]


def _attention(call: Call) -> Tensor:
    query, value, key = _sources(call)
    is_additive = call.kind == "AdditiveAttention"
    dropout, features = float(call.number("dropout")), call.size_of(query) if is_additive else None
    call.choice("score_mode", "dot")
    call.helpers.add(call.kind)
    arguments = [f"dropout={dropout!r}"] if dropout else []
    if call.flag("use_scale"):
        arguments.insert(0, str(features) if is_additive else "scale=True")
        call.weights(["scale"], {"scale": "scale"})
        drawn = "xavier_uniform_({layer}.scale.data[None])" if is_additive else "ones_({layer}.scale)"
        call.code.initializers.append("nn.init." + drawn)
    layer = call.module(f"{call.kind}({', '.join(arguments)})")
    return call.result(f"{layer}({query.code}, {value.code}, {key.code})", (query.shape[0], value.shape[1]))


def _multi_head(call: Call) -> Tensor:
    query, value, key = _sources(call)
    heads, size = call.integer("num_heads"), call.integer("key_dim")
    value_size = size if call["value_dim"] is None else call.integer("value_dim")
    for name in ("attention_axes", "output_shape", "sliding_window"):
        call.off(name)
    call.off("use_gate")
    bias, dropout, width = call.flag("use_bias"), float(call.number("dropout")), call.size_of(query)
    call.helpers.add("MultiHeadAttention")
    arguments = [width, call.size_of(key), call.size_of(value), heads, size, value_size]
    code = ", ".join([*map(str, arguments), *([] if bias else ["bias=False"])])
    layer = call.module(f"MultiHeadAttention({code}{f', dropout={dropout!r}' if dropout else ''})")
    names: list[str] = []
    values: dict[str, str] = {}
    for part, flat in (("query", size), ("key", size), ("value", value_size)):
        names += [f"{part}_kernel", *([f"{part}_bias"] if bias else [])]
        values[f"{part}.weight"] = f"{part}_kernel.reshape(-1, {heads * flat}).T"
        values |= {f"{part}.bias": f"{part}_bias.reshape(-1)"} if bias else {}
    names += ["output_kernel", *(["output_bias"] if bias else [])]
    values["output.weight"] = f"output_kernel.reshape({heads * value_size}, -1).T"
    values |= {"output.bias": "output_bias"} if bias else {}
    call.weights(names, values)
    for part in ("query", "key", "value", "output"):
        add_initializers(call, {f"{part}.weight": "kernel", **({f"{part}.bias": "bias"} if bias else {})})
    return call.result(f"{layer}({query.code}, {value.code}, {key.code})", (query.shape[0], width))


LAYERS: Mapping[str, Callable[[Call], Tensor | Sequence[Tensor]]] = {
    "AdditiveAttention": _attention,
    "Attention": _attention,
    "MultiHeadAttention": _multi_head,
}
