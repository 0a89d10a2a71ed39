"""Reads the header of numpy's npy format, a Python literal.

Regular expressions parse its three fields, so that no text of a hostile file is evaluated as Python.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import NamedTuple

from epochal_studio.preview.arrays import StoredArray
from epochal_studio.preview.elements import element_type
from epochal_studio.preview.sentences import no_header, unreadable_elements
from epochal_studio.preview.source import Stream
from epochal_studio.preview.streams import read_exactly

MAGIC = b"\x93NUMPY"
MAX_HEADER = 16 * 1024
"""Maximum bytes of a header, the same as in the trainer. numpy itself refuses more than 10,000."""
MAX_AXES = 64
_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}
"""Number of bytes of the field that stores the header's length, by the version of the format."""
_UTF8_VERSION = 3
_SPACE = r"[ \t\n\r]*+"
"""Any white space. It is possessive (`*+`): otherwise two such expressions in sequence would need quadratic time."""
_BEGIN = re.compile(rf"[ \t]*\{{{_SPACE}")
_NAME = re.compile(rf"(['\"])(descr|fortran_order|shape)\1{_SPACE}:{_SPACE}")
_TEXT = re.compile(r"(['\"])([^'\"\\\n]{1,64})\1")
_ORDER = re.compile(r"True|False")
_SIZE = rf"{_SPACE}(?:0|[1-9][0-9]{{0,15}})L?{_SPACE}"
_SHAPE = re.compile(rf"\((?:{_SPACE}|{_SIZE},{_SPACE}|{_SIZE}(?:,{_SIZE}){{1,{MAX_AXES}}},?{_SPACE})\)")
_COMMA = re.compile(rf"{_SPACE},?{_SPACE}")
_END = re.compile(rf"\}}{_SPACE}")
_VALUES = {"descr": _TEXT, "fortran_order": _ORDER, "shape": _SHAPE}
_RECORDS = "records"


class _Header(NamedTuple):
    """The header of an npy file.

    Args:
        text: The text with the fields descr, fortran_order and shape.
        size: Bytes of the file before the values.
    """

    text: str
    size: int


def read_array(name: str, size: int | None, open_: Callable[[], AbstractContextManager[Stream]]) -> StoredArray:
    """Return the array of an npy file.

    Args:
        name: Name of the array.
        size: Bytes of the uncompressed file; None if they are unknown, because the file is compressed.
        open_: Opens the uncompressed file.

    Returns:
        The array. It has a `problem` if its header is invalid, its type is not supported, or the size is wrong.

    Raises:
        Unreadable: If the bytes of the file cannot be read.
    """
    header = _header(open_)
    fields = _fields(header.text) if header else None
    if header is None or fields is None:
        return StoredArray(name, (), "", open_, problem=no_header(name))
    text, is_fortran, shape = fields
    kind = element_type(text)
    offset = header.size
    array = StoredArray(name, shape, kind.name, open_, offset, kind.elements, is_fortran)
    if kind.elements is None:
        return replace(array, problem=unreadable_elements(name, kind.words))
    needed = array.count * kind.elements.size
    if size is not None and needed != size - offset:
        found_bytes = f"its header declares {needed:,} bytes of values, but it has {max(0, size - offset):,} bytes"
        return replace(array, problem=f"{name or 'The array'} is damaged: {found_bytes}. Upload it again.")
    return array


def _header(open_: Callable[[], AbstractContextManager[Stream]]) -> _Header | None:
    """Return the header of an npy file; None for other files, unsupported versions and headers above MAX_HEADER."""
    with open_() as stream:
        begin = read_exactly(stream, len(MAGIC) + 2)
        if not begin.startswith(MAGIC) or len(begin) < len(MAGIC) + 2:
            return None
        version, minor = begin[len(MAGIC) :]
        length_bytes = 0 if minor else _LENGTH_BYTES.get(version, 0)
        length = int.from_bytes(read_exactly(stream, length_bytes), "little")
        if not length_bytes or length > MAX_HEADER:
            return None
        content = read_exactly(stream, length)
    encoding = "utf-8" if version >= _UTF8_VERSION else "latin-1"
    return _Header(content.decode(encoding, "replace"), len(begin) + length_bytes + length)


def _fields(header: str) -> tuple[str, bool, tuple[int, ...]] | None:
    """Return the type (descr), whether the order is Fortran's, and the shape; None for a header that is invalid."""
    values: dict[str, str] = {}
    position = match.end() if (match := _BEGIN.match(header)) else len(header)
    while name := _NAME.match(header, position):
        end = _value_end(header, name.end(), name[2])
        comma = _COMMA.match(header, end) if end else None
        if comma is None or ("," not in comma[0] and not header.startswith("}", comma.end())):
            return None
        values[name[2]] = header[name.end() : end]
        position = comma.end()
    if len(values) < len(_VALUES) or not _END.fullmatch(header, position):
        return None
    descr = values["descr"]
    shape = tuple(int(size) for size in re.findall(r"[0-9]+", values["shape"]))
    if len(shape) > MAX_AXES or any(size > 2**53 for size in shape):
        return None
    return _RECORDS if descr[0] in "[(" else descr[1:-1], values["fortran_order"] == "True", shape


def _value_end(header: str, position: int, name: str) -> int:
    """Return the position in the header after the value of the field `name`; 0 if the value is invalid."""
    if name == "descr" and header.startswith(("[", "("), position):
        return _record_end(header, position)
    match = _VALUES[name].match(header, position)
    return match.end() if match else 0


def _record_end(header: str, position: int) -> int:
    """Return the position after the last closing bracket of a record type; 0 if the bracket is missing.

    A record type has nested lists and tuples.
    """
    depth, quote = 0, ""
    for index in range(position, len(header)):
        character = header[index]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "[(":
            depth += 1
        elif character in ")]":
            depth -= 1
            if not depth:
                return index + 1
    return 0
