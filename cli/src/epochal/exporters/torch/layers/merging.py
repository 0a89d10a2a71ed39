"""Layers that merge several inputs."""

import string
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Shape, Tensor, broadcast


def _aligned(call: Call) -> list[Tensor]:
    """Return the inputs with the same number of axes, new axes first, and with the channels in the same position."""
    if len(call.inputs) < 2:  # noqa: PLR2004 - a merge has two sides
        call.fail(f"the layer needs at least two inputs to merge, found {len(call.inputs)}")
    if all(x.channels_first for x in call.inputs) and len({x.rank for x in call.inputs}) == 1:
        return call.inputs
    inputs, rank = [x.last() for x in call.inputs], max(x.rank for x in call.inputs)
    return [Tensor(x.code + ".unsqueeze(1)" * (rank - x.rank), (*([1] * (rank - x.rank)), *x.shape)) for x in inputs]


def _merged_shape(call: Call, inputs: Sequence[Tensor]) -> Shape:
    try:
        return broadcast([x.shape for x in inputs])
    except ValueError as error:
        call.fail(str(error))


def _merge(call: Call, operator: str) -> Tensor:
    inputs = _aligned(call)
    code = f"({f' {operator} '.join(x.code for x in inputs)})"
    return call.result(code, _merged_shape(call, inputs), channels_first=inputs[0].channels_first)


def _average(call: Call) -> Tensor:
    merged = _merge(call, "+")
    return call.same(f"{merged.code} / {len(call.inputs)}", merged)


def _subtract(call: Call) -> Tensor:
    if len(call.inputs) != 2:  # noqa: PLR2004 - a difference has two sides
        call.fail(f"the layer takes two inputs, found {len(call.inputs)}")
    return _merge(call, "-")


def _extreme(call: Call, function: str) -> Tensor:
    inputs = _aligned(call)
    code = inputs[0].code
    if len(inputs) > 2 and len({x.shape for x in inputs}) == 1:  # noqa: PLR2004 - torch.maximum takes two
        reduction = {"maximum": "amax", "minimum": "amin"}[function]
        code = f"torch.stack(({', '.join(x.code for x in inputs)})).{reduction}(dim=0)"
    else:
        for x in inputs[1:]:
            code = f"torch.{function}({code}, {x.code})"
    return call.result(code, _merged_shape(call, inputs), channels_first=inputs[0].channels_first)


def _concatenate(call: Call) -> Tensor:
    inputs = _aligned(call)
    axis = call.axis(inputs[0])
    sizes = [x.shape[axis - 1] for x in inputs]
    shape = list(inputs[0].shape)
    shape[axis - 1] = None if None in sizes else sum(size for size in sizes if size is not None)
    if len({len(x.shape) for x in call.inputs}) != 1:
        call.fail("the inputs of the layer must have the same number of axes")
    code = f"torch.cat(({', '.join(x.code for x in inputs)}), dim={inputs[0].dim(axis)})"
    return call.result(code, shape, channels_first=inputs[0].channels_first)


def _dot(call: Call) -> Tensor:
    if len(call.inputs) != 2:  # noqa: PLR2004 - a product has two sides
        call.fail(f"the layer takes two inputs, found {len(call.inputs)}")
    left, right = (x.last() for x in call.inputs)
    axes = call.sizes("axes", 2, least=-8)
    summed = [_dot_axis(call, x, axis) for x, axis in zip((left, right), axes, strict=True)]
    letters = iter(string.ascii_lowercase[2:])
    names = [["b", *(next(letters) for _ in x.shape)] for x in (left, right)]
    names[1][summed[1]] = names[0][summed[0]]
    kept = [
        (name, length)
        for x, axis, own in zip((left, right), summed, names, strict=True)
        for position, (name, length) in enumerate(zip(own[1:], x.shape, strict=True), 1)
        if position != axis
    ]
    code = [x.code for x in (left, right)]
    if call.flag("normalize"):
        code = [f"F.normalize({each}, dim={axis})" for each, axis in zip(code, summed, strict=True)]
    if not kept:
        return call.result(f"({code[0]} * {code[1]}).sum(dim=1, keepdim=True)", (1,))
    equation = f"{''.join(names[0])},{''.join(names[1])}->b{''.join(name for name, _ in kept)}"
    result = f'torch.einsum("{equation}", {code[0]}, {code[1]})'
    return call.result(result, [length for _, length in kept])


def _dot_axis(call: Call, x: Tensor, axis: int) -> int:
    if not -x.rank <= axis < x.rank or axis % x.rank == 0:
        call.fail(f"axes must be axes of its inputs except the batch axis, found {axis}")
    return axis % x.rank


LAYERS: Mapping[str, Callable[[Call], Tensor | Sequence[Tensor]]] = {
    "Add": partial(_merge, operator="+"),
    "Average": _average,
    "Concatenate": _concatenate,
    "Dot": _dot,
    "Maximum": partial(_extreme, function="maximum"),
    "Minimum": partial(_extreme, function="minimum"),
    "Multiply": partial(_merge, operator="*"),
    "Subtract": _subtract,
}
