"""Limits the memory of an answer before the model computes it: the outputs and the response."""

import numpy as np
import orjson

from epochal_server.model.model import Model, Tensor

LIST_BYTES = 3
"""Bytes of the brackets and comma of a list."""
TEXT_BYTES = 57
"""Bytes of an empty Python string and the reference to it."""
ESCAPED_BYTES = 6
"""Bytes of a control character in JSON, which is one byte of a string."""
NUMBER_BYTES = 8
"""Characters of `%f` beside the digits before the point: sign, point and decimals."""


def memory_factor(model: Model, response_bytes: int) -> int:
    """Return how many bytes outputs and response take together, per byte of the outputs.

    `response_bytes` are the maximum bytes of a sample in the response.
    """
    return 1 - -response_bytes // max(1, sum([raw_bytes(tensor) for tensor in model.outputs.values()]))


def raw_bytes(tensor: Tensor) -> int:
    """Return the bytes of a sample in memory. An axis of any length counts as one value."""
    return tensor.values * (TEXT_BYTES if tensor.text else tensor.dtype.itemsize)


def flat_bytes(tensor: Tensor) -> int:
    """Return the maximum bytes of a sample's values as JSON."""
    return ESCAPED_BYTES * raw_bytes(tensor) if tensor.text else tensor.values * tensor.datatype.json_bytes


def nested_bytes(tensor: Tensor) -> int:
    """Return the maximum bytes of a sample as JSON, with nested lists."""
    lists, count = 0, 1
    for axis in tensor.shape:
        lists += count
        count *= max(1, axis)
    return flat_bytes(tensor) + LIST_BYTES * lists


def label_bytes(tensor: Tensor, max_labels: int) -> int:
    """Return the maximum bytes of a sample's labels VALUE:INDEX:NAME."""
    values = max(2, tensor.values)  # one probability distinguishes two classes
    name_bytes = max((len(orjson.dumps(name)) for name in tensor.classes or ()), default=0)
    largest = np.finfo(tensor.dtype).max if tensor.dtype.kind == "f" else 2**64
    label = len(str(int(largest))) + NUMBER_BYTES + len(str(values)) + name_bytes + LIST_BYTES + len(":::")
    return min(max_labels, values) * label
