"""Converts model images to the model's input and to PNG."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from epochal_server.model import Arrays, Model
from epochal_server.refusals import Unknown

Fit = Literal["crop", "pad"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a photograph, in its pixels. Right and bottom are the first pixels outside."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A model image: the picture that the network gets from a photograph."""

    pixels: np.ndarray
    """Bytes of shape (height, width, channels)."""
    box: Box | None = None
    """The position on the photograph, or None if the request is not for several digits."""


def check(model: Model) -> None:
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
            f'"{model.name}" takes no photographs, since there is no signature.json beside its file that tells of it, '
            "such as what stands for black and white: train it anew and name that training in spec.source, or put one "
            f"there and restart the servers; numbers go to /v2/models/{model.name}/infer"
        )
    if model.signature.image is None or len(model.inputs) != 1:
        raise Unknown(
            f'"{model.name}" takes no photographs, since what it takes are no images, by its signature: features must '
            f"have height, width, and one or three channels; numbers go to /v2/models/{model.name}/infer"
        )


def inputs(seen: Sequence[Seen], model: Model) -> Arrays:
    """Return the model's input: pixels scaled between the model's values for black and white, in the model's type.

    Args:
        seen: One or more model images.
        model: A model that takes photographs.
    """
    image = model.signature.image
    assert image is not None  # noqa: S101 - `check` has ensured it
    tensor = next(iter(model.inputs.values()))
    # A table of 256 values for each channel: floating-point numbers of many large pictures would take too much memory.
    shades = np.arange(256) / 255
    tables = [of.lowest + (of.highest - of.lowest) * shades for of in image.channel_ranges]
    found = np.empty((len(seen), *seen[0].pixels.shape), tensor.dtype)
    for channel, table in enumerate(tables):
        numbers = (table if tensor.dtype.kind == "f" else table.round()).astype(tensor.dtype)
        for sample, one in zip(found, seen, strict=True):
            sample[:, :, channel] = numbers[one.pixels[:, :, channel]]
    return {tensor.name: found.reshape(len(seen), *tensor.shape)}


def png(seen: Seen) -> bytes:
    """Return a model image as PNG."""
    channels = seen.pixels.shape[2]
    file = io.BytesIO()
    Image.fromarray(seen.pixels[:, :, 0] if channels == 1 else seen.pixels).save(file, "PNG")
    return file.getvalue()


def data_url(picture: bytes) -> str:
    """Return a PNG as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
