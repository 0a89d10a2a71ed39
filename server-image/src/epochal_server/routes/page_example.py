"""The example on the web page of a model: a request with a sample that the training has stored."""

from typing import Any

import numpy as np

from epochal_server.model.model import Arrays, Model, Tensor
from epochal_server.protocols import json_values
from epochal_server.protocols.answer_size import ESCAPED_BYTES

MAX_BYTES = 64 * 1024
"""Maximum bytes of an example as JSON. Nobody reads or edits a longer request on a page."""
_MAX_INTEGER = 2**53
"""Greatest integer up to which JavaScript reads all integers of JSON exactly. It rounds greater ones."""


def example(model: Model, samples: Arrays | None) -> dict[str, Any] | None:
    """Return an Open Inference request with the first stored sample as JSON.

    None if there is no sample, the server would refuse it, JavaScript would round it, or it exceeds MAX_BYTES.

    Args:
        model: The model on the page.
        samples: The stored samples by input, or None if the model has none.
    """
    if samples is None:
        return None
    first = {tensor: samples[name][:1] for name, tensor in model.inputs.items()}
    if not all(_is_accepted(sample) and _is_exact(sample) for sample in first.values()):
        return None
    if sum(map(_max_json_bytes, first.values(), first)) > MAX_BYTES:
        return None
    return {"inputs": [_input(sample, tensor) for tensor, sample in first.items()]}


def _input(sample: np.ndarray, tensor: Tensor) -> dict[str, Any]:
    data = json_values.jsonable(sample.reshape(-1))
    return {"name": tensor.name, "datatype": tensor.datatype.open_inference, "shape": sample.shape, "data": data}


def _is_accepted(sample: np.ndarray) -> bool:
    """Return whether the server accepts a sample: it refuses NaN, infinity and an empty array."""
    return bool(sample.size) and (sample.dtype.kind != "f" or bool(np.isfinite(sample).all()))


def _is_exact(sample: np.ndarray) -> bool:
    """Return whether JavaScript shows a sample without rounding: the sample has no integer outside of ±2^53."""
    return sample.dtype.kind not in "iu" or (int(sample.min()) >= -_MAX_INTEGER and int(sample.max()) <= _MAX_INTEGER)


def _max_json_bytes(sample: np.ndarray, tensor: Tensor) -> int:
    """Return the maximum bytes of one input's sample as JSON."""
    if tensor.text:
        return sum(ESCAPED_BYTES * len(text) + len('"",') for text in sample.flat)
    return sample.size * tensor.datatype.json_bytes
