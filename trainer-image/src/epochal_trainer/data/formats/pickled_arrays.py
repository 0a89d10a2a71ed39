"""Replacements for NumPy's classes while a pickle is read, which check the pickle's descriptions of arrays."""

import re
import sys
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from epochal_trainer.data.arrays import Array, format_shape
from epochal_trainer.data.source import DataFile

MAX_AXES = 64
"""Maximum number of axes of an array, as in NumPy. An array with more is refused."""
BYTE_ORDERS = ("<", ">", "=", "|")
TYPE_CODE = re.compile(r"b1|[iu][1248]|f[248]")
NON_NUMERIC_TYPES = {"O": "Python objects", "S": "strings", "U": "strings"}
"""Names in messages for elements that are not numbers, by the first letter of the NumPy type."""
MAX_SHOWN = 100
"""Maximum number of characters from the file in a message. A longer text is cut."""


class UnsafeName(Exception):
    """The error for a pickle that refers to a function or class that no array needs. The message is its name."""


class NotNumeric(Exception):
    """The error for a pickle with an array of elements that are not numbers. The message names the elements."""


class PickledType:
    """Replaces numpy.dtype while a pickle is read. Accepts booleans, integers and floats of at most 64 bits."""

    def __init__(self, code: object, *_: object) -> None:
        self._code = _decode(code)
        if not TYPE_CODE.fullmatch(self._code):
            raise NotNumeric(NON_NUMERIC_TYPES.get(self._code[:1], f"elements of type {self._code:.{MAX_SHOWN}}"))
        self.dtype = np.dtype(self._code)

    def set_state(self, state: object) -> None:
        """Set the byte order from the state in the pickle, as numpy.dtype.__setstate__ does; refuse records."""
        _, order, subarray, fields, *_ = check_tuple(state)
        order = _decode(order)
        # np.dtype would parse a longer text as several fields.
        if subarray is not None or fields is not None or order not in BYTE_ORDERS:
            raise NotNumeric("records")
        self.dtype = np.dtype(f"{order}{self._code}")


class PickledArray:
    """Replaces numpy.ndarray while a pickle is read."""

    def __init__(self, *_: object) -> None:
        self._assign(b"", PickledType("u1"))

    def set_state(self, state: object) -> None:
        """Set shape, type, order and data from the state in the pickle, as numpy.ndarray.__setstate__ does."""
        _, shape, kind, fortran, data = check_tuple(state)
        self._assign(data, kind, shape, "F" if fortran else "C")

    @classmethod
    def from_buffer(cls, *arguments: Any) -> "PickledArray":
        """Return an array from its data, type and shape: replaces NumPy's functions `_frombuffer` and `scalar`."""
        array = cls()
        array._assign(*arguments)
        return array

    def _assign(self, data: Any, kind: Any, shape: Any = (), order: object = "C", axes: Any = None) -> None:
        if not (isinstance(kind, PickledType) and isinstance(shape, tuple) and isinstance(data, bytes | str)):
            raise TypeError("an array needs a type, a shape and data")
        if len(shape) > MAX_AXES or any(type(size) is not int or not 0 <= size <= sys.maxsize for size in shape):
            raise ValueError(f"an array's shape must be at most {MAX_AXES} sizes of 0 or more")
        if axes is None and order not in ("C", "F"):
            raise ValueError("an array's order must be C or F")
        # A transposed array is stored as an array of another shape, with the order in which to transpose its axes.
        is_integers = isinstance(axes, tuple) and all(type(axis) is int for axis in axes)
        if axes is not None and not (order == "K" and is_integers and sorted(axes) == list(range(len(shape)))):
            raise ValueError(f"the order of an array's axes must contain each of its {len(shape)} axes once")
        self._data, self._dtype, self._shape, self._axes = data, kind.dtype, shape, axes
        self._order: Any = "F" if order == "F" else "C"

    def array(self, file: DataFile) -> Array:
        """Return the NumPy array, without a copy if its bytes are in this machine's byte order."""
        size = prod(self._shape) * self._dtype.itemsize
        if size != len(self._data):
            found = f"an array of {format_shape(self._shape)} {self._dtype} takes {size:,} bytes"
            raise file.damaged(f"{found}, but {len(self._data):,} are stored")
        try:
            data = self._data.encode("latin-1") if isinstance(self._data, str) else self._data
            flat = np.frombuffer(data, self._dtype) if size else np.empty(0, self._dtype)
            array = flat.astype(self._dtype.newbyteorder("="), copy=False).reshape(self._shape, order=self._order)
            return array if self._axes is None else array.transpose(self._axes)
        except ValueError as error:
            raise file.damaged(str(error)) from error


def replacement_for(module: object, name: object) -> Callable[..., object]:
    """Return the replacement for a function or class that the pickle refers to.

    Raises:
        UnsafeName: If no array needs the function or class.
    """
    if not isinstance(module, str) or not isinstance(name, str):
        raise TypeError("a name must be a text")
    numpy_1_module = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
    replacement = REPLACEMENTS.get((numpy_1_module, name))
    if replacement is None:
        raise UnsafeName(f"{module}.{name}")
    return replacement


def _ndarray(*_: object) -> None:
    raise UnsafeName("numpy.ndarray as a function")


def check_tuple(value: object) -> tuple[Any, ...]:
    """Return a value if it is a tuple, else raise TypeError. To convert a long text to a tuple takes much memory."""
    if not isinstance(value, tuple):
        raise TypeError(f"expected a tuple, found {type(value).__name__}")
    return value


def _decode(value: object) -> str:
    if not isinstance(value, bytes | str):
        raise TypeError(f"the name of an array's type must be a text, found {type(value).__name__}")
    return value.decode("ascii") if isinstance(value, bytes) else value


REPLACEMENTS: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _ndarray,
    ("numpy", "dtype"): PickledType,
    ("numpy.core.multiarray", "_reconstruct"): PickledArray,
    ("numpy.core.multiarray", "scalar"): PickledArray.from_buffer,
    ("numpy.core.numeric", "_frombuffer"): PickledArray.from_buffer,
    # PickledArray encodes its text only once, however many times the pickle encodes it.
    ("_codecs", "encode"): lambda text, *_: text,
    ("builtins", "bytes"): lambda: b"",
}
"""Replacements for the functions and classes in pickles of arrays, by module and name in NumPy 1 and Python 3."""
