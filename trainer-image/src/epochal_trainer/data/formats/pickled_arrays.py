"""Replacements for NumPy's classes while a pickle is read, so that it cannot deceive NumPy about an array."""

import re
import sys
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from epochal_trainer.data.samples import Array, shaped
from epochal_trainer.data.source import Source

MOST_AXES = 64
"""Maximum number of axes of an array, as in NumPy."""
BYTE_ORDERS = ("<", ">", "=", "|")
TYPE_CODE = re.compile(r"b1|[iu][1248]|f[248]")
WORDS = {"O": "Python objects", "S": "strings", "U": "strings"}
"""Names for elements of an array that are not numbers, by the first letter of the type."""
SHOWN = 100
"""Maximum number of characters of foreign text in a message."""


class Unsafe(Exception):
    """The error for a pickle with a name that no array needs."""


class NotNumbers(Exception):
    """The error for a pickle with an array that does not hold numbers."""


class PickledType:
    """Replaces numpy.dtype during the read of a pickle."""

    def __init__(self, code: object, *_: object) -> None:
        self._code = _text(code)
        if not TYPE_CODE.fullmatch(self._code):
            raise NotNumbers(WORDS.get(self._code[:1], f"elements of type {self._code:.{SHOWN}}"))
        self.dtype = np.dtype(self._code)

    def set_state(self, state: object) -> None:
        """Apply the state that the pickle provides for the type."""
        _, order, subarray, fields, *_ = tuple_of(state)
        order = _text(order)
        # np.dtype would parse a longer text as several fields.
        if subarray is not None or fields is not None or order not in BYTE_ORDERS:
            raise NotNumbers("records")
        self.dtype = np.dtype(f"{order}{self._code}")


class PickledArray:
    """Replaces numpy.ndarray during the read of a pickle."""

    def __init__(self, *_: object) -> None:
        self._set(b"", PickledType("u1"))

    def set_state(self, state: object) -> None:
        """Apply the state that the pickle provides for the array."""
        _, shape, kind, fortran, data = tuple_of(state)
        self._set(data, kind, shape, "F" if fortran else "C")

    @classmethod
    def from_buffer(cls, *arguments: Any) -> "PickledArray":
        """Return an array from its bytes: replaces NumPy's functions `_frombuffer` and `scalar`."""
        made = cls()
        made._set(*arguments)
        return made

    def _set(self, data: Any, kind: Any, shape: Any = (), order: object = "C", axes: Any = None) -> None:
        if not (isinstance(kind, PickledType) and isinstance(shape, tuple) and isinstance(data, bytes | str)):
            raise TypeError("an array needs a type, a shape and data")
        if len(shape) > MOST_AXES or any(type(size) is not int or not 0 <= size <= sys.maxsize for size in shape):
            raise ValueError(f"an array's shape is up to {MOST_AXES} sizes from 0 on")
        if axes is None and order not in ("C", "F"):
            raise ValueError("an array's order is C or F")
        # A transposed array is stored as an array of another shape, with the order in which to transpose its axes.
        numbers = isinstance(axes, tuple) and all(type(axis) is int for axis in axes)
        if axes is not None and not (order == "K" and numbers and sorted(axes) == list(range(len(shape)))):
            raise ValueError(f"an array of {len(shape)} axes is given an order of other axes")
        self._data, self._dtype, self._shape, self._axes = data, kind.dtype, shape, axes
        self._order: Any = "F" if order == "F" else "C"

    def array(self, source: Source) -> Array:
        """Return the array, without a copy if its bytes are in this machine's byte order."""
        size = prod(self._shape) * self._dtype.itemsize
        if size != len(self._data):
            found = f"an array of {shaped(self._shape)} {self._dtype} takes {size:,} bytes"
            raise source.damaged(f"{found}, and {len(self._data):,} are there")
        try:
            data = self._data.encode("latin-1") if isinstance(self._data, str) else self._data
            flat = np.frombuffer(data, self._dtype) if size else np.empty(0, self._dtype)
            made = flat.astype(self._dtype.newbyteorder("="), copy=False).reshape(self._shape, order=self._order)
            return made if self._axes is None else made.transpose(self._axes)
        except ValueError as error:
            raise source.damaged(str(error)) from error


def named(module: object, name: object) -> Callable[..., object]:
    """Return the replacement for a name in the pickle.

    Raises:
        Unsafe: If no array needs the name.
    """
    if not isinstance(module, str) or not isinstance(name, str):
        raise TypeError("a name must be a text")
    known = KNOWN.get((module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins"), name))
    if known is None:
        raise Unsafe(f"{module}.{name}")
    return known


def _ndarray(*_: object) -> None:
    raise Unsafe("numpy.ndarray as a function")


def tuple_of(value: object) -> tuple[Any, ...]:
    """Return a value that must be a tuple: tuple() would split text or bytes into an object per element."""
    if not isinstance(value, tuple):
        raise TypeError(f"a tuple must be there, found {type(value).__name__}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, bytes | str):
        raise TypeError(f"an array's type must be named by a text, found {type(value).__name__}")
    return value.decode("ascii") if isinstance(value, bytes) else value


KNOWN: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _ndarray,
    ("numpy", "dtype"): PickledType,
    ("numpy.core.multiarray", "_reconstruct"): PickledArray,
    ("numpy.core.multiarray", "scalar"): PickledArray.from_buffer,
    ("numpy.core.numeric", "_frombuffer"): PickledArray.from_buffer,
    ("_codecs", "encode"): lambda text, *_: (
        text
    ),  # PickledArray encodes its text only once, however many times the pickle encodes it
    ("builtins", "bytes"): lambda: b"",
}
"""Replacements for the names that a pickle of arrays may use, as of NumPy 1 and Python 3."""
