"""Describes the inputs and outputs of a served model, and converts arrays to fit its inputs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from epochal_api.text import printable

from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode

TEXT = "str"
_ANY = -1


class Tensor(NamedTuple):
    """An input or output of a model.

    Args:
        name: Name of the input or output in requests.
        shape: Shape of one sample, without the batch axis; -1 for an axis of any length.
        dtype: Type of the elements as numpy names it; str for text.
        classes: Names of the classes of an output, if they have names.
        class_values: The meaning of the values if an output has one value for each class: "probability" or "score".
        features: Names of the columns of a table, in the order of the last axis of an input.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    classes: Sequence[str] | None = None
    class_values: str | None = None
    features: Sequence[str] | None = None

    def __str__(self) -> str:
        shape = " × ".join("any" if length == _ANY else str(length) for length in self.shape) or "a single value"
        return f"{self.name} ({shape}, {self.dtype})"


class Description(NamedTuple):
    """A served model, as its server describes it.

    Args:
        inputs: The inputs of the model.
        outputs: The outputs of the model.
        images: How the server converts photographs: Resize, Digit, or None if it refuses them.
        request_bytes: Maximum bytes of a request.
    """

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    images: str
    request_bytes: int


def describe(content: Mapping[str, Any]) -> Description:
    """Parse the description of a model from the file /page/model.json of its server.

    Raises:
        EpochalError: If the content has another form.
    """
    try:
        first, *others = map(_tensor, content["inputs"])
        features = content.get("features")
        return Description(
            [first._replace(features=[*map(str, features)] if features else None), *others],
            [_tensor(each) for each in content["outputs"]],
            str(content["images"]),
            int(content["limits"]["request_bytes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EpochalError(
            f"the description of the model from the server has an unknown form ({printable(str(error))[:200]}).",
            "Install `epochal` in the same version as the server.",
        ) from error


def fit(array: np.ndarray, tensor: Tensor, where: str, *, is_batch: bool | None = None) -> np.ndarray:
    """Return an array as a batch for an input: reshaped to (samples, *shape of the input), in the type of the input.

    Args:
        array: The array of the user.
        tensor: The input.
        where: Name of the array's source, for messages.
        is_batch: Whether the first axis is the batch axis. None means that the shape decides.

    Raises:
        EpochalError: If the shape or a value does not fit.
    """
    shape = tensor.shape
    batch = _reshaped(array, shape, is_batch=is_batch)
    if batch is None:
        raise EpochalError(
            f"{where}: found an array of the shape ({', '.join(map(str, array.shape))}), expected samples of the input "
            f"{tensor}: (samples, {', '.join('any' if length == _ANY else str(length) for length in shape)}).",
            "Save the samples in this shape, as for the training.",
            exit_code=ExitCode.USAGE,
        )
    return _converted(batch, tensor, where)


def is_batch(array: np.ndarray, tensor: Tensor) -> bool:
    """Return whether an array has the shape of a batch for an input, so that its first axis is the batch axis."""
    return _reshaped(array, tensor.shape, is_batch=True) is not None


def _reshaped(array: np.ndarray, shape: tuple[int, ...], *, is_batch: bool | None) -> np.ndarray | None:
    """Return an array reshaped to a batch of samples of `shape`, or None if that is impossible."""
    if is_batch is not False and array.ndim:
        samples = _as_samples(array, shape)
        if samples is not None:
            return samples
    return None if is_batch else _as_samples(array[None], shape)


def _as_samples(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    found = array.shape[1:]
    if _matches(found, shape):
        return array
    if shape and shape[-1] == 1 and _matches(found, shape[:-1]):
        return array[..., None]
    # Rows of a table, such as 784 columns for 28 × 28 × 1.
    if len(found) == 1 and _ANY not in shape and found[0] == math.prod(shape):
        return array.reshape(len(array), *shape)
    return None


def _matches(found: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(found) == len(shape) and all(length in (_ANY, real) for real, length in zip(found, shape, strict=True))


def _converted(array: np.ndarray, tensor: Tensor, where: str) -> np.ndarray:
    """Convert an array to the type of an input. Raise EpochalError if a value does not fit this type."""
    if tensor.dtype == TEXT:
        if array.dtype.kind not in "UST":
            raise _wrong_type(array, tensor, where)
        return array.astype(str) if array.dtype.kind != "S" else np.char.decode(array, "utf-8", "replace")
    wanted = np.dtype(tensor.dtype)
    if array.dtype == wanted:
        return array
    if array.dtype.kind not in "biuf":
        raise _wrong_type(array, tensor, where)
    with np.errstate(all="ignore"):
        converted = array.astype(wanted)
        is_same = converted.astype(array.dtype) == array if wanted.kind in "biu" else np.isfinite(converted)
    if wanted.kind == "f":
        is_same |= ~np.isfinite(array)  # the server refuses these with a message of its own
    if not is_same.all():
        value = array[~is_same].flat[0]
        raise EpochalError(
            f"{where}: the value {value} of the input {tensor.name} is no {tensor.dtype}.",
            "Save the values in this type, as for the training.",
            exit_code=ExitCode.USAGE,
        )
    return converted


def _wrong_type(array: np.ndarray, tensor: Tensor, where: str) -> EpochalError:
    kind = "text" if array.dtype.kind in "UST" else str(array.dtype)
    return EpochalError(
        f"{where}: found {kind}, expected {'text' if tensor.dtype == TEXT else tensor.dtype} for the input {tensor}.",
        "Remove columns of text, such as labels and names.",
        exit_code=ExitCode.USAGE,
    )


def _tensor(content: Mapping[str, Any]) -> Tensor:
    dtype = str(content["dtype"])
    if dtype != TEXT:
        np.dtype(dtype)
    classes = content.get("classes")
    return Tensor(
        printable(str(content["name"]), instead=" "),
        tuple(int(length) for length in content["shape"][1:]),
        dtype,
        [printable(str(name), instead=" ") for name in classes] if classes else None,
        content.get("class_values"),
    )
