"""The idx format of the MNIST files: a single array, plain or gzipped.

An idx file begins with two zero bytes, a byte for the type and a byte for the number of axes. The sizes of the axes
follow as big-endian 32-bit integers, then the data, also big-endian. See http://yann.lecun.com/exdb/mnist/.
"""

import struct
from math import prod

import numpy as np

from epochal_trainer.data.memory import Memory
from epochal_trainer.data.samples import Array, shaped
from epochal_trainer.data.source import Source

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 8


def is_idx(head: bytes) -> bool:
    """Return whether a file with this beginning may be idx."""
    return len(head) >= 4 and head[:2] == b"\0\0" and head[2] in TYPES and 1 <= head[3] <= MOST_AXES  # noqa: PLR2004


def read(source: Source, memory: Memory) -> Array:
    """Read an idx file.

    Args:
        source: The file.
        memory: Memory budget of the array.

    Returns:
        The array, in this machine's byte order.

    Raises:
        Failure: TruncatedData, DamagedData or DataTooLarge.
    """
    with source.opened() as stream:
        head = stream.read(4)
        if not is_idx(head):
            raise source.damaged(f"it begins with {head!r}, which is no idx header")
        axes = stream.read(4 * head[3])
        if len(axes) < 4 * head[3]:
            raise source.truncated("its header has no end", f"{head[3]} sizes must be in it")
        shape = struct.unpack(f">{head[3]}I", axes)
        dtype = np.dtype(TYPES[head[2]])
        size = prod(shape) * dtype.itemsize
        if 4 + len(axes) + size > source.most():
            found = f"it can hold at most {source.most():,} bytes"
            raise source.truncated(found, f"its header announces {shaped(shape)} {dtype.name}, {size:,} bytes")
        memory.reserve(size, source.name)
        try:
            array = np.empty(shape, dtype)
        except ValueError as error:  # sizes that are too large, with a 0 among them
            raise source.damaged(f"its header announces {shaped(shape)} {dtype.name}, and {error}") from error
        source.fill(array, stream)
        if stream.read(1):
            raise source.damaged(f"more follows than the {size:,} bytes that its header announces")
    if dtype.isnative:
        return array
    return array.byteswap(inplace=True).view(dtype.newbyteorder("="))
