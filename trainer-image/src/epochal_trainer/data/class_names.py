"""Optional class names beside the labels, which explain the class indices to users."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from epochal_api.signature import MAX_CLASSES, ClassName
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

MOST_BYTES = 16 * 2**20
"""Maximum size in bytes of an array of class names, checked before it is read: eight times the size of the largest
valid array."""
_NAME: TypeAdapter[str] = TypeAdapter(ClassName, config=ConfigDict(hide_input_in_errors=True))
_SHOWN = 40
"""Maximum number of characters of a name in a message."""


class ClassNames(NamedTuple):
    """Class names that were found beside the labels.

    Args:
        source: Their source: an object's key, and the array's name if the object holds several.
        names: The names in the order of the class indices; empty if they are invalid.
        fault: The error in the names and the expected form; "" if they are valid.
    """

    source: str
    names: tuple[str, ...] = ()
    fault: str = ""


def class_names(values: Sequence[object] | NDArray[Any], source: str) -> ClassNames:
    """Return class names or their error. Invalid names never end a training.

    Args:
        values: Texts, or integers to use as texts.
        source: Source of the names.
    """
    if isinstance(values, np.ndarray) and values.ndim != 1:
        return ClassNames(source, fault=f"an array of {values.ndim} axes: names must be one after another, in one axis")
    if len(values) > MAX_CLASSES:
        return ClassNames(source, fault=f"{len(values):,} names, and {MAX_CLASSES:,} are the most")
    names = []
    for place, value in enumerate(values):
        try:
            names.append(_NAME.validate_python(_text(value)))
        except (ValidationError, UnicodeDecodeError, TypeError):
            what = ascii(value[:_SHOWN]) if isinstance(value, str | bytes) else f"a {type(value).__name__}"
            must = "a name must be 1 to 128 characters of one line, none of which is a control character"
            return ClassNames(source, fault=f"{what} at [{place}]: {must}")
    return ClassNames(source, tuple(names))


def unread(dtype: np.dtype[Any], size: int) -> str | None:
    """Return the reason why an array of class names cannot be read, or None if it can.

    Args:
        dtype: Type of its elements.
        size: Size of the array in bytes.
    """
    if dtype.hasobject:
        return "Python objects, which are not read: save them as text, class_names.astype(str)"
    if dtype.kind not in "USiu":
        return f"elements of type {dtype!s:.{_SHOWN}}: names must be text"
    if size > MOST_BYTES:
        return f"{size:,} bytes: {MOST_BYTES:,} are the most"
    return None


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.integer):
        return str(value)
    if isinstance(value, str):
        return str(value)
    raise TypeError("neither a text nor a number")
