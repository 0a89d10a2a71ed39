"""The types of tensors: their names in the protocols, and their sizes in JSON."""

from types import MappingProxyType
from typing import NamedTuple

import numpy as np


class DataType(NamedTuple):
    """The names of a tensor's type in the protocols, and the sizes of its values."""

    open_inference: str
    tensorflow: str
    struct_code: str
    """The format character of `struct`."""
    json_bytes: int
    """Maximum bytes of a value in JSON, with its comma."""


DATA_TYPES = MappingProxyType(
    {
        np.dtype("bool"): DataType("BOOL", "DT_BOOL", "?", 6),
        np.dtype("int8"): DataType("INT8", "DT_INT8", "b", 5),
        np.dtype("int16"): DataType("INT16", "DT_INT16", "h", 7),
        np.dtype("int32"): DataType("INT32", "DT_INT32", "i", 12),
        np.dtype("int64"): DataType("INT64", "DT_INT64", "q", 21),
        np.dtype("uint8"): DataType("UINT8", "DT_UINT8", "B", 4),
        np.dtype("uint16"): DataType("UINT16", "DT_UINT16", "H", 6),
        np.dtype("uint32"): DataType("UINT32", "DT_UINT32", "I", 11),
        np.dtype("uint64"): DataType("UINT64", "DT_UINT64", "Q", 21),
        np.dtype("float16"): DataType("FP16", "DT_HALF", "e", 16),
        np.dtype("float32"): DataType("FP32", "DT_FLOAT", "f", 16),
        np.dtype("float64"): DataType("FP64", "DT_DOUBLE", "d", 25),
        np.dtype("object"): DataType("BYTES", "DT_STRING", "", 0),
    }
)
