"""The model that a server serves."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from sys import getsizeof
from typing import Literal

import numpy as np
from epochal_api.server_config import ImageMode, Limits
from epochal_api.signature import Signature

from epochal_server.model.tensors import Tensor, tensors
from epochal_server.refusals import Unknown

Arrays = Mapping[str, np.ndarray]
"""Arrays by the names of inputs or outputs: the samples of one request or the answers to them, along the first axis."""

INLINE_ANSWER_BYTES = 128 * 1024
"""Maximum size of an answer with its response that is encoded inline, in 6 ms at most. A larger answer is encoded in a
thread, so that the event loop serves other requests meanwhile."""

Platform = Literal["onnxruntime_onnx", "keras"]


@dataclass(frozen=True)
class Model:
    """A model as its clients see it."""

    name: str
    """The model's name in all protocols."""
    version: str
    """The model's version in protocols with versions."""
    signature: Signature
    """The model's inputs and outputs."""
    classes: tuple[str, ...] | None
    """Names of the classes, in the order of the last axis of the first output."""
    images: ImageMode
    """The mode of converting photographs to inputs."""
    limits: Limits
    """The limits of requests."""
    platform: Platform
    """The platform of the runtime, by its name in Open Inference."""

    @cached_property
    def inputs(self) -> Mapping[str, Tensor]:
        """The inputs by name, in the order of the signature."""
        return tensors(self.signature.inputs)

    @cached_property
    def outputs(self) -> Mapping[str, Tensor]:
        """The outputs by name, in the order of the signature."""
        return tensors(self.signature.outputs)

    def answer_bytes(self, inputs: Arrays) -> int:
        """Return the number of bytes of the model's outputs. Outputs without a fixed shape count 0.

        The result is 0 if the first input has no batch axis.

        Args:
            inputs: The samples of a request, checked or not.
        """
        first = next(iter(inputs.values()), None)
        return first.shape[0] * self._sample_bytes if first is not None and first.ndim else 0

    @cached_property
    def _sample_bytes(self) -> int:
        """Bytes of the outputs for one sample. Outputs without a fixed shape are left out."""
        known = [tensor for tensor in self.outputs.values() if min(tensor.shape, default=0) >= 0]
        return sum(math.prod(tensor.shape) * tensor.dtype.itemsize for tensor in known)


def bytes_of(arrays: Arrays) -> int:
    """Return the total number of bytes of arrays, with the texts that they hold."""
    found = 0
    for array in arrays.values():
        found += array.nbytes
        if array.dtype.kind == "O":
            found += sum(map(getsizeof, array.flat))
    return found


def require_images(model: Model) -> None:
    """Check that a model takes photographs.

    Raises:
        Unknown: If the model takes no photographs.
    """
    if model.images == "None":
        raise Unknown(
            f'"{model.name}" takes no photographs: set spec.images of the ModelServer, mode Resize or Digit, or send '
            f"numbers to /v2/models/{model.name}/infer"
        )
    if not model.signature.models:
        raise Unknown(
            f'"{model.name}" takes no photographs: signature.json, which has the values of black and white, is missing '
            "beside the model file: train the model again and name that training in spec.source, or put the file there "
            f"and restart the pods. Send numbers to /v2/models/{model.name}/infer"
        )
    if model.signature.image is None or len(model.inputs) != 1:
        raise Unknown(
            f'"{model.name}" takes no photographs: by its signature, its inputs are no images of height, width, and '
            f"one or three channels: send numbers to /v2/models/{model.name}/infer"
        )
