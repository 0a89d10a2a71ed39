"""Names of the classes, which may lie beside the labels: they say to people what a class index means."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from epochal_api.signature import MAX_CLASSES, ClassName
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

MOST_BYTES = 16 * 2**20
"""Bytes that an array of names may take, before any is looked at: eight times what those need that are in order."""
_NAME: TypeAdapter[str] = TypeAdapter(ClassName, config=ConfigDict(hide_input_in_errors=True))
_SHOWN = 40
"""Characters of a name in a message."""


class ClassNames(NamedTuple):
    """What lies beside labels as the names of the classes.

    Args:
        source: Where they came from: an object's key, with the array's name where it holds several.
        names: The names in the order of the class indices; none if something is the matter with them.
        fault: What that is, and what must hold; "" if they are in order.
    """

    source: str
    names: tuple[str, ...] = ()
    fault: str = ""


def class_names(values: Sequence[object] | NDArray[Any], source: str) -> ClassNames:
    """Returns names of classes, or what is the matter with them: nobody is refused a training for its names.

    Args:
        values: Texts, or numbers that stand for them.
        source: Where they came from.
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
    """Returns why an array is not read that is to hold names of classes; None if it is.

    Args:
        dtype: Its type.
        size: Bytes that it takes.
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
