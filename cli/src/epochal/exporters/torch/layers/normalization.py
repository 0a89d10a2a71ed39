"""Normalization of batches, features and groups, and rescaling."""

from collections.abc import Callable, Mapping, Sequence

from epochal.exporters.code_text import literal
from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor
from epochal.exporters.torch.initial import add_initializers

_MAX_AXES = 3
"""Maximum number of axes of an input of torch's batch normalization, without batch axis and channels."""


def _batch(call: Call) -> Tensor:
    axis, moved = call.axis(), ""
    if axis == call.input.rank - 1:
        x = call.input.first()
    else:
        x, moved = call.input.last(), f".movedim(1, {axis})" if axis != 1 else ""
        x = Tensor(x.code + (f".movedim({axis}, 1)" if moved else ""), x.shape)
    call.off("renorm")
    call.ignore("renorm_clipping", "renorm_momentum")
    axes = max(len(x.shape) - 1, 1)
    if axes > _MAX_AXES:
        call.no_counterpart(f"an input with {len(x.shape)} axes")
    channels = call.size_of(x, axis - 1)
    # Keras keeps a share of the moving average, torch replaces a share.
    momentum = round(1 - call.number("momentum"), 12)
    layer = call.module(
        f"nn.BatchNorm{axes}d({channels}, eps={float(call.number('epsilon'))!r}, momentum={momentum!r})"
    )
    names = _scale_and_shift(call)
    if (call["moving_mean_initializer"], call["moving_variance_initializer"]) != ("zeros", "ones"):
        add_initializers(call, {"running_mean": "moving_mean", "running_var": "moving_variance"})
    values = {"weight": "gamma", "bias": "beta"}
    full = {key: names[value] for key, value in values.items()}
    arrays = [*(value for value in ("gamma", "beta") if names[value] == value), "mean", "variance"]
    call.weights(arrays, {**full, "running_mean": "mean", "running_var": "variance"})
    return call.result(f"{layer}({x.code}){moved}", x.shape, channels_first=x.channels_first)


def _scale_and_shift(call: Call, like: str = "mean") -> dict[str, str]:
    """Return the code of gamma and beta. A layer without them in Keras gets constant parameters in torch."""
    names = {"gamma": "gamma", "beta": "beta"}
    for key, flag, name, missing in (("gamma", "scale", "weight", "ones"), ("beta", "center", "bias", "zeros")):
        if call.flag(flag):
            add_initializers(call, {name: key})
        else:
            call.ignore(f"{key}_initializer", f"{key}_regularizer", f"{key}_constraint")
            call.code.fixed.append(name)
            names[key] = f"np.{missing}_like({like})"
    return names


def _layer(call: Call) -> Tensor:
    x = call.input.last()
    given = call["axis"]
    axes = sorted(axis % x.rank for axis in (given if isinstance(given, list) else [given]) if isinstance(axis, int))
    if not axes or axes != list(range(axes[0], x.rank)) or axes[0] == 0:
        call.no_counterpart(f"axis: {given!r:.40}, which are not the last axes,")
    sizes = call.known(x.shape[axes[0] - 1 :])
    layer = call.module(
        f"nn.LayerNorm({sizes[0] if len(sizes) == 1 else list(sizes)}, eps={float(call.number('epsilon'))!r})"
    )
    _set_affine(call)
    return call.same(f"{layer}({x.code})", x)


def _set_affine(call: Call) -> None:
    """Set the weights gamma and beta of a layer, if the layer has them in Keras."""
    has = {"gamma": call["scale"], "beta": call["center"]}
    names = [key for key, given in has.items() if given]
    like = names[0] if names else "layer"
    values = _scale_and_shift(call, like)
    if names:
        call.weights(names, {"weight": values["gamma"], "bias": values["beta"]})


def _group(call: Call) -> Tensor:
    if call.axis() != call.input.rank - 1:
        call.no_counterpart(f"axis: {call['axis']!r:.40}")
    x, groups = call.input.first(), call.integer("groups", -1)
    channels = call.size_of(x)
    groups = channels if groups == -1 else groups
    if groups < 1 or channels % groups:
        call.fail(f"groups must divide {channels} channels, found {groups}")
    layer = call.module(f"nn.GroupNorm({groups}, {channels}, eps={float(call.number('epsilon'))!r})")
    _set_affine(call)
    return call.result(f"{layer}({x.code})", x.shape, channels_first=True)


def _rms(call: Call) -> Tensor:
    if call.axis() != call.input.rank - 1:
        call.no_counterpart(f"axis: {call['axis']!r:.40}")
    x = call.input.last()
    call.helpers.add("RMSNorm")
    layer = call.module(f"RMSNorm({call.size_of(x)}, eps={float(call.number('epsilon'))!r})")
    call.weights(["scale"], {"weight": "scale"})
    call.code.initializers.append("nn.init.ones_({layer}.weight)")
    return call.same(f"{layer}({x.code})", x)


def _unit(call: Call) -> Tensor:
    x = call.input
    if isinstance(call["axis"], list) and len(call["axis"]) > 1:
        call.no_counterpart(f"axis: {call['axis']!r:.40}")
    return call.same(f"F.normalize({x.code}, dim={x.dim(call.axis())})")


def _normalization(call: Call) -> Tensor:
    """Write the layer Normalization: its mean and variance are in the spec, or it learns them from the data."""
    x = call.input.last()
    axes = call["axis"]
    kept = [axis % x.rank for axis in (axes if isinstance(axes, list) else [axes]) if isinstance(axis, int)]
    sizes = [call.size_of(x, axis - 1) if axis in kept else 1 for axis in range(1, x.rank)]
    call.helpers.add("Normalization")
    layer = call.module(f"Normalization({', '.join(map(repr, sizes))})")
    if call["mean"] is None:
        call.code.adapts = True
    else:
        mean, variance = _numbers(call, "mean"), _numbers(call, "variance")
        if len(kept) != 1 and (isinstance(mean, list) or isinstance(variance, list)):
            call.no_counterpart("a mean for each element of several axes")
        call.code.initializers += [
            f"{{layer}}.mean.copy_(torch.tensor({literal(mean)}))",
            f"{{layer}}.deviation.copy_(torch.tensor({literal(variance)}).sqrt().clamp(min=1e-7))",
        ]
    shape = f"(1, {', '.join(map(repr, sizes))})"
    deviation = f"np.sqrt(np.broadcast_to(layer.variance, {shape}))[0]"
    call.code.arrays = {
        "mean": f"np.broadcast_to(layer.mean, {shape})[0]",
        "deviation": f"np.maximum({deviation}, 1e-7)",
    }
    if call.flag("invert"):
        return call.same(f"{x.code} * {layer}.deviation + {layer}.mean", x)
    return call.same(f"{layer}({x.code})", x)


def _numbers(call: Call, key: str) -> float | list[float]:
    value = call[key]
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in values):
        call.fail(f"{key} must be a number or a list of numbers, found {value!r:.40}")
    return [float(each) for each in value] if isinstance(value, list) else float(value)


def _rescaling(call: Call) -> Tensor:
    scale, offset = call["scale"], call["offset"]
    code = call.input.code
    for operator, value in (("*", scale), ("+", offset)):
        if isinstance(value, list) and all(isinstance(each, int | float) for each in value):
            x = call.input.last()
            code = f"({x.code} {operator} torch.tensor({literal(value)}, device={x.code}.device))"
            call.inputs = [Tensor(code, x.shape)]
        elif isinstance(value, bool) or not isinstance(value, int | float):
            call.fail(f"scale and offset must be numbers, found {value!r:.40}")
        elif operator == "*" or value:
            code = f"({code} {operator} {float(value)!r})"
    return call.same(code)


LAYERS: Mapping[str, Callable[[Call], Tensor | Sequence[Tensor]]] = {
    "BatchNormalization": _batch,
    "GroupNormalization": _group,
    "LayerNormalization": _layer,
    "Normalization": _normalization,
    "RMSNormalization": _rms,
    "Rescaling": _rescaling,
    "UnitNormalization": _unit,
}
