"""Reads the idx format of the MNIST files: one array, plain or compressed by gzip.

An idx file begins with two zero bytes, a byte for the type and a byte for the number of axes. The sizes of the axes and
the values follow, all big-endian. See http://yann.lecun.com/exdb/mnist/.
"""

import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from epochal_studio.preview.arrays import StoredArray
from epochal_studio.preview.elements import element_type
from epochal_studio.preview.source import Stream, Unreadable
from epochal_studio.preview.streams import read_exactly

TYPES = {0x08: "|u1", 0x09: "|i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_AXES = 8
HEAD = 4


def is_idx(head: bytes) -> bool:
    """Return whether the first bytes of a file are a valid start of the idx format."""
    return len(head) >= HEAD and head[:2] == b"\0\0" and head[2] in TYPES and 1 <= head[3] <= MAX_AXES


def read_array(open_: Callable[[], AbstractContextManager[Stream]], size: int | None) -> StoredArray:
    """Return the array of an idx file.

    Args:
        open_: Opens the uncompressed content of the file.
        size: Bytes of the uncompressed content; None if they are unknown, because the file is compressed.

    Returns:
        The array. It has a `problem` if the size of the file does not match the header.

    Raises:
        Unreadable: If the file ends within its header.
    """
    with open_() as stream:
        head = read_exactly(stream, HEAD)
        axes = read_exactly(stream, 4 * head[3])
    if len(axes) < 4 * head[3]:
        raise Unreadable("the file is cut off: it ends within its header. Upload it again.")
    shape = struct.unpack(f">{head[3]}I", axes)
    kind = element_type(TYPES[head[2]])
    array = StoredArray("", shape, kind.name, open_, HEAD + len(axes), kind.elements)
    needed = array.count * (kind.elements.size if kind.elements else 0)
    if size is not None and needed != size - array.offset:
        found = f"its header declares {needed:,} bytes of values, but the file has {size - array.offset:,} bytes"
        return replace(array, problem=f"The file is damaged: {found}. Upload it again.")
    return array
