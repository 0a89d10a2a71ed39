"""Convolutions of Keras as layers of Caffe."""

from collections.abc import Callable, Mapping, Sequence

from epochal.exporters.caffe.activations import activate
from epochal.exporters.caffe.network import BlobConversion, CaffeNetwork
from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor
from epochal.exporters.windows import Window, read_window

_IMAGE = 3
"""Axes of an image: height, width, channels."""


def image(call: Call) -> Tensor:
    """Return the single input of a layer. Fail unless it is an image: height, width and channels."""
    if len(call.input.shape) != _IMAGE:
        call.no_counterpart(f"an input of the shape {list(call.input.shape)}")
    return call.input


def height_and_width(name: str, sizes: Sequence[int]) -> str:
    """Return the prototxt fields for two sizes, such as `kernel_h: 3 kernel_w: 5` for the name kernel."""
    return f"{name}_h: {sizes[0]} {name}_w: {sizes[1]}"


def bias_of(call: Call) -> list[str]:
    """Return ["bias"], the name of a Keras layer's bias weight, if use_bias is true, else an empty list."""
    return ["bias"] if call.flag("use_bias") else []


def bias_term_field(bias: list[str]) -> str:
    """Return the prototxt field that disables a Caffe layer's bias if `bias_of` returned an empty list, else ""."""
    return "" if bias else " bias_term: false"


def _geometry(call: Call, x: Tensor, window: Window) -> tuple[str, list[int], list[str]]:
    """Return the prototxt fields of a convolution, its kernel size, and statements that pad the kernel with zeros.

    Caffe pads both sides of an image equally. If Keras pads one element more at the end, Caffe pads the larger amount
    on both sides, and the kernel gets zeros at its start.
    """
    pads = window.pads(call.known(x.shape[:-1])) or []
    more = [after - before for before, after in pads]
    if any(extra < 0 or extra % step for extra, step in zip(more, window.dilation, strict=True)):
        call.no_counterpart("its padding")
    zeros = [extra // step for extra, step in zip(more, window.dilation, strict=True)]
    kernel = [size + extra for size, extra in zip(window.kernel, zeros, strict=True)]
    parts = (("kernel", kernel), ("stride", window.strides), ("pad", [after for _, after in pads]))
    fields = [height_and_width(*part) for part in parts]
    if set(window.dilation) != {1}:
        fields.append(f"dilation: {window.dilation[0]} dilation: {window.dilation[1]}")
    padded = f"kernel = np.pad(kernel, (({zeros[0]}, 0), ({zeros[1]}, 0), (0, 0), (0, 0)))"
    return " ".join(fields), kernel, [padded] if any(zeros) else []


def _conv(call: Call, caffe: CaffeNetwork, keras_name: str) -> Tensor:
    x, filters, groups = image(call), call.integer("filters"), call.integer("groups")
    window, bias = read_window(call, 2, "kernel_size"), bias_of(call)
    fields, _, before = _geometry(call, x, window)
    fields += f" group: {groups}" if groups > 1 else ""
    result = _add(call, caffe, (x, window, filters), fields, bias)
    blobs = ["kernel.transpose(3, 2, 0, 1)", *bias]
    caffe.conversions.append(BlobConversion(keras_name, ["kernel", *bias], {call.attribute: blobs}, before=before))
    return activate(call, caffe, result)


def _depthwise(call: Call, caffe: CaffeNetwork, keras_name: str) -> Tensor:
    x, multiplier = image(call), call.integer("depth_multiplier")
    window, bias, channels = read_window(call, 2, "kernel_size"), bias_of(call), call.size_of(x)
    fields, size, before = _geometry(call, x, window)
    filters = channels * multiplier
    result = _add(call, caffe, (x, window, filters), f"{fields} group: {channels}", bias)
    blobs = [_depthwise_kernel(filters, size), *bias]
    caffe.conversions.append(BlobConversion(keras_name, ["kernel", *bias], {call.attribute: blobs}, before=before))
    return activate(call, caffe, result)


def _separable(call: Call, caffe: CaffeNetwork, keras_name: str) -> Tensor:
    x, filters, multiplier = image(call), call.integer("filters"), call.integer("depth_multiplier")
    window, bias, channels = read_window(call, 2, "kernel_size"), bias_of(call), call.size_of(x)
    fields, size, before = _geometry(call, x, window)
    between, name = channels * multiplier, caffe.free_name(f"{call.attribute}/depthwise")
    shape = call.result("", (*window.output(x.shape[:-1]), between)).shape
    fields = f"num_output: {between} {fields} group: {channels} bias_term: false"
    depthwise = caffe.add("Convolution", name, [x], shape, ("convolution_param", fields))
    fields = f"num_output: {filters} kernel_size: 1{bias_term_field(bias)}"
    result = caffe.add(
        "Convolution", call.attribute, [depthwise], (*shape[:-1], filters), ("convolution_param", fields)
    )
    blobs = {
        name: [_depthwise_kernel(between, size)],
        call.attribute: ["pointwise.transpose(3, 2, 0, 1)", *bias],
    }
    names = ["kernel", "pointwise", *bias]
    caffe.conversions.append(BlobConversion(keras_name, names, blobs, before=before))
    return activate(call, caffe, result)


def _add(call: Call, caffe: CaffeNetwork, sizes: tuple[Tensor, Window, int], fields: str, bias: list[str]) -> Tensor:
    x, window, filters = sizes
    shape = call.result("", (*window.output(x.shape[:-1]), filters)).shape
    fields = f"num_output: {filters} {fields}{bias_term_field(bias)}"
    return caffe.add("Convolution", call.attribute, [x], shape, ("convolution_param", fields))


def _depthwise_kernel(filters: int, size: Sequence[int]) -> str:
    return f"kernel.transpose(2, 3, 0, 1).reshape({filters}, 1, {size[0]}, {size[1]})"


def _deconvolution(call: Call, caffe: CaffeNetwork, keras_name: str) -> Tensor:
    x, filters = image(call), call.integer("filters")
    window, bias = read_window(call, 2, "kernel_size"), bias_of(call)
    call.off("output_padding")
    totals = [extent - step for extent, step in zip(window.extents, window.strides, strict=True)]
    is_same = window.padding == "same"
    if min(totals) < 0 or (is_same and any(total % 2 for total in totals)) or set(window.dilation) != {1}:
        call.no_counterpart(f"kernel_size {list(window.kernel)} with strides {list(window.strides)}")
    lengths = call.known(x.shape[:-1])
    sizes = [
        length * step + (0 if is_same else total)
        for length, step, total in zip(lengths, window.strides, totals, strict=True)
    ]
    pads = [total // 2 if is_same else 0 for total in totals]
    parts = (("kernel", window.kernel), ("stride", window.strides), ("pad", pads))
    fields = " ".join(height_and_width(*part) for part in parts)
    parameters = ("convolution_param", f"num_output: {filters} {fields}{bias_term_field(bias)}")
    result = caffe.add("Deconvolution", call.attribute, [x], (*sizes, filters), parameters)
    blobs = ["kernel.transpose(3, 2, 0, 1)", *bias]
    caffe.conversions.append(BlobConversion(keras_name, ["kernel", *bias], {call.attribute: blobs}))
    return activate(call, caffe, result)


LAYERS: Mapping[str, Callable[[Call, CaffeNetwork, str], Tensor]] = {
    "Conv2D": _conv,
    "Conv2DTranspose": _deconvolution,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
}
