"""Layers that move, repeat, cut or add elements."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from epochal.exporters.code_text import crop_slice, size
from epochal.exporters.layer_calls import Call
from epochal.exporters.tensors import Tensor, product


def _flatten(call: Call) -> Tensor:
    call.choice("data_format", None, "channels_last")
    x = call.input.last()
    if len(x.shape) == 0:
        return call.result(f"{x.code}.unsqueeze(1)", (1,))
    return call.result(f"{x.code}.flatten(1)", (product(x.shape),))


def _reshape(call: Call) -> Tensor:
    x, target = call.input.last(), call["target_shape"]
    if not isinstance(target, list) or not all(isinstance(length, int) and length >= -1 for length in target):
        call.fail(f"target_shape must be a list of integers, found {target!r:.40}")
    shape: list[int | None] = [None if length == -1 else length for length in target]
    known, total = product(tuple(length for length in shape if length is not None)), product(x.shape)
    if shape.count(None) == 1 and total is not None and known:
        shape[shape.index(None)] = total // known
    if total is not None and product(tuple(shape)) != total:
        call.fail(f"target_shape must have {total} elements, found {target!r:.40}")
    if None not in shape:
        return call.result(f"{x.code}.reshape({', '.join(map(str, [-1, *shape]))})", shape)
    batch = x.code.removesuffix(".movedim(1, -1)")
    return call.result(f"{x.code}.reshape({', '.join(map(str, [f'len({batch})', *target]))})", shape)


def _permute(call: Call) -> Tensor:
    x, dims = call.input.last(), call["dims"]
    if not isinstance(dims, list) or sorted(dims) != list(range(1, x.rank)):
        call.fail(f"dims must have each axis from 1 to {x.rank - 1} once, found {dims!r:.40}")
    code = f"{x.code}.permute({', '.join(map(str, [0, *dims]))})"
    return call.result(code, [x.shape[axis - 1] for axis in dims])


def _repeat(call: Call) -> Tensor:
    x, count = call.input, call.integer("n")
    return call.result(f"{x.code}.unsqueeze(1).repeat(1, {count}, 1)", (count, *x.shape))


def _pairs(call: Call, key: str, count: int) -> list[tuple[int, int]]:
    """Return an argument as (before, after) for each axis. The spec has one number, one for each axis, or pairs."""
    value = call[key]
    values = [value] * count if isinstance(value, int) else value
    if count == 1 and isinstance(value, list) and all(isinstance(each, int) for each in value):
        values = [value]
    pairs = [[each, each] if isinstance(each, int) else each for each in values] if isinstance(values, list) else []
    is_valid = len(pairs) == count and all(
        isinstance(pair, list)
        and len(pair) == 2  # noqa: PLR2004 - before and after
        and all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in pair)
        for pair in pairs
    )
    if not is_valid:
        call.fail(f"{key} must be an integer, or a number before and after each of {count} axes, found {value!r:.60}")
    return [(before, after) for before, after in pairs]


def _pad(call: Call, count: int) -> Tensor:
    call.choice("data_format", None, "channels_last")
    x, pairs = call.input.first(), _pairs(call, "padding", count)
    amounts = ", ".join(f"{before}, {after}" for before, after in reversed(pairs))
    sizes = [_moved(length, sum(pair)) for length, pair in zip(x.shape, pairs, strict=False)]
    return call.result(f"F.pad({x.code}, ({amounts}))", (*sizes, x.shape[-1]), channels_first=True)


def _crop(call: Call, count: int) -> Tensor:
    call.choice("data_format", None, "channels_last")
    x, pairs = call.input.first(), _pairs(call, "cropping", count)
    slices = ", ".join(crop_slice(before, after) for before, after in pairs)
    sizes = [_moved(length, -sum(pair)) for length, pair in zip(x.shape, pairs, strict=False)]
    return call.result(f"{x.code}[:, :, {slices}]", (*sizes, x.shape[-1]), channels_first=True)


def _moved(length: int | None, by: int) -> int | None:
    return None if length is None else length + by


def _up(call: Call, count: int) -> Tensor:
    call.choice("data_format", None, "channels_last")
    x, factors = call.input.first(), call.sizes("size", count)
    sizes = [None if n is None else n * factor for n, factor in zip(x.shape, factors, strict=False)]
    code = f"F.interpolate({x.code}, scale_factor={size(factors)})"
    if count == 2 and call.choice("interpolation", "nearest", "bilinear") == "bilinear":  # noqa: PLR2004 - an image
        code = f'{code[:-1]}, mode="bilinear", align_corners=False)'
    return call.result(code, (*sizes, x.shape[-1]), channels_first=True)


def _center_crop(call: Call) -> Tensor:
    x, height, width = call.input.first(), call.integer("height"), call.integer("width")
    call.choice("data_format", None, "channels_last")
    rows, columns = call.size_of(x, 0), call.size_of(x, 1)
    if height > rows or width > columns:
        call.no_counterpart(f"a crop of {height}×{width}, larger than its input of {rows}×{columns},")
    top, left = (rows - height) // 2, (columns - width) // 2
    slices = f"{crop_slice(top, rows - height - top)}, {crop_slice(left, columns - width - left)}"
    return call.result(f"{x.code}[:, :, {slices}]", (height, width, x.shape[-1]), channels_first=True)


def _resize(call: Call) -> Tensor:
    x, height, width = call.input.first(), call.integer("height"), call.integer("width")
    call.choice("data_format", None, "channels_last")
    mode = {"bilinear": 'mode="bilinear", align_corners=False', "nearest": 'mode="nearest-exact"'}[
        call.choice("interpolation", "bilinear", "nearest")
    ]
    code = f"F.interpolate({x.code}, size=({height}, {width}), {mode})"
    return call.result(code, (height, width, x.shape[-1]), channels_first=True)


LAYERS: Mapping[str, Callable[[Call], Tensor | Sequence[Tensor]]] = {
    "CenterCrop": _center_crop,
    **{f"Cropping{count}D": partial(_crop, count=count) for count in (1, 2, 3)},
    "Flatten": _flatten,
    "Permute": _permute,
    "RepeatVector": _repeat,
    "Reshape": _reshape,
    "Resizing": _resize,
    **{f"UpSampling{count}D": partial(_up, count=count) for count in (1, 2, 3)},
    **{f"ZeroPadding{count}D": partial(_pad, count=count) for count in (1, 2, 3)},
}
