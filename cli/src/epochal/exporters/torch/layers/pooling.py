"""Pooling layers, which are functions of torch without weights."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from epochal.exporters.code_text import size
from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor
from epochal.exporters.torch.layers.windows import image, options, padded
from epochal.exporters.windows import Window, read_window


def _pool(call: Call, count: int, kind: str) -> Tensor:
    x, window = image(call, count), read_window(call, count, "pool_size", dilated=False)
    if window.padding == "causal":
        call.fail("padding must be valid or same, found 'causal'")
    call.ignore("pool_mode")
    code, padding = padded(call, x, window, '-float("inf")' if kind == "max" else "")
    if kind == "avg" and (code != x.code or any(padding)):
        return _average_of_same(call, x, window)
    # torch's pooling pads with the lowest value, as Keras' does.
    given = [] if window.strides == window.kernel else [f"stride={size(window.strides)}"]
    given += options(padding=(padding, 0))
    arguments = ", ".join([code, size(window.kernel), *given])
    return call.result(f"F.{kind}_pool{count}d({arguments})", _shape(x, window), channels_first=True)


def _average_of_same(call: Call, x: Tensor, window: Window) -> Tensor:
    """Return the output of average pooling with padding. As in Keras, the averages do not include padded elements."""
    call.helpers.update({"average_pool_same", "pad_same"})
    code = f"average_pool_same({x.code}, {window.kernel!r}, {window.strides!r})"
    return call.result(code, _shape(x, window), channels_first=True)


def _shape(x: Tensor, window: Window) -> tuple[int | None, ...]:
    return (*window.output(x.shape[:-1]), x.shape[-1])


def _global(call: Call, count: int, function: str) -> Tensor:
    image(call, count)
    x = call.input
    call.choice("data_format", None, "channels_last")
    keeps = call.flag("keepdims")
    start = 2 if x.channels_first else 1
    dims = ", ".join(map(str, range(start, start + count)))
    code = f"{x.code}.{function}(dim={dims if count == 1 else f'({dims})'}{', keepdim=True' if keeps else ''})"
    shape = (*([1] * count if keeps else []), x.shape[-1])
    return call.result(code, shape, channels_first=x.channels_first)


def _adaptive(call: Call, count: int, kind: str) -> Tensor:
    x, sizes = image(call, count), call.sizes("output_size", count)
    call.choice("data_format", None, "channels_last")
    code = f"F.adaptive_{kind}_pool{count}d({x.code}, {size(sizes)})"
    return call.result(code, (*sizes, x.shape[-1]), channels_first=True)


LAYERS: Mapping[str, Callable[[Call], Tensor | Sequence[Tensor]]] = {
    **{f"MaxPooling{count}D": partial(_pool, count=count, kind="max") for count in (1, 2, 3)},
    **{f"AveragePooling{count}D": partial(_pool, count=count, kind="avg") for count in (1, 2, 3)},
    **{f"GlobalMaxPooling{count}D": partial(_global, count=count, function="amax") for count in (1, 2, 3)},
    **{f"GlobalAveragePooling{count}D": partial(_global, count=count, function="mean") for count in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{count}D": partial(_adaptive, count=count, kind="max") for count in (1, 2, 3)},
    **{f"AdaptiveAveragePooling{count}D": partial(_adaptive, count=count, kind="avg") for count in (1, 2, 3)},
}
