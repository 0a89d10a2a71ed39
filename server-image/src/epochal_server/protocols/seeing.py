"""What a network is shown of a photograph, as epochal_photographs makes it."""

import io
from typing import TYPE_CHECKING

import numpy as np
from epochal_photographs.decode import decode
from epochal_photographs.digit import digit, digits
from epochal_photographs.errors import NothingFound, PhotographError, TooManyPixels
from epochal_photographs.resize import resized
from PIL import Image

from epochal_server.model import Model
from epochal_server.protocols.photographs import Options
from epochal_server.protocols.pixels import Box, Seen
from epochal_server.refusals import Invalid, TooLarge

if TYPE_CHECKING:
    from epochal_api.signature import ImageSpec

FINE = 1000
"""How many pixels the shorter side of a photograph has at least on which a digit is looked for, if it has as many."""


def see(data: bytes, model: Model, asked: Options) -> list[Seen]:
    """Returns what the network is shown of a photograph: one picture, or as many as there are digits on it.

    Args:
        data: A JPEG, PNG or WebP.
        model: The model, which takes photographs.
        asked: What is asked for. If several digits are, there may be none.

    Raises:
        Invalid: If it is none, is damaged, or has nothing on it that could be a digit.
        TooLarge: If it has too many pixels.
    """
    image = model.signature.image
    assert image is not None  # noqa: S101 - checked before
    most = model.limits.image_pixels
    if not data:
        raise Invalid("body: expected a photograph, found nothing: send a JPEG, PNG or WebP")
    try:
        if model.images == "Resize":
            size = {"height": image.height, "width": image.width, "channels": image.channels}
            return [Seen(resized(data, fit=asked.fit, most_pixels=most, **size))]
        return _several(data, image, most) if asked.several else [_one(data, image, most)]
    except TooManyPixels as error:
        raise TooLarge(f"{error}, or raise spec.limits.imagePixels of the ModelServer") from error
    except PhotographError as error:
        raise Invalid(str(error)) from error


def _one(data: bytes, image: "ImageSpec", most: int) -> Seen:
    picture = decode(data, most_pixels=most, at_least=FINE)
    return Seen(_channels(digit(picture, height=image.height, width=image.width), image))


def _several(data: bytes, image: "ImageSpec", most: int) -> list[Seen]:
    picture = decode(data, most_pixels=most, at_least=FINE)
    try:
        found = digits(picture, height=image.height, width=image.width)
    except NothingFound:
        return []
    with Image.open(io.BytesIO(data)) as stored:  # its size alone is read
        scale = max(stored.size) / max(picture.size)
    return [Seen(_channels(one.image, image), Box(*(round(scale * side) for side in one.box))) for one in found]


def _channels(pixels: np.ndarray, image: "ImageSpec") -> np.ndarray:
    """Returns the pixels of a digit in as many channels as the network takes."""
    return np.repeat(pixels[:, :, np.newaxis], image.channels, axis=2)
