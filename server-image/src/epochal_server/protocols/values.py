"""Makes arrays of JSON's numbers and texts, which have to be what the model takes, and arrays' parts JSON."""

import math
import struct
from collections.abc import Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np

from epochal_server.protocols.json_body import kind
from epochal_server.refusals import Invalid
from epochal_server.tensors import Tensor

CODES = MappingProxyType(
    {
        np.dtype("bool"): "?",
        np.dtype("int8"): "b",
        np.dtype("int16"): "h",
        np.dtype("int32"): "i",
        np.dtype("int64"): "q",
        np.dtype("uint8"): "B",
        np.dtype("uint16"): "H",
        np.dtype("uint32"): "I",
        np.dtype("uint64"): "Q",
        np.dtype("float16"): "e",
        np.dtype("float32"): "f",
        np.dtype("float64"): "d",
    }
)
"""What the types of arrays are to struct, which packs a list in a third of the time that numpy takes, and, unlike it,
takes neither texts nor null for numbers, nor numbers that the type does not hold."""

MAX_AXES = 32
"""Most axes of an array. No network takes as many, and numpy takes 64."""
NUMBERS = frozenset({int, float})
WHOLE = frozenset({int})
TRUTH = frozenset({bool})
TEXTS = frozenset({str})


def flat(values: list[Any], where: str, *, text: bool = False) -> tuple[list[Any], tuple[int, ...]]:
    """Returns what nested lists hold, in one list, and the shape that they make.

    Args:
        values: The lists.
        where: What to call them.
        text: Whether texts are looked for. Else one beside lists may come out as its characters, for `array` to
            refuse.

    Raises:
        Invalid: If there is something else beside a list, lists beside one another are not equally long, or there are
            more levels of lists than `MAX_AXES`.
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
            told = " and ".join(str(length) for length in sorted(lengths)[:2])
            raise Invalid(
                f"{where}: expected lists of one length at depth {len(shape)}, found lengths {told}: send a full array"
            )
        shape.append(lengths.pop())
        if len(shape) > MAX_AXES:
            raise Invalid(f"{where}: expected at most {MAX_AXES} levels of lists, found more: send the model's shape")
        values = list(chain.from_iterable(values))
    return values, tuple(shape)


def array(values: list[Any], shape: Sequence[int], tensor: Tensor, where: str) -> np.ndarray:
    """Returns an array of the type that a tensor has.

    Args:
        values: What it is to hold, in one list.
        shape: Its shape.
        tensor: The tensor that it is for.
        where: What to call it.

    Raises:
        Invalid: If a value is none of that type.
    """
    allowed, expected = _allowed(tensor)
    if not allowed.issuperset(map(type, values)):
        at = next(index for index, value in enumerate(values) if type(value) not in allowed)
        found = _shown(values[at])
        raise Invalid(f"{where}: expected {expected}, found {found} at {_place(at, shape)}: send {expected} only")
    if tensor.text:
        texts = np.empty(len(values), object)
        texts[:] = values
        return texts.reshape(shape)
    code = CODES[tensor.dtype]
    try:
        packed = struct.pack(f"={len(values)}{code}", *values)
    except (struct.error, OverflowError):
        at = _first_unfit(code, values)
        raise Invalid(
            f"{where}: expected numbers within {tensor.dtype_name}, found {values[at]} at {_place(at, shape)}: send no "
            "such"
        ) from None
    return np.frombuffer(packed, tensor.dtype).reshape(shape)


def nested(values: Any, tensor: Tensor, where: str) -> np.ndarray:
    """Returns an array of a tensor's type, with the shape that nested lists have.

    Args:
        values: The lists: samples, one after the other.
        tensor: The tensor that they are for.
        where: What to call them.

    Raises:
        Invalid: If they are no lists, are not equally long, or hold what that type does not.
    """
    if not isinstance(values, list):
        raise Invalid(f"{where}: expected a list of samples, each {tensor}, found {kind(values)}: send a list")
    found, shape = flat(values, where, text=tensor.text)
    return array(found, shape, tensor, where)


def jsonable(found: np.ndarray) -> Any:
    """Returns an array as orjson takes it."""
    if found.dtype == object:
        return found.tolist()
    # ONNX Runtime's whole numbers of 64 bits are C's long long, of which orjson knows arrays, but no single ones.
    return np.ascontiguousarray(found).view(found.dtype.str)


def _allowed(tensor: Tensor) -> tuple[frozenset[type], str]:
    """Returns what JSON's values must be for a tensor, and how to call that."""
    if tensor.text:
        return TEXTS, "texts"
    match tensor.dtype.kind:
        case "b":
            return TRUTH, "true or false"
        case "i" | "u":
            return WHOLE, f"whole numbers for {tensor.dtype_name}"
    return NUMBERS, "numbers"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f'the text "{value[:40]}"'
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return kind(value)


def _place(index: int, shape: Sequence[int]) -> list[int]:
    if math.prod(shape) <= index:  # a list of more values than its shape has room for
        return [index]
    return [int(axis) for axis in np.unravel_index(index, tuple(shape))]


def _first_unfit(code: str, values: Sequence[Any]) -> int:
    """Returns the index of the first value that does not fit. It packs halves: one by one takes ten times as long."""
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
