"""What protocols call the types of tensors that numpy has names of its own for."""

from types import MappingProxyType

from epochal_server.tensors import Tensor

OPEN_INFERENCE = MappingProxyType(
    {
        "bool": "BOOL",
        "int8": "INT8",
        "int16": "INT16",
        "int32": "INT32",
        "int64": "INT64",
        "uint8": "UINT8",
        "uint16": "UINT16",
        "uint32": "UINT32",
        "uint64": "UINT64",
        "float16": "FP16",
        "float32": "FP32",
        "float64": "FP64",
        "object": "BYTES",
    }
)
TENSORFLOW = MappingProxyType(
    {
        "bool": "DT_BOOL",
        "int8": "DT_INT8",
        "int16": "DT_INT16",
        "int32": "DT_INT32",
        "int64": "DT_INT64",
        "uint8": "DT_UINT8",
        "uint16": "DT_UINT16",
        "uint32": "DT_UINT32",
        "uint64": "DT_UINT64",
        "float16": "DT_HALF",
        "float32": "DT_FLOAT",
        "float64": "DT_DOUBLE",
        "object": "DT_STRING",
    }
)


def open_inference(tensor: Tensor) -> str:
    """Returns what Open Inference calls the type of a tensor, such as FP32."""
    return OPEN_INFERENCE[tensor.dtype.name]


def tensorflow(tensor: Tensor) -> str:
    """Returns what TensorFlow calls the type of a tensor, such as DT_FLOAT."""
    return TENSORFLOW[tensor.dtype.name]
