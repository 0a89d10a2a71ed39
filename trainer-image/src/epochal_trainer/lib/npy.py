"""Reads and writes npy files of NumPy in a zip archive. The header is checked before the array is allocated."""

import io
import warnings
from collections.abc import Callable
from math import prod
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_MAX_HEADER_BYTES = 16 * 1024
"""Maximum bytes of an array's header that are read; NumPy itself rejects headers above 10,000 bytes."""
_CHUNK_BYTES = 1024**2


def write(file: IO[bytes], array: NDArray[Any]) -> None:
    """Write an array as an npy file. Unlike numpy.lib.format.write_array, copy no part of it to additional memory."""
    array = np.asarray(array, order="C")
    npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
    content = array.reshape(-1).view(np.uint8).data
    for begin in range(0, len(content), _CHUNK_BYTES):
        file.write(content[begin : begin + _CHUNK_BYTES])


def read(file: IO[bytes], file_size: int, check_dtype: Callable[[np.dtype[Any], int], None]) -> NDArray[Any]:
    """Read an npy file in a zip archive to its end, where the archive verifies the checksum, and return the array.

    Args:
        file: The file, positioned at the header of the array.
        file_size: Size of the file in bytes.
        check_dtype: Called with the array's dtype and size in bytes, from the header; raises an error to reject them.

    Raises:
        ValueError: If the header is invalid, or its size differs from the size of the content.
    """
    header = io.BytesIO(file.read(_MAX_HEADER_BYTES))
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns about headers written by Python 2, which are valid
        try:
            parse = npy.read_array_header_1_0 if npy.read_magic(header) == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = parse(header)
        except Exception as error:  # even a MemoryError: the parser raises it for deep nesting
            cause = str(error) or "the header is nested too deep"
            raise ValueError(f"the data do not begin with the header of an npy array: {cause}") from error
        size, content_size = prod(shape) * dtype.itemsize, file_size - header.tell()
        check_dtype(dtype, size)
        if size != content_size:
            found = f"its header has shape {shape} and type {dtype}, {size:,} bytes"
            raise ValueError(f"{found}, but {content_size:,} bytes follow the header")
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array
