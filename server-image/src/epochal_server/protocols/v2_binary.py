"""Open Inference's binary extension: tensors as bytes after the JSON, little-endian, in row-major order.

https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html
"""

import math
import struct
from collections.abc import Sequence

import numpy as np

from epochal_server.model.model import Tensor
from epochal_server.refusals import Invalid

Buffer = bytes | bytearray | memoryview
COPIED_BYTES = 64 * 1024
"""Maximum size of an array that is always copied. Such a copy is faster than a check whether it is needed."""
LENGTH = struct.Struct("<I")


def array(data: memoryview, shape: Sequence[int], tensor: Tensor, where: str) -> np.ndarray:
    """Return the array of a tensor in the binary format. Numbers are copied only if `data` is not aligned for the type.

    Raises:
        Invalid: If the bytes do not match the type and the shape.
    """
    count = math.prod(shape)
    if tensor.text:
        return _texts(data, count, where).reshape(shape)
    size = tensor.dtype.itemsize
    if len(data) != count * size:
        raise Invalid(
            f"{where}: expected {count * size:,} bytes for {tensor.dtype_name} of shape {list(shape)}, found "
            f"{len(data):,}: send this number of bytes, and set binary_data_size to it"
        )
    values: np.ndarray = np.frombuffer(data, tensor.dtype)
    if tensor.dtype.kind == "b":
        values = np.asarray(values.view(np.uint8) != 0)
        return values.reshape(shape)
    return (values if values.flags.aligned else values.copy()).reshape(shape)


def packed(values: np.ndarray) -> Buffer:
    """Return an array in the binary format: a view of its memory if large, contiguous and numeric; else a copy."""
    if values.dtype.kind != "O":
        if values.nbytes <= COPIED_BYTES:
            return values.tobytes()
        return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
    packed = bytearray()
    for value in values.flat:
        text = str(value).encode()
        packed += LENGTH.pack(len(text))
        packed += text
    return packed


def _texts(data: memoryview, count: int, where: str) -> np.ndarray:
    """Return an array of `count` texts from the binary format: each is UTF-8 after its length in four bytes."""
    values: list[str] = []
    at = 0
    while at < len(data) and len(values) <= count:
        end = at + LENGTH.size
        length = LENGTH.unpack_from(data, at)[0] if end <= len(data) else 0
        if end + length > len(data):
            raise Invalid(
                f"{where}: expected {count} strings, found string {len(values)} truncated: send the complete strings"
            )
        try:
            values.append(str(data[end : end + length], "utf-8"))
        except UnicodeDecodeError as error:
            raise Invalid(
                f"{where}: expected UTF-8 strings, found {error} in string {len(values)}: encode the strings as UTF-8"
            ) from None
        at = end + length
    if len(values) != count:
        count_text = f"{len(values)}" if len(values) < count else "more"
        raise Invalid(f"{where}: expected {count} strings for its shape, found {count_text}: send {count} strings")
    texts = np.empty(count, object)
    texts[:] = values
    return texts
