"""Arrays in numpy's own format, as parts of a zip archive: what they claim is known before any memory is taken."""

import io
import warnings
from collections.abc import Callable
from math import prod
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_MOST_HEADER = 16 * 1024
"""Bytes of an array's header; numpy itself refuses headers above 10,000."""
_CHUNK_BYTES = 1024**2


def write(file: IO[bytes], array: NDArray[Any]) -> None:
    """Writes what numpy.lib.format.write_array does, which copies each part once more, into new memory."""
    array = np.asarray(array, order="C")
    npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
    content = array.reshape(-1).view(np.uint8).data
    for begin in range(0, len(content), _CHUNK_BYTES):
        file.write(content[begin : begin + _CHUNK_BYTES])


def read(file: IO[bytes], held: int, accept: Callable[[np.dtype[Any], int], None]) -> NDArray[Any]:
    """Reads an array to its end, where a zip archive compares checksums.

    Args:
        file: The array, its header included.
        held: Bytes of the file.
        accept: Takes the type and the bytes that the array claims; raises what speaks against them.

    Raises:
        ValueError: If the array is not what its header says.
    """
    head = io.BytesIO(file.read(_MOST_HEADER))
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy warns of headers that Python 2 wrote, which are fine
        try:
            parse = npy.read_array_header_1_0 if npy.read_magic(head) == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = parse(head)
        except Exception as error:  # of Python's parser a MemoryError, too, which it is not: a header is short
            why = str(error) or "it is nested too deep"
            raise ValueError(f"it does not begin with the header of an array: {why}") from error
        size, there = prod(shape) * dtype.itemsize, held - head.tell()
        accept(dtype, size)
        if size != there:
            raise ValueError(f"it says {shape} of {dtype}, {size:,} bytes, and has {there:,}")
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array
