"""The names of NumPy's types in the protocols."""

from types import MappingProxyType

import numpy as np

from epochal_server.tensors import Tensor

OPEN_INFERENCE = MappingProxyType(
    {
        np.dtype("bool"): "BOOL",
        np.dtype("int8"): "INT8",
        np.dtype("int16"): "INT16",
        np.dtype("int32"): "INT32",
        np.dtype("int64"): "INT64",
        np.dtype("uint8"): "UINT8",
        np.dtype("uint16"): "UINT16",
        np.dtype("uint32"): "UINT32",
        np.dtype("uint64"): "UINT64",
        np.dtype("float16"): "FP16",
        np.dtype("float32"): "FP32",
        np.dtype("float64"): "FP64",
        np.dtype("object"): "BYTES",
    }
)
TENSORFLOW = MappingProxyType(
    {
        np.dtype("bool"): "DT_BOOL",
        np.dtype("int8"): "DT_INT8",
        np.dtype("int16"): "DT_INT16",
        np.dtype("int32"): "DT_INT32",
        np.dtype("int64"): "DT_INT64",
        np.dtype("uint8"): "DT_UINT8",
        np.dtype("uint16"): "DT_UINT16",
        np.dtype("uint32"): "DT_UINT32",
        np.dtype("uint64"): "DT_UINT64",
        np.dtype("float16"): "DT_HALF",
        np.dtype("float32"): "DT_FLOAT",
        np.dtype("float64"): "DT_DOUBLE",
        np.dtype("object"): "DT_STRING",
    }
)


def open_inference(tensor: Tensor) -> str:
    """Return the Open Inference name of a tensor's type, such as FP32."""
    return OPEN_INFERENCE[tensor.dtype]


def tensorflow(tensor: Tensor) -> str:
    """Return the TensorFlow name of a tensor's type, such as DT_FLOAT."""
    return TENSORFLOW[tensor.dtype]
