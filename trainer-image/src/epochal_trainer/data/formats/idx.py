"""The idx format of the MNIST files: a single array, plain or gzipped.

An idx file begins with two zero bytes, a byte for the type and a byte for the number of axes. The sizes of the axes
follow as big-endian 32-bit integers, then the data, also big-endian. See http://yann.lecun.com/exdb/mnist/.
"""

import struct
from math import prod

import numpy as np

from epochal_trainer.data.arrays import Array, format_shape
from epochal_trainer.data.memory import MemoryBudget
from epochal_trainer.data.source import DataFile

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_AXES = 8


def is_idx(head: bytes) -> bool:
    """Return whether a file that begins with these bytes may be an idx file."""
    return len(head) >= 4 and head[:2] == b"\0\0" and head[2] in TYPES and 1 <= head[3] <= MAX_AXES  # noqa: PLR2004


def read(file: DataFile, memory: MemoryBudget) -> Array:
    """Return the array in an idx file, in this machine's byte order.

    Raises:
        Failure: TruncatedData, DamagedData or DataTooLarge.
    """
    with file.open() as stream:
        head = stream.read(4)
        if not is_idx(head):
            raise file.damaged(f"the file begins with {head!r}, which is not an idx header")
        axes = stream.read(4 * head[3])
        if len(axes) < 4 * head[3]:
            raise file.truncated("the idx header is incomplete", f"the header must have {head[3]} sizes")
        shape = struct.unpack(f">{head[3]}I", axes)
        dtype = np.dtype(TYPES[head[2]])
        size = prod(shape) * dtype.itemsize
        declared = f"its header declares {format_shape(shape)} {dtype.name}"
        if 4 + len(axes) + size > file.max_size():
            raise file.truncated(f"the file can hold at most {file.max_size():,} bytes", f"{declared}, {size:,} bytes")
        memory.reserve(size, file.name)
        try:
            array = np.empty(shape, dtype)
        except ValueError as error:  # sizes that are too large, with a 0 among them
            raise file.damaged(f"{declared}, but {error}") from error
        file.read_into(array, stream)
        if stream.read(1):
            raise file.damaged(f"the file holds more data than the {size:,} bytes that the idx header declares")
    if dtype.isnative:
        return array
    return array.byteswap(inplace=True).view(dtype.newbyteorder("="))
