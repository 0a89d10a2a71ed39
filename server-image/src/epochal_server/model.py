"""The model that is served, and what answers for it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from sys import getsizeof
from typing import Literal, Protocol

import numpy as np
from epochal_api.server_config import ImageMode, Limits
from epochal_api.signature import Signature

from epochal_server.tensors import Tensor, tensors

Arrays = Mapping[str, np.ndarray]
"""Arrays by the names of inputs, or of outputs: the samples of one request, or the answers to them, along the first
axis."""

INLINE_ANSWER_BYTES = 128 * 1024
"""An answer that takes as many bytes, with its response, is encoded in 6 ms at most. A longer one leaves the event loop
to others meanwhile."""

Platform = Literal["onnxruntime_onnx", "keras"]


@dataclass(frozen=True)
class Model:
    """A model as its clients know it."""

    name: str
    """Its name in all protocols."""
    version: str
    """Its version in protocols that have one."""
    signature: Signature
    """What it takes and gives."""
    classes: tuple[str, ...] | None
    """Names of the classes, in the order of the last axis of the first output."""
    images: ImageMode
    """What becomes of photographs."""
    limits: Limits
    """What is refused."""
    platform: Platform
    """What computes, as Open Inference calls it."""

    @cached_property
    def inputs(self) -> Mapping[str, Tensor]:
        """What it takes, by names, in the order of the signature."""
        return tensors(self.signature.inputs)

    @cached_property
    def outputs(self) -> Mapping[str, Tensor]:
        """What it gives, by names, in the order of the signature."""
        return tensors(self.signature.outputs)

    def answer_bytes(self, inputs: Arrays) -> int:
        """Returns how many bytes the model's outputs will have; 0 where nothing but the outputs themselves tells.

        Args:
            inputs: What it is asked. It need not have been checked.
        """
        first = next(iter(inputs.values()), None)
        return first.shape[0] * self._sample_bytes if first is not None and first.ndim else 0

    @cached_property
    def _sample_bytes(self) -> int:
        """Bytes of its outputs for one sample, as far as their shapes are known."""
        known = [tensor for tensor in self.outputs.values() if min(tensor.shape, default=0) >= 0]
        return sum(math.prod(tensor.shape) * tensor.dtype.itemsize for tensor in known)


class Answer(Protocol):
    """Answers the samples of one request."""

    async def __call__(self, inputs: Arrays) -> Arrays:
        """Returns the model's outputs, all of them.

        The arrays may be views of others' memory, and are not to be written to; nor are the inputs, from now on.

        Args:
            inputs: Arrays by the names of the inputs. They need not have been checked.

        Raises:
            Refused: Invalid, if they are not as they must be; Busy, NotReady or Failed.
        """


def bytes_of(arrays: Arrays) -> int:
    """Returns how many bytes some arrays have together, with the texts that they hold."""
    found = 0
    for array in arrays.values():
        found += array.nbytes
        if array.dtype.kind == "O":
            found += sum(map(getsizeof, array.flat))
    return found
