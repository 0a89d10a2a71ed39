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
"""Number of values in a block of JSON. Larger blocks would delay other threads, and smaller blocks add overhead."""
MAX_AXES = 32
"""Maximum number of axes of an array. An array with more is refused. No network has as many, and NumPy allows 64."""
NUMBERS = frozenset({int, float})
INTEGERS = frozenset({int})
BOOLEANS = frozenset({bool})
STRINGS = frozenset({str})


def flat(values: list[Any], where: str, *, text: bool = False) -> tuple[list[Any], tuple[int, ...]]:
    """Return the values of nested lists in one list, and the shape of the nested lists.

    Args:
        values: The nested lists.
        where: The tensor's name in messages.
        text: Whether strings are expected. Otherwise a string beside lists may be split into characters, which `array`
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
            raise Invalid(
                f"{where}: expected lists only at depth {len(shape)}, found {kind(odd)}: nest all values equally deep"
            )
        if len(lengths) > 1:
            two = " and ".join(str(length) for length in sorted(lengths)[:2])
            raise Invalid(
                f"{where}: expected lists of equal length at depth {len(shape)}, found lengths {two}: make them equal"
            )
        shape.append(lengths.pop())
        if len(shape) > MAX_AXES:
            raise Invalid(f"{where}: expected at most {MAX_AXES} levels of lists, found more: send the model's shape")
        values = list(chain.from_iterable(values))
    return values, tuple(shape)


def array(values: list[Any], shape: Sequence[int], tensor: Tensor, where: str) -> np.ndarray:
    """Return the values as an array with the given shape and a tensor's type.

    Raises:
        Invalid: If a value has another type, or is out of the type's range.
    """
    allowed, expected = _python_types(tensor)
    packed = bytearray(0 if tensor.text else len(values) * tensor.dtype.itemsize)
    for begin in range(0, len(values), BLOCK_VALUES):  # in blocks, because a single call would hold Python's lock
        block = values[begin : begin + BLOCK_VALUES]
        if not allowed.issuperset(map(type, block)):
            at = begin + next(index for index, value in enumerate(block) if type(value) not in allowed)
            found = _describe(values[at])
            raise Invalid(
                f"{where}: expected {expected}, found {found} at {_position(at, shape)}: send {expected} only"
            )
        # `struct` packs a list in a third of NumPy's time. Unlike NumPy, it refuses numbers out of the type's range.
        if not tensor.text and not _write_values(packed, begin, block, tensor):
            item = bytearray(tensor.dtype.itemsize)
            at = begin + next(index for index, value in enumerate(block) if not _write_values(item, 0, [value], tensor))
            raise Invalid(
                f"{where}: expected numbers within {tensor.dtype_name}, found {values[at]} at {_position(at, shape)}: "
                "send numbers of that range"
            )
    if tensor.text:
        texts = np.empty(len(values), object)
        texts[:] = values
        return texts.reshape(shape)
    return np.frombuffer(packed, tensor.dtype).reshape(shape)


def nested(values: Any, tensor: Tensor, where: str) -> np.ndarray:
    """Return nested lists as an array with their shape and a tensor's type.

    Raises:
        Invalid: If `values` is no list, lists at one depth differ in length, or a value has another type.
    """
    if not isinstance(values, list):
        raise Invalid(f"{where}: expected a list of samples, each {tensor}, found {kind(values)}: send a list")
    found, shape = flat(values, where, text=tensor.text)
    return array(found, shape, tensor, where)


def jsonable(values: np.ndarray) -> Any:
    """Return an array in a form that orjson can encode: nested lists for text, else a contiguous array."""
    if values.dtype == object:
        return values.tolist()
    # ONNX Runtime's 64-bit integers have the type long long of C. orjson encodes arrays of that type, but no single
    # values.
    return np.ascontiguousarray(values).view(values.dtype.str)


def json_blocks(begin: int, end: int, width: int, items: Callable[[int, int], Any]) -> Iterator[bytes]:
    """Yield the JSON of a long list in blocks, because its values as Python objects take ten times the JSON's memory.

    Args:
        begin: Index of the first item.
        end: Index after the last item.
        width: Number of values in each item.
        items: Returns the items from one index to before another, as a list or an array for orjson.
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


def _python_types(tensor: Tensor) -> tuple[frozenset[type], str]:
    """Return the Python types that a tensor's values in JSON may have, and the name of these types in messages."""
    if tensor.text:
        return STRINGS, "strings"
    match tensor.dtype.kind:
        case "b":
            return BOOLEANS, "true or false"
        case "i" | "u":
            return INTEGERS, f"integers for {tensor.dtype_name}"
    return NUMBERS, "numbers"


def _describe(value: Any) -> str:
    if isinstance(value, str):
        return f'the string "{value[:40]}"'
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return kind(value)


def _position(index: int, shape: Sequence[int]) -> list[int]:
    if math.prod(shape) <= index:  # the list has more values than the shape
        return [index]
    return [int(axis) for axis in np.unravel_index(index, tuple(shape))]


def _write_values(buffer: bytearray, begin: int, values: Sequence[Any], tensor: Tensor) -> bool:
    """Write values into a buffer, from index `begin` on. Return False if a value is out of the range of the type."""
    form = f"={len(values)}{tensor.datatype.struct_code}"
    try:
        struct.pack_into(form, buffer, begin * tensor.dtype.itemsize, *values)
    except (struct.error, OverflowError):
        return False
    return True
