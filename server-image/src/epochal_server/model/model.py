"""The model that a server serves, with its inputs and outputs, and the check of arrays against them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from sys import getsizeof
from typing import Literal

import numpy as np
from epochal_api.modelserver.config import ImageMode, Limits
from epochal_api.signature import Signature, TensorSpec

from epochal_server.model.datatypes import DATA_TYPES, DataType
from epochal_server.refusals import Invalid, Unknown

Arrays = Mapping[str, np.ndarray]
"""Arrays by the names of the model's inputs, or of its outputs. The first axis of each array is for the samples."""

TEXT = "str"
"""The dtype of strings in a signature. In memory, their array has the NumPy type object and contains Python strings."""
INLINE_ANSWER_BYTES = 128 * 1024
"""Maximum size of an answer with its response that is encoded inline, in 6 ms at most. A larger answer is encoded in a
thread, so that the event loop serves other requests meanwhile."""

Platform = Literal["onnxruntime_onnx", "keras"]


@dataclass(frozen=True)
class Tensor:
    """The shape and type of a model's input or output, to check arrays."""

    name: str
    shape: tuple[int, ...]
    """The shape of one sample: without the first axis, which is for the samples. -1 is a dynamic axis."""
    dtype: np.dtype
    """The NumPy type; `object` for text."""
    text: bool
    """True if the tensor contains text."""
    classes: tuple[str, ...] | None = None
    """Names of the classes of an output, in the order of its last axis."""
    probabilities: bool = False
    """True if the tensor is an output with class probabilities."""

    @classmethod
    def of(cls, spec: TensorSpec) -> "Tensor":
        """Return the tensor for the description of an input or output in a signature."""
        text = spec.dtype == TEXT
        dtype = np.dtype(object if text else spec.dtype)
        classes = tuple(spec.classes) if spec.classes else None
        return cls(spec.name, tuple(spec.shape), dtype, text, classes, spec.probabilities)

    def __str__(self) -> str:
        return f"{self.dtype_name} of shape {self.shape_name}"

    @cached_property
    def dtype_name(self) -> str:
        """The name of the type in a signature.

        It is cached, because NumPy takes longer for the name than the check of a small array takes.
        """
        return TEXT if self.text else self.dtype.name

    @cached_property
    def datatype(self) -> DataType:
        """The names and sizes of the type in the protocols."""
        return DATA_TYPES[self.dtype]

    @cached_property
    def values(self) -> int:
        """Number of values in a sample. A dynamic axis (-1) counts as an axis of length 1."""
        return math.prod(max(1, axis) for axis in self.shape)

    @property
    def shape_name(self) -> str:
        """The shape as text for messages, such as (n, 28, 28), where n is the number of samples."""
        axes = ["n", *("any" if axis < 0 else str(axis) for axis in self.shape)]
        return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"

    def check(self, array: np.ndarray) -> int:
        """Check an array against this tensor, and return its number of samples.

        Raises:
            Invalid: If the array does not match. The message names the expected and the found array.
        """
        if array.dtype != self.dtype:
            raise Invalid(f'input "{self.name}": expected {self}, found {_describe(array)}: send {self.dtype_name}')
        shape: tuple[int, ...] = array.shape
        if not shape or (shape[1:] != self.shape and not self._fits(shape)):
            remedy = "send that shape, with n samples along the first axis"
            raise Invalid(f'input "{self.name}": expected {self}, found {_describe(array)}: {remedy}')
        if not (samples := shape[0]):
            raise Invalid(f'input "{self.name}": expected {self}, found no samples: send at least one sample')
        if not array.size:  # a few bytes may declare any number of empty samples
            raise Invalid(f'input "{self.name}": expected {self}, found {_describe(array)}: send no axis of length 0')
        if self.dtype.kind == "f" and not np.isfinite(array).all():
            where = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
            raise Invalid(
                f'input "{self.name}": expected finite numbers, found {array[where]} at {list(where)}: replace it'
            )
        if self.text and set(map(type, array.ravel())) != {str}:
            raise Invalid(f'input "{self.name}": expected strings, found other values: send strings only')
        return samples

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == len(self.shape) + 1 and all(
            expected in (-1, axis) for expected, axis in zip(self.shape, shape[1:], strict=True)
        )


@dataclass(frozen=True)
class Model:
    """The served model: its names, inputs and outputs, and the limits of requests."""

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
        """Shape and type of each input, by its name, in the order of `signature`."""
        return {spec.name: Tensor.of(spec) for spec in self.signature.inputs}

    @cached_property
    def features(self) -> list[str] | None:
        """Names of the columns of a table, in the order of the last axis of the first input; None without names."""
        names, shape = self.signature.features, self.signature.inputs[0].shape
        return names if names and shape and shape[-1] == len(names) else None

    @cached_property
    def outputs(self) -> Mapping[str, Tensor]:
        """Shape and type of each output, by its name, in the order of `signature`."""
        first, *others = map(Tensor.of, self.signature.outputs)
        first = replace(first, classes=self.classes, probabilities=self.signature.probabilities)
        return {tensor.name: tensor for tensor in (first, *others)}

    @cached_property
    def first_output(self) -> Tensor:
        """The first output. The class names of the configuration (`classes`) belong to this output."""
        return next(iter(self.outputs.values()))

    def answer_bytes(self, inputs: Arrays) -> int:
        """Return the bytes in memory of the model's outputs for these inputs. Outputs with a dynamic axis count as 0.

        The result is 0 if the first input is a scalar, which has no axis of samples.
        """
        first = next(iter(inputs.values()), None)
        return first.shape[0] * self._sample_bytes if first is not None and first.ndim else 0

    @cached_property
    def _sample_bytes(self) -> int:
        """Bytes in memory of the outputs for one sample. Outputs with a dynamic axis count as 0."""
        known = [tensor for tensor in self.outputs.values() if min(tensor.shape, default=0) >= 0]
        return sum(math.prod(tensor.shape) * tensor.dtype.itemsize for tensor in known)


def check(inputs: Arrays, tensors: Mapping[str, Tensor]) -> int:
    """Check the arrays of one request against the model's inputs, and return the number of samples.

    Raises:
        Invalid: If an input is missing, unknown, or does not match.
    """
    if inputs.keys() != tensors.keys():
        names = ", ".join(f'"{name}"' for name in tensors)
        received = ", ".join(f'"{name}"' for name in inputs) or "none"
        raise Invalid(f"inputs: expected {names}, found {received}: send exactly the inputs of the model")
    samples = {name: tensor.check(inputs[name]) for name, tensor in tensors.items()}
    if len(set(samples.values())) > 1:
        counts = ", ".join(f'{count} in "{name}"' for name, count in samples.items())
        raise Invalid(f"inputs: expected the same number of samples in each input, found {counts}: send equal numbers")
    return next(iter(samples.values()))


def bytes_of(arrays: Arrays) -> int:
    """Return the bytes of arrays in memory, including the Python strings in arrays of text."""
    total = 0
    for array in arrays.values():
        total += array.nbytes
        if array.dtype.kind == "O":
            total += sum(map(getsizeof, array.flat))
    return total


def require_images(model: Model) -> None:
    """Check that the server can convert photographs to the model's input.

    Raises:
        Unknown: If spec.images.mode is None, signature.json is missing, or the model's input is not a single image.
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
    if len(model.inputs) > 1:
        names = ", ".join(f'"{name}"' for name in model.inputs)
        raise Unknown(
            f'"{model.name}" takes no photographs: a photograph gives a single input, and the model has several: '
            f"{names}: send all of them to /v2/models/{model.name}/infer"
        )
    if model.signature.image is None:
        raise Unknown(
            f'"{model.name}" takes no photographs: by its signature, its inputs are no images of height, width, and '
            f"one or three channels: send numbers to /v2/models/{model.name}/infer"
        )


def _describe(array: np.ndarray) -> str:
    return f"{'objects' if array.dtype == object else array.dtype.name} of shape {array.shape}"
