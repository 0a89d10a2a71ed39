"""Converts photographs to model images with epochal_photographs, and model images to the model's input."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from epochal_api.signature import ImageSpec
from epochal_photographs import decode
from epochal_photographs.digit import MIN_SIDE, RelativeBox, find_digit, find_digits
from epochal_photographs.errors import NoDigitFound, PhotographError, TooManyPixels
from epochal_photographs.resize import min_side_for, resized
from PIL import Image

from epochal_server.model.model import Arrays, Model
from epochal_server.refusals import Invalid, TooLarge

MAX_TOGETHER = 4
"""Maximum pixels of all photographs in a request, as a multiple of the limit for one photograph. More are refused: a
million pixels take about 60 ms."""
Fit = Literal["crop", "pad"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a photograph, in pixels. `right` and `bottom` are the first column and row outside of it."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class ModelImage:
    """A model image: the picture that the network gets from a photograph."""

    pixels: np.ndarray
    """Bytes of shape (height, width, channels)."""
    box: Box | None = None
    """The digit's rectangle on the photograph, or None if the request is not for several digits."""


def preprocess(data: bytes, model: Model, *, several: bool = False, fit: Fit = "crop") -> list[ModelImage]:
    """Return the model images of a photograph: one image, or an image of each digit if `several`.

    Args:
        data: A JPEG, PNG or WebP.
        model: The model, which takes photographs.
        several: Whether to look for several digits. If no digit is found then, the list is empty.
        fit: Whether to crop or pad a photograph with other proportions.

    Raises:
        Invalid: If the data are not a photograph, are damaged, or show too many digits, or no digit without `several`.
        TooLarge: If the photograph has too many pixels.
    """
    image = model.signature.image
    assert image is not None  # noqa: S101 - `require_images` has ensured it
    max_pixels = model.limits.image_pixels
    if not data:
        raise Invalid("body: expected a photograph, found an empty body: send a JPEG, PNG or WebP")
    try:
        if model.images == "Resize":
            height, width, channels = image.height, image.width, image.channels
            pixels = resized(data, height=height, width=width, channels=channels, fit=fit, max_pixels=max_pixels)
            return [ModelImage(pixels)]
        picture = decode.decode(data, max_pixels=max_pixels, min_side=MIN_SIDE)
        if several:
            return _several(picture, data, image)
        return [ModelImage(_channels(find_digit(picture, height=image.height, width=image.width), image))]
    except TooManyPixels as error:
        raise TooLarge(f"{error}, or raise spec.limits.imagePixels of the ModelServer") from error
    except PhotographError as error:
        raise Invalid(str(error)) from error


def check_total_pixels(photographs: Sequence[bytes | memoryview], model: Model) -> None:
    """Check the total pixels of the photographs in a request, before decoding.

    Raises:
        TooLarge: If there are too many pixels in total. A photograph above the limit for one photograph, or with
            invalid data, does not count, since it is refused separately.
    """
    max_pixels = model.limits.image_pixels
    total = sum(pixels for pixels in map(_pixels, photographs) if pixels <= max_pixels)
    if total > (max_total := MAX_TOGETHER * max_pixels):
        raise TooLarge(
            f"body: expected photographs of at most {max_total:,} pixels in total, {MAX_TOGETHER} times the limit for "
            f"a photograph, found {total:,}: send them in several requests, or raise spec.limits.imagePixels of the "
            "ModelServer"
        )


def sample_bytes(model: Model) -> int:
    """Return the bytes of a model image together with its sample in the model's input."""
    tensor = next(iter(model.inputs.values()))
    return tensor.values * (1 + tensor.dtype.itemsize)


def is_large(data: bytes, model: Model) -> bool:
    """Return whether decoding a photograph takes much memory. False for invalid data, which `preprocess` refuses."""
    image = model.signature.image
    assert image is not None  # noqa: S101 - `require_images` has ensured it
    try:
        return decode.is_large(
            data, min_side=min_side_for(image.height, image.width) if model.images == "Resize" else MIN_SIDE
        )
    except PhotographError:
        return False


def _pixels(data: bytes | memoryview) -> int:
    try:
        return decode.pixels(data)
    except PhotographError:
        return 0


def _several(picture: Image.Image, data: bytes, image: ImageSpec) -> list[ModelImage]:
    try:
        found_digits = find_digits(picture, height=image.height, width=image.width)
    except NoDigitFound:
        return []
    size = _size(data, picture)
    return [ModelImage(_channels(found.image, image), _box(found.place, size)) for found in found_digits]


def _size(data: bytes, picture: Image.Image) -> tuple[int, int]:
    """Return the width and height of a photograph at its full size, in the orientation of the decoded picture."""
    shorter, longer = sorted(decode.size(data))
    return (longer, shorter) if picture.width > picture.height else (shorter, longer)


def _box(place: RelativeBox, size: tuple[int, int]) -> Box:
    width, height = size
    return Box(
        round(place.left * width), round(place.top * height), round(place.right * width), round(place.bottom * height)
    )


def _channels(pixels: np.ndarray, image: ImageSpec) -> np.ndarray:
    """Return the pixels of a digit, repeated for each channel of the network."""
    return np.repeat(pixels[:, :, np.newaxis], image.channels, axis=2)


def inputs(images: Sequence[ModelImage], model: Model) -> Arrays:
    """Return the model's input: pixels scaled between the model's values for black and white, in the model's type."""
    image = model.signature.image
    assert image is not None  # noqa: S101 - `require_images` has ensured it
    tensor = next(iter(model.inputs.values()))
    # A table of 256 values for each channel: floating-point numbers of many large pictures would take too much memory.
    shades = np.arange(256) / 255
    tables = [limits.lowest + (limits.highest - limits.lowest) * shades for limits in image.channel_ranges]
    samples = np.empty((len(images), *images[0].pixels.shape), tensor.dtype)
    for channel, table in enumerate(tables):
        numbers = (table if tensor.dtype.kind == "f" else table.round()).astype(tensor.dtype)
        for sample, model_image in zip(samples, images, strict=True):
            sample[:, :, channel] = numbers[model_image.pixels[:, :, channel]]
    return {tensor.name: samples.reshape(len(images), *tensor.shape)}


def png(image: ModelImage) -> bytes:
    """Return a model image as the bytes of a PNG file."""
    channels = image.pixels.shape[2]
    file = io.BytesIO()
    Image.fromarray(image.pixels[:, :, 0] if channels == 1 else image.pixels).save(file, "PNG")
    return file.getvalue()


def data_url(picture: bytes) -> str:
    """Return the bytes of a PNG file as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
