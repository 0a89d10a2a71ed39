"""Converts JSON's numbers and texts to arrays of a tensor's type, and arrays to JSON."""

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import orjson

from epochal_server.model.model import Tensor
from epochal_server.protocols.json_body import kind
from epochal_server.refusals import Invalid

BLOCK_VALUES = 16384
"""Number of values in a block of JSON: few enough not to delay other threads, and enough to add no overhead."""
MAX_AXES = 32
"""Maximum number of axes of an array. No network has as many, and NumPy allows 64."""
NUMBERS = frozenset({int, float})
WHOLE = frozenset({int})
TRUTH = frozenset({bool})
TEXTS = frozenset({str})


def flat(values: list[Any], where: str, *, text: bool = False) -> tuple[list[Any], tuple[int, ...]]:
    """Return the values of nested lists in one list, and the shape of the nested lists.

    Args:
        values: The nested lists.
        where: The tensor's name in messages.
        text: Whether texts are expected. Otherwise a text beside lists may be split into characters, which `array`
            refuses.

    Raises:
        Invalid: If a list contains both lists and other values, lists at one depth differ in length, or the depth
            exceeds `MAX_AXES`.
    """
    shape = [len(values)]
    while values and type(values[0]) is list:
        try:
            lengths = set(map(len, values))
        except TypeError:
            lengths = set()
        if (text or len(lengths) != 1) and set(map(type, values)) != {list}:
            odd = next(value for value in values if type(value) is not list)
            raise Invalid(f"{where}: expected lists only at depth {len(shape)}, found {kind(odd)}: nest all alike")
        if len(lengths) > 1:
            two = " and ".join(str(length) for length in sorted(lengths)[:2])
            raise Invalid(
                f"{where}: expected lists of one length at depth {len(shape)}, found lengths {two}: send a full array"
            )
        shape.append(lengths.pop())
        if len(shape) > MAX_AXES:
            raise Invalid(f"{where}: expected at most {MAX_AXES} levels of lists, found more: send the model's shape")
        values = list(chain.from_iterable(values))
    return values, tuple(shape)


def array(values: list[Any], shape: Sequence[int], tensor: Tensor, where: str) -> np.ndarray:
    """Return an array of a tensor's type.

    Args:
        values: The values, in one list.
        shape: The shape of the array.
        tensor: The tensor of the model.
        where: The tensor's name in messages.

    Raises:
        Invalid: If a value does not have that type.
    """
    allowed, expected = _allowed(tensor)
    if not allowed.issuperset(map(type, values)):
        at = next(index for index, value in enumerate(values) if type(value) not in allowed)
        found = _describe(values[at])
        raise Invalid(f"{where}: expected {expected}, found {found} at {_position(at, shape)}: send {expected} only")
    if tensor.text:
        texts = np.empty(len(values), object)
        texts[:] = values
        return texts.reshape(shape)
    # `struct` packs a list in a third of NumPy's time. Unlike NumPy, it refuses numbers out of the type's range.
    code = tensor.datatype.struct_code
    try:
        packed = struct.pack(f"={len(values)}{code}", *values)
    except (struct.error, OverflowError):
        at = _first_unfit(code, values)
        raise Invalid(
            f"{where}: expected numbers within {tensor.dtype_name}, found {values[at]} at {_position(at, shape)}: send "
            "numbers of that range"
        ) from None
    return np.frombuffer(packed, tensor.dtype).reshape(shape)


def nested(values: Any, tensor: Tensor, where: str) -> np.ndarray:
    """Return an array of a tensor's type, with the shape of nested lists.

    Args:
        values: The nested lists, one for each sample.
        tensor: The tensor of the model.
        where: The tensor's name in messages.

    Raises:
        Invalid: If the values are no lists, differ in length, or do not have that type.
    """
    if not isinstance(values, list):
        raise Invalid(f"{where}: expected a list of samples, each {tensor}, found {kind(values)}: send a list")
    found, shape = flat(values, where, text=tensor.text)
    return array(found, shape, tensor, where)


def jsonable(found: np.ndarray) -> Any:
    """Return an array, or nested lists, that orjson can encode."""
    if found.dtype == object:
        return found.tolist()
    # ONNX Runtime's 64-bit integers have the type long long of C. orjson encodes arrays of that type, but no single
    # values.
    return np.ascontiguousarray(found).view(found.dtype.str)


def json_blocks(begin: int, end: int, width: int, items: Callable[[int, int], Any]) -> Iterator[bytes]:
    """Yield the JSON of a long list in blocks: its values as Python objects take ten times the memory of the text.

    Args:
        begin: Index of the first item.
        end: Index after the last item.
        width: Number of values of an item.
        items: Returns a range of items as a list or an array for orjson.
    """
    step = max(1, BLOCK_VALUES // max(1, width))
    if end - begin <= step:
        yield orjson.dumps(items(begin, end), option=orjson.OPT_SERIALIZE_NUMPY)
        return
    yield b"["
    for at in range(begin, end, step):
        if at > begin:
            yield b","
        yield orjson.dumps(items(at, min(at + step, end)), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
    yield b"]"


def _allowed(tensor: Tensor) -> tuple[frozenset[type], str]:
    """Return the allowed Python types of a tensor's values, and their name in messages."""
    if tensor.text:
        return TEXTS, "texts"
    match tensor.dtype.kind:
        case "b":
            return TRUTH, "true or false"
        case "i" | "u":
            return WHOLE, f"whole numbers for {tensor.dtype_name}"
    return NUMBERS, "numbers"


def _describe(value: Any) -> str:
    if isinstance(value, str):
        return f'the text "{value[:40]}"'
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return kind(value)


def _position(index: int, shape: Sequence[int]) -> list[int]:
    if math.prod(shape) <= index:  # the list has more values than the shape
        return [index]
    return [int(axis) for axis in np.unravel_index(index, tuple(shape))]


def _first_unfit(code: str, values: Sequence[Any]) -> int:
    """Return the index of the first value that does not fit. A binary search is ten times as fast as a loop."""
    begin, end = 0, len(values)
    while end - begin > 1:
        middle = (begin + end) // 2
        if _fit(code, values[begin:middle]):
            begin = middle
        else:
            end = middle
    return begin


def _fit(code: str, values: Sequence[Any]) -> bool:
    try:
        struct.pack(f"={len(values)}{code}", *values)
    except (struct.error, OverflowError):
        return False
    return True
