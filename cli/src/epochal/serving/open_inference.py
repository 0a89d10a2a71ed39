"""Encodes requests and decodes responses of the Open Inference Protocol v2, with tensors as bytes after the JSON.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from epochal.errors import EpochalError
from epochal.serving.sample_files import Arrays
from epochal.serving.tensors import Tensor

HEADER_LENGTH = "Inference-Header-Content-Length"
_TYPES = {
    "bool": "BOOL",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    **{f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_DTYPES = {name: np.dtype(dtype).newbyteorder("<") for dtype, name in _TYPES.items()}


def encode(arrays: Arrays, inputs: Sequence[Tensor]) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a request for one batch. Texts are in the JSON, other arrays are bytes."""
    entries: list[dict[str, Any]] = []
    data = []
    for tensor in inputs:
        array = arrays[tensor.name]
        entry: dict[str, Any] = {"name": tensor.name, "shape": list(array.shape)}
        if array.dtype.kind == "U":
            entries.append(entry | {"datatype": "BYTES", "data": array.reshape(-1).tolist()})
            continue
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        data.append(little)
        parameters = {"binary_data_size": len(little)}
        entries.append(entry | {"datatype": _TYPES[array.dtype.name], "parameters": parameters})
    head = json.dumps({"inputs": entries, "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(head))}
    return b"".join([head, *data]), headers


def decode(body: bytes, headers: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return the arrays of outputs in a response, by the name of the output.

    Args:
        body: The body of the response.
        headers: The headers of the response, with names in lower case.

    Raises:
        EpochalError: If the response does not have the form of the protocol.
    """
    try:
        length = int(headers.get(HEADER_LENGTH.lower(), len(body)))
        outputs = json.loads(body[:length])["outputs"]
        found = {}
        for output in outputs:
            shape, datatype = [int(number) for number in output["shape"]], output["datatype"]
            size = (output.get("parameters") or {}).get("binary_data_size")
            if size is None:
                array = np.array(output["data"], dtype=str if datatype == "BYTES" else _DTYPES[datatype])
            elif datatype == "BYTES":
                array = np.array(_texts(body[length : length + size]), dtype=str)
                length += size
            else:
                count = math.prod(shape)
                array = np.frombuffer(body, _DTYPES[datatype], count, length)
                length += size
            found[str(output["name"])] = array.reshape(shape)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EpochalError(
            "the response of the server does not have the form of Open Inference v2.",
            "Install `epochal` in the same version as the server.",
        ) from error
    return found


def _texts(data: bytes) -> list[str]:
    """Decode the bytes of a tensor of texts: each text comes after its length in four bytes."""
    texts, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        texts.append(data[at + 4 : end].decode(errors="replace"))
        at = end
    return texts
