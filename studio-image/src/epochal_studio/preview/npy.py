"""The header of numpy's npy format. It is never evaluated: regular expressions find its three fields.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import NamedTuple

from epochal_studio.preview.arrays import StoredArray
from epochal_studio.preview.elements import element_type
from epochal_studio.preview.sentences import must_hold, no_header
from epochal_studio.preview.source import Stream
from epochal_studio.preview.streams import read_exactly

MAGIC = b"\x93NUMPY"
MAX_HEADER = 16 * 1024
"""Maximum bytes of a header, as for a training. numpy itself refuses more than 10,000."""
MAX_AXES = 64
_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}
"""Bytes of the header's length, by the version of the format."""
_UTF8_VERSION = 3
_SPACE = r"[ \t\n\r]*"
_DESCR = re.compile(rf"(['\"])descr\1{_SPACE}:{_SPACE}(?:(['\"])(?P<text>[^'\"\\]{{1,64}})\2|(?P<record>[\[(]))")
_ORDER = re.compile(rf"(['\"])fortran_order\1{_SPACE}:{_SPACE}(?P<value>True|False)\b")
_SHAPE = re.compile(rf"(['\"])shape\1{_SPACE}:{_SPACE}\((?P<sizes>[0-9L, \t\n\r]*)\)")
_SIZE = re.compile(r"[0-9]{1,16}")


class _Header(NamedTuple):
    """The header of a file.

    Args:
        text: Its fields.
        size: Bytes before the values.
    """

    text: str
    size: int


def read_array(name: str, size: int | None, open_: Callable[[], AbstractContextManager[Stream]]) -> StoredArray:
    """Return the array of an npy file. Of a damaged header, the array has the problem.

    Args:
        name: Name of the array.
        size: Bytes of the file; None if they are unknown, because gzip has compressed it.
        open_: Opens the file.

    Raises:
        Unreadable: If the file cannot be read.
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
        return replace(array, problem=must_hold(name, kind.words))
    needed = array.count * kind.elements.size
    if size is not None and needed != size - offset:
        found_bytes = f"its header has {needed:,} bytes of values, but it has {max(0, size - offset):,} bytes"
        return replace(array, problem=f"{name or 'The array'} is damaged: {found_bytes}. Upload it again.")
    return array


def _header(open_: Callable[[], AbstractContextManager[Stream]]) -> _Header | None:
    """Return the header of a file; None if it is no npy file, or its header is too large."""
    with open_() as stream:
        begin = read_exactly(stream, len(MAGIC) + 2)
        if not begin.startswith(MAGIC) or len(begin) < len(MAGIC) + 2:
            return None
        version = begin[len(MAGIC)]
        length_bytes = _LENGTH_BYTES.get(version, 0)
        length = int.from_bytes(read_exactly(stream, length_bytes), "little")
        if not length_bytes or length > MAX_HEADER:
            return None
        content = read_exactly(stream, length)
    encoding = "utf-8" if version >= _UTF8_VERSION else "latin-1"
    return _Header(content.decode(encoding, "replace"), len(begin) + length_bytes + length)


def _fields(header: str) -> tuple[str, bool, tuple[int, ...]] | None:
    """Return type, order and shape in a header; None if it is damaged."""
    descr, order = _DESCR.search(header), _ORDER.search(header)
    # The names of a record's fields come before the shape, and could look like it.
    shapes = list(_SHAPE.finditer(header))
    if descr is None or order is None or not shapes or not header.lstrip().startswith("{"):
        return None
    sizes = [size.strip(" \t\n\rL") for size in shapes[-1]["sizes"].split(",")]
    if sizes[-1] == "":
        sizes.pop()
    if len(sizes) > MAX_AXES or not all(_SIZE.fullmatch(size) for size in sizes):
        return None
    shape = tuple(int(size) for size in sizes)
    if any(size > 2**53 for size in shape):
        return None
    return (descr["text"] or "records"), order["value"] == "True", shape
