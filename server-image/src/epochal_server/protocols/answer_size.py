"""Estimates the memory of an answer, its outputs and its response, before the model computes the outputs."""

import numpy as np
import orjson

from epochal_server.model.model import Model, Tensor

LIST_BYTES = 3
"""Bytes of a list's two brackets, and of the comma after the list, in JSON."""
TEXT_BYTES = 57
"""Bytes of an empty Python string and the reference to it."""
ESCAPED_BYTES = 6
"""Maximum bytes in JSON for one byte of a string: a control character becomes an escape sequence of six bytes."""
NUMBER_BYTES = 8
"""Characters of a number in the format `%f` in addition to the digits before the point: sign, point and decimals."""


def memory_factor(model: Model, response_bytes: int) -> int:
    """Return the maximum bytes of outputs and response together, for each byte of the outputs.

    `response_bytes` is the maximum number of bytes of one sample in the response.
    """
    return 1 - -response_bytes // max(1, sum([raw_bytes(tensor) for tensor in model.outputs.values()]))


def raw_bytes(tensor: Tensor) -> int:
    """Return the bytes of one sample of a tensor in memory. A dynamic axis counts as an axis of length 1."""
    return tensor.values * (TEXT_BYTES if tensor.text else tensor.dtype.itemsize)


def flat_bytes(tensor: Tensor) -> int:
    """Return the maximum bytes of one sample of a tensor as JSON, with its values in a single list."""
    return ESCAPED_BYTES * raw_bytes(tensor) if tensor.text else tensor.values * tensor.datatype.json_bytes


def nested_bytes(tensor: Tensor) -> int:
    """Return the maximum bytes of one sample of a tensor as JSON, with a nested list for each axis."""
    lists, count = 0, 1
    for axis in tensor.shape:
        lists += count
        count *= max(1, axis)
    return flat_bytes(tensor) + LIST_BYTES * lists


def label_bytes(tensor: Tensor, max_labels: int) -> int:
    """Return the maximum bytes of one sample's labels VALUE:INDEX:NAME, at most `max_labels` labels."""
    values = max(2, tensor.values)  # one probability distinguishes two classes
    name_bytes = max((len(orjson.dumps(name)) for name in tensor.classes or ()), default=0)
    largest = np.finfo(tensor.dtype).max if tensor.dtype.kind == "f" else 2**64
    label = len(str(int(largest))) + NUMBER_BYTES + len(str(values)) + name_bytes + LIST_BYTES + len(":::")
    return min(max_labels, values) * label
