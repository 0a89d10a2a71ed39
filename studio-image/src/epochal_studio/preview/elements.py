"""Decodes the elements of numpy's arrays without numpy, which Studio's image does not have."""

import re
import struct
import sys
from typing import NamedTuple

from epochal_api.text import printable

Value = bool | int | float | str
MAX_ITEM = 64 * 1024
"""Maximum bytes of an element that is a text. Studio shows no values of an array with longer elements."""
_TYPE = re.compile(r"([<>|=]?)([a-zA-Z?])([0-9]{0,9})(\[[^\]]{0,16}\])?")
_CODES = {
    "b1": "?",
    "i1": "b",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "u1": "B",
    "u2": "H",
    "u4": "I",
    "u8": "Q",
    "f2": "e",
    "f4": "f",
    "f8": "d",
}
"""Format characters of the module struct, by kind and size in bytes of numpy's types."""
_WORDS = {"b": "bool", "i": "int", "u": "uint", "f": "float", "c": "complex", "M": "datetime64", "m": "timedelta64"}
_TEXT = frozenset("SU")
_SHOWN = 100


class Elements(NamedTuple):
    """A type of elements that Studio can decode.

    Args:
        kind: Kind of numpy's type: b (bool), i, u or f for numbers; S (bytes) or U (Unicode) for texts.
        size: Bytes of an element.
        order: Byte order: < for little-endian, > for big-endian.
    """

    kind: str
    size: int
    order: str = "<"

    @property
    def is_text(self) -> bool:
        """Whether the elements are texts."""
        return self.kind in _TEXT

    @property
    def is_number(self) -> bool:
        """Whether the elements are numbers or booleans."""
        return not self.is_text

    def code(self, count: int) -> str:
        """Return the format string of the module struct for `count` numbers."""
        return f"{self.order}{count}{_CODES[f'{self.kind}{self.size}']}"

    def decode(self, content: bytes) -> list[Value]:
        """Return the values that are encoded in bytes. An incomplete element at the end is left out."""
        count = len(content) // self.size if self.size else 0
        if self.is_number:
            whole = content[: count * self.size]
            if self.kind == "b":  # numpy writes 0 and 1, and any byte may be in a file
                return [byte != 0 for byte in whole]
            return list(struct.unpack(self.code(count), whole))
        return [self._text(content[start : start + self.size]) for start in range(0, count * self.size, self.size)]

    def _text(self, item: bytes) -> str:
        if self.kind == "S":
            return item.rstrip(b"\0").decode(errors="replace")
        encoding = "utf-32-le" if self.order == "<" else "utf-32-be"
        return item.decode(encoding, errors="replace").rstrip("\0")


class ElementType(NamedTuple):
    """The type of an array's elements, decodable or not.

    Args:
        name: The type as numpy prints it, such as uint8, float32 or <U3.
        elements: The decodable type; None if neither Studio nor a training can read such elements.
        words: Name of unreadable elements for messages: `Python objects`, or `elements of type complex64`.
    """

    name: str
    elements: Elements | None
    words: str


def element_type(text: str) -> ElementType:
    """Return the element type for the field `descr` of an npy header, such as `<f4` or `|S5`."""
    match = _TYPE.fullmatch(text)
    if match is None:
        shown = printable(text[:32], instead=" ")
        return ElementType(shown, None, f"elements of type {shown}")
    order, kind, digits, unit = match[1], match[2], match[3], match[4] or ""
    size = int(digits or 0)
    order = ("<" if sys.byteorder == "little" else ">") if order in {"", "=", "|"} else order
    if kind == "O":
        return ElementType("object", None, "Python objects")
    if f"{kind}{size}" in _CODES:
        name = "bool" if kind == "b" else f"{_WORDS[kind]}{8 * size}"
        return ElementType(name, Elements(kind, size, order), "")
    if kind in _TEXT and size * (4 if kind == "U" else 1) <= MAX_ITEM:
        shown = f"{order if kind == 'U' else '|'}{kind}{size}"
        return ElementType(shown, Elements(kind, size * (4 if kind == "U" else 1), order), "")
    plain = _WORDS[kind] + (unit if kind in "mM" else f"{8 * size}") if kind in _WORDS else text
    return ElementType(plain, None, f"elements of type {plain}")


def shown(value: Value) -> str:
    """Return a value as a text of one line, at most 100 characters. Floats have six significant digits."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return " ".join(printable(str(value)[:_SHOWN], instead=" ").split())
