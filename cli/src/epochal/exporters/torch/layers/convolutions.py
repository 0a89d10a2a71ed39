"""Convolutions, which torch computes with the channels at axis 1."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from epochal.exporters.code_text import call as code_of_call
from epochal.exporters.code_text import crop_slice, size
from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor
from epochal.exporters.torch.initial import add_initializers
from epochal.exporters.torch.layers.activations import activate
from epochal.exporters.torch.layers.windows import image, options, padded
from epochal.exporters.windows import Window, read_window


def _transposed(name: str, count: int) -> str:
    """Return code that moves the last two axes of a Keras kernel (inputs, outputs) to the front, in reverse order."""
    return f"{name}.transpose({', '.join(map(str, [count + 1, count, *range(count)]))})"


def _conv(call: Call, count: int) -> Tensor:
    x, filters, groups = image(call, count), call.integer("filters"), call.integer("groups")
    window, bias, channels = read_window(call, count, "kernel_size"), call.flag("use_bias"), call.size_of(x)
    if channels % groups or filters % groups:
        call.fail(f"groups must divide {channels} channels and {filters} filters, found {groups}")
    code, padding = padded(call, x, window)
    arguments = [str(channels), str(filters), *_window_arguments(window, padding)]
    arguments += [f"groups={groups}"] if groups != 1 else []
    layer = call.module(code_of_call(f"nn.Conv{count}d", *arguments, bias=None if bias else False))
    _add_weights(call, {"weight": _transposed("kernel", count)}, bias=bias)
    return _result(call, f"{layer}({code})", x, window, filters)


def _depthwise(call: Call, count: int) -> Tensor:
    x, multiplier = image(call, count), call.integer("depth_multiplier")
    window, bias, channels = read_window(call, count, "kernel_size"), call.flag("use_bias"), call.size_of(x)
    code, padding = padded(call, x, window)
    filters = channels * multiplier
    arguments = [str(channels), str(filters), *_window_arguments(window, padding), f"groups={channels}"]
    layer = call.module(code_of_call(f"nn.Conv{count}d", *arguments, bias=None if bias else False))
    _add_weights(call, {"weight": _depthwise_kernel(window, filters)}, "depthwise", bias=bias)
    return _result(call, f"{layer}({code})", x, window, filters)


def _depthwise_kernel(window: Window, filters: int) -> str:
    count = len(window.kernel)
    order = ", ".join(map(str, [count, count + 1, *range(count)]))
    return f"kernel.transpose({order}).reshape({', '.join(map(str, [filters, 1, *window.kernel]))})"


def _separable(call: Call, count: int) -> Tensor:
    x, filters, multiplier = image(call, count), call.integer("filters"), call.integer("depth_multiplier")
    window, bias, channels = read_window(call, count, "kernel_size"), call.flag("use_bias"), call.size_of(x)
    code, padding = padded(call, x, window)
    between = channels * multiplier
    arguments = [str(channels), str(between), *_window_arguments(window, padding), f"groups={channels}", "bias=False"]
    depthwise = code_of_call(f"nn.Conv{count}d", *arguments)
    pointwise = code_of_call(f"nn.Conv{count}d", str(between), str(filters), "1", bias=None if bias else False)
    layer = call.module(code_of_call("nn.Sequential", depthwise, pointwise))
    add_initializers(
        call, {"[0].weight": "depthwise", "[1].weight": "pointwise"} | ({"[1].bias": "bias"} if bias else {})
    )
    values = {"0.weight": _depthwise_kernel(window, between), "1.weight": _transposed("pointwise", count)}
    names = ["kernel", "pointwise", *(["bias"] if bias else [])]
    call.weights(names, values | ({"1.bias": "bias"} if bias else {}))
    return _result(call, f"{layer}({code})", x, window, filters)


def _transpose(call: Call, count: int) -> Tensor:
    x, filters = image(call, count), call.integer("filters")
    window, bias, channels = read_window(call, count, "kernel_size"), call.flag("use_bias"), call.size_of(x)
    call.off("output_padding")
    if window.padding == "causal":
        call.fail("padding must be valid or same, found 'causal'")
    # Keras crops the padding that a convolution in the other direction would add.
    totals = [max(extent - step, 0) for extent, step in zip(window.extents, window.strides, strict=True)]
    is_same = window.padding == "same"
    crops = [(total // 2, total - total // 2) if is_same else (0, 0) for total in totals]
    is_symmetric = all(before == after for before, after in crops)
    extra = [max(step - extent, 0) for extent, step in zip(window.extents, window.strides, strict=True)]
    arguments = [str(channels), str(filters), size(window.kernel)]
    arguments += options(
        stride=(window.strides, 1),
        padding=([before for before, _ in crops] if is_symmetric else [0] * count, 0),
        output_padding=(extra, 0),
        dilation=(window.dilation, 1),
    )
    layer = call.module(code_of_call(f"nn.ConvTranspose{count}d", *arguments, bias=None if bias else False))
    _add_weights(call, {"weight": _transposed("kernel", count)}, bias=bias)
    code = f"{layer}({x.code})"
    if not is_symmetric:
        code += f"[:, :, {', '.join(crop_slice(before, after) for before, after in crops)}]"
    sizes = [
        None if length is None else length * step + (0 if is_same else total)
        for length, step, total in zip(x.shape[:-1], window.strides, totals, strict=True)
    ]
    return activate(call, call.result(code, (*sizes, filters), channels_first=True))


def _window_arguments(window: Window, padding: Sequence[int]) -> list[str]:
    given = options(stride=(window.strides, 1), padding=(padding, 0), dilation=(window.dilation, 1))
    return [size(window.kernel), *given]


def _add_weights(call: Call, values: Mapping[str, str], kernel: str = "kernel", *, bias: bool) -> None:
    add_initializers(call, {"weight": kernel, **({"bias": "bias"} if bias else {})})
    call.weights(["kernel", *(["bias"] if bias else [])], {**values, **({"bias": "bias"} if bias else {})})


def _result(call: Call, code: str, x: Tensor, window: Window, filters: int) -> Tensor:
    shape = (*window.output(x.shape[:-1]), filters)
    return activate(call, call.result(code, shape, channels_first=True))


LAYERS: Mapping[str, Callable[[Call], Tensor | Sequence[Tensor]]] = {
    **{f"Conv{count}D": partial(_conv, count=count) for count in (1, 2, 3)},
    **{f"Conv{count}DTranspose": partial(_transpose, count=count) for count in (1, 2, 3)},
    **{f"DepthwiseConv{count}D": partial(_depthwise, count=count) for count in (1, 2)},
    **{f"SeparableConv{count}D": partial(_separable, count=count) for count in (1, 2)},
}
