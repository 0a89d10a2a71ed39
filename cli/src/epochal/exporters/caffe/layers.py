"""The layers of Keras that have a counterpart in Caffe, each with the function that adds it to a CaffeNetwork."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from epochal.exporters.caffe import convolutions
from epochal.exporters.caffe.activations import activate
from epochal.exporters.caffe.convolutions import bias_of, bias_term_field, height_and_width, image
from epochal.exporters.caffe.network import BlobConversion, CaffeNetwork
from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor
from epochal.exporters.windows import read_window

MAX_PARTS = 1000
"""Maximum number of flattened images in a blob: each concatenation of a blob with itself doubles this number."""


def _dense(call: Call, caffe: CaffeNetwork, keras_name: str) -> Tensor:
    x, units, bias = call.input, call.integer("units"), bias_of(call)
    if len(x.shape) != 1:
        call.no_counterpart(f"an input of the shape {list(x.shape)}")
    order = caffe.order(x)
    kernel = "kernel[order].T" if order else "kernel.T"
    fields = f"num_output: {units}{bias_term_field(bias)}"
    result = caffe.add("InnerProduct", call.attribute, [x], (units,), ("inner_product_param", fields))
    caffe.set_segments(result, ((units,),))
    caffe.conversions.append(BlobConversion(keras_name, ["kernel", *bias], {call.attribute: [kernel, *bias]}, order))
    return activate(call, caffe, result)


def _pool(call: Call, caffe: CaffeNetwork, _: str, kind: str) -> Tensor:
    x, window = image(call), read_window(call, 2, "pool_size", dilated=False)
    call.ignore("pool_mode")
    lengths = call.known(x.shape[:-1])
    shape = call.result("", (*window.output(lengths), x.shape[-1])).shape
    pads = window.pads(lengths) or []
    if window.padding == "same":
        # Caffe rounds up: its last window may end after the image, as if the image was padded there.
        counts = [
            -(-(n - size) // step) + 1 for n, size, step in zip(lengths, window.kernel, window.strides, strict=True)
        ]
        if any(before for before, _ in pads) or tuple(counts) != shape[:-1]:
            call.no_counterpart("padding: same with elements before the image")
    else:
        rests = [(n - size) % step for n, size, step in zip(lengths, window.kernel, window.strides, strict=True)]
        x = _without_ends(call, caffe, x, rests)
    fields = f"pool: {kind} {height_and_width('kernel', window.kernel)} {height_and_width('stride', window.strides)}"
    return caffe.add("Pooling", call.attribute, [x], shape, ("pooling_param", fields))


def _without_ends(call: Call, caffe: CaffeNetwork, x: Tensor, rests: Sequence[int]) -> Tensor:
    """Add layers that cut off the last rows and columns of an image (`rests`), which Keras' pooling does not read."""
    for axis, rest in enumerate(rests):
        if not rest:
            continue
        name = caffe.free_name(f"{call.attribute}/cut_{axis}")
        x = caffe.add_slice(name, x, axis, call.size_of(x, axis) - rest)
    return x


def _global(call: Call, caffe: CaffeNetwork, _: str, kind: str) -> Tensor:
    x = image(call)
    call.choice("data_format", None, "channels_last")
    call.off("keepdims")
    pooled = caffe.add(
        "Pooling",
        caffe.free_name(f"{call.attribute}/pool"),
        [x],
        (1, 1, call.size_of(x)),
        ("pooling_param", f"pool: {kind} global_pooling: true"),
    )
    return caffe.add("Flatten", call.attribute, [pooled], (call.size_of(x),))


def _flatten(call: Call, caffe: CaffeNetwork, _: str) -> Tensor:
    call.choice("data_format", None, "channels_last")
    x = call.input
    if len(x.shape) == 1:
        return x
    sizes = call.known(x.shape)
    total = 1
    for size in sizes:
        total *= size
    result = caffe.add("Flatten", call.attribute, [x], (total,))
    caffe.set_segments(result, (sizes,))
    return result


def _batch(call: Call, caffe: CaffeNetwork, keras_name: str) -> Tensor:
    x = call.input
    if call.axis() != x.rank - 1:
        call.no_counterpart(f"axis: {call['axis']!r:.40}")
    call.off("renorm")
    call.ignore("renorm_clipping", "renorm_momentum", "momentum")
    epsilon = float(call.number("epsilon"))
    fields = f"use_global_stats: true eps: {epsilon!r}"
    normal = caffe.add("BatchNorm", call.attribute, [x], x.shape, ("batch_norm_param", fields))
    order = caffe.order(x)
    end = "[order]" if order else ""
    names = [key for key, flag in (("gamma", "scale"), ("beta", "center")) if call.flag(flag)]
    scale = f"gamma{end}" if "gamma" in names else "np.ones_like(mean)"
    shift = f"beta{end}" if "beta" in names else "np.zeros_like(mean)"
    name = caffe.free_name(f"{call.attribute}/scale")
    result = caffe.add("Scale", name, [normal], x.shape, ("scale_param", "bias_term: true"))
    blobs = {normal.code: [f"mean{end}", f"variance{end}", "np.ones(1)"], name: [scale, shift]}
    caffe.conversions.append(BlobConversion(keras_name, [*names, "mean", "variance"], blobs, order))
    return result


def _normalization(call: Call, caffe: CaffeNetwork, keras_name: str) -> Tensor:
    x = call.input
    if call.axis() != x.rank - 1:
        call.no_counterpart(f"axis: {call['axis']!r:.40}")
    call.off("invert")
    call.ignore("mean", "variance")
    order = caffe.order(x)
    end = "[order]" if order else ""
    result = caffe.add("Scale", call.attribute, [x], x.shape, ("scale_param", "bias_term: true"))
    arrays = {
        "mean": f"np.broadcast_to(np.ravel(layer.mean), {call.size_of(x)})",
        "deviation": f"np.broadcast_to(np.sqrt(np.ravel(layer.variance)), {call.size_of(x)}).clip(1e-7)",
    }
    blobs = {call.attribute: [f"(1 / deviation){end}", f"(-mean / deviation){end}"]}
    caffe.conversions.append(BlobConversion(keras_name, [], blobs, order, attributes=arrays))
    return result


def _prelu(call: Call, caffe: CaffeNetwork, keras_name: str) -> Tensor:
    x, shared = call.input, call["shared_axes"] or []
    axes = [shared] if isinstance(shared, int) else shared
    if sorted(axes) != list(range(1, x.rank - 1)):
        call.no_counterpart("a slope for each position: shared_axes must have all axes but the channels,")
    order = caffe.order(x)
    result = caffe.add("PReLU", call.attribute, [x], x.shape)
    code = "alpha.reshape(-1)[order]" if order else "alpha.reshape(-1)"
    caffe.conversions.append(BlobConversion(keras_name, ["alpha"], {call.attribute: [code]}, order))
    return result


def _relu(call: Call, caffe: CaffeNetwork, _: str) -> Tensor:
    slope, threshold = float(call.number("negative_slope")), call.number("threshold")
    if threshold:
        call.no_counterpart(f"threshold: {threshold!r}")
    call.off("max_value")
    parameters = ("relu_param", f"negative_slope: {slope!r}") if slope else ("", "")
    return caffe.add("ReLU", call.attribute, [call.input], call.input.shape, parameters)


def _leaky_relu(call: Call, caffe: CaffeNetwork, _: str) -> Tensor:
    fields = f"negative_slope: {float(call.number('negative_slope'))!r}"
    return caffe.add("ReLU", call.attribute, [call.input], call.input.shape, ("relu_param", fields))


def _elu(call: Call, caffe: CaffeNetwork, _: str) -> Tensor:
    fields = f"alpha: {float(call.number('alpha'))!r}"
    return caffe.add("ELU", call.attribute, [call.input], call.input.shape, ("elu_param", fields))


def _softmax(call: Call, caffe: CaffeNetwork, _: str) -> Tensor:
    x = call.input
    if call.axis() != x.rank - 1 or caffe.order(x):
        call.no_counterpart(f"axis: {call['axis']!r:.40}")
    return caffe.add("Softmax", call.attribute, [x], x.shape)


def _activation(call: Call, caffe: CaffeNetwork, _: str) -> Tensor:
    return activate(call, caffe, call.input)


def _dropout(call: Call, caffe: CaffeNetwork, _: str) -> Tensor:
    call.off("noise_shape")
    rate = call.number("rate")
    if not 0 <= rate < 1:
        call.no_counterpart(f"rate: {rate!r}")
    fields = f"dropout_ratio: {float(rate)!r}"
    return caffe.add("Dropout", call.attribute, [call.input], call.input.shape, ("dropout_param", fields))


def _identity(call: Call, _: CaffeNetwork, __: str) -> Tensor:
    return call.input


def _rescaling(call: Call, caffe: CaffeNetwork, _: str) -> Tensor:
    fields = f"scale: {float(call.number('scale'))!r} shift: {float(call.number('offset'))!r}"
    return caffe.add("Power", call.attribute, [call.input], call.input.shape, ("power_param", fields))


def _eltwise(call: Call, caffe: CaffeNetwork, _: str, operation: str) -> Tensor:
    inputs = call.inputs
    if len(inputs) < 2:  # noqa: PLR2004 - a merge has two sides
        call.fail(f"the layer needs at least two inputs to merge, found {len(inputs)}")
    if len({x.shape for x in inputs}) > 1 or len({caffe.segments(x) for x in inputs if len(x.shape) == 1}) > 1:
        call.no_counterpart("inputs of different shapes")
    share = {"Average": repr(1 / len(inputs)), "Subtract": "-1"}.get(call.kind)
    coefficients = [share if call.kind == "Average" or index else "1" for index in range(len(inputs))] if share else []
    fields = " ".join([f"operation: {operation}", *(f"coeff: {each}" for each in coefficients)])
    return caffe.add("Eltwise", call.attribute, inputs, inputs[0].shape, ("eltwise_param", fields))


def _concatenate(call: Call, caffe: CaffeNetwork, _: str) -> Tensor:
    inputs, axis = call.inputs, call.axis()
    if len({x.rank for x in inputs}) != 1:
        call.fail("the inputs of the layer must have the same number of axes")
    shape = list(inputs[0].shape)
    shape[axis - 1] = sum(call.size_of(x, axis - 1) for x in inputs)
    position = 1 if axis == inputs[0].rank - 1 else axis + 1
    result = caffe.add("Concat", call.attribute, inputs, tuple(shape), ("concat_param", f"axis: {position}"))
    if len(shape) == 1:
        caffe.set_segments(result, tuple(part for x in inputs for part in caffe.segments(x)))
        if len(caffe.segments(result)) > MAX_PARTS:
            call.no_counterpart(f"more than {MAX_PARTS:,} flattened images")
    return result


LAYERS: Mapping[str, Callable[[Call, CaffeNetwork, str], Tensor]] = {
    **convolutions.LAYERS,
    "Activation": _activation,
    "Add": partial(_eltwise, operation="SUM"),
    "Average": partial(_eltwise, operation="SUM"),
    "AveragePooling2D": partial(_pool, kind="AVE"),
    "BatchNormalization": _batch,
    "Concatenate": _concatenate,
    "Dense": _dense,
    "Dropout": _dropout,
    "ELU": _elu,
    "Flatten": _flatten,
    "GlobalAveragePooling2D": partial(_global, kind="AVE"),
    "GlobalMaxPooling2D": partial(_global, kind="MAX"),
    "Identity": _identity,
    "LeakyReLU": _leaky_relu,
    "MaxPooling2D": partial(_pool, kind="MAX"),
    "Maximum": partial(_eltwise, operation="MAX"),
    "Multiply": partial(_eltwise, operation="PROD"),
    "Normalization": _normalization,
    "PReLU": _prelu,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Softmax": _softmax,
    "Subtract": partial(_eltwise, operation="SUM"),
}
