"""Creates model images from photographs, with epochal_photographs."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from epochal_photographs import decode
from epochal_photographs.digit import ENOUGH, Place, digit, digits
from epochal_photographs.errors import NothingFound, PhotographError, TooManyPixels
from epochal_photographs.resize import enough, resized
from PIL import Image

from epochal_server.model import Model
from epochal_server.protocols.photographs import Options
from epochal_server.protocols.pixels import Box, Fit, Seen
from epochal_server.refusals import Invalid, TooLarge

if TYPE_CHECKING:
    from epochal_api.signature import ImageSpec

MOST_TOGETHER = 4
"""Maximum pixels of all photographs in a request, as a multiple of the limit for one. A million pixels take about 60
ms."""


def see(data: bytes, model: Model, asked: Options) -> list[Seen]:
    """Return the model images of a photograph: one image, or one for each digit.

    Args:
        data: A JPEG, PNG or WebP.
        model: The model, which takes photographs.
        asked: The options of the request. If several digits are requested, the list may be empty.

    Raises:
        Invalid: If the data are not a photograph, are damaged, or show no digit.
        TooLarge: If the photograph has too many pixels.
    """
    image = model.signature.image
    assert image is not None  # noqa: S101 - `pixels.check` has ensured it
    most = model.limits.image_pixels
    if not data:
        raise Invalid("body: expected a photograph, found nothing: send a JPEG, PNG or WebP")
    try:
        if model.images == "Resize":
            return [Seen(_resized(data, image, most, asked.fit))]
        return _several(data, image, most) if asked.several else [_one(data, image, most)]
    except TooManyPixels as error:
        raise TooLarge(f"{error}, or raise spec.limits.imagePixels of the ModelServer") from error
    except PhotographError as error:
        raise Invalid(str(error)) from error


def check_together(each: Sequence[bytes | memoryview], model: Model) -> None:
    """Check the total pixels of the photographs in a request, before decoding.

    Raises:
        TooLarge: If there are too many pixels in total. Photographs that are refused by themselves do not count.
    """
    most = model.limits.image_pixels
    found = sum(pixels for pixels in map(_pixels, each) if pixels <= most)
    if found > (together := MOST_TOGETHER * most):
        raise TooLarge(
            f"body: expected photographs of at most {together:,} pixels together, {MOST_TOGETHER} times what one may "
            f"have, found {found:,}: send them in several requests, or raise spec.limits.imagePixels of the ModelServer"
        )


def is_large(data: bytes, model: Model) -> bool:
    """Return whether decoding a photograph takes much memory. It is False for invalid data, which `see` refuses."""
    image = model.signature.image
    assert image is not None  # noqa: S101 - `pixels.check` has ensured it
    try:
        return decode.is_large(data, at_least=enough(image.height, image.width) if model.images == "Resize" else ENOUGH)
    except PhotographError:
        return False


def _pixels(data: bytes | memoryview) -> int:
    try:
        return decode.pixels(data)
    except PhotographError:
        return 0


def _resized(data: bytes, image: "ImageSpec", most: int, fit: Fit) -> np.ndarray:
    return resized(data, height=image.height, width=image.width, channels=image.channels, fit=fit, most_pixels=most)


def _one(data: bytes, image: "ImageSpec", most: int) -> Seen:
    picture = decode.decode(data, most_pixels=most, at_least=ENOUGH)
    return Seen(_channels(digit(picture, height=image.height, width=image.width), image))


def _several(data: bytes, image: "ImageSpec", most: int) -> list[Seen]:
    picture = decode.decode(data, most_pixels=most, at_least=ENOUGH)
    try:
        found = digits(picture, height=image.height, width=image.width)
    except NothingFound:
        return []
    size = _size(data, picture)
    return [Seen(_channels(one.image, image), _box(one.place, size)) for one in found]


def _size(data: bytes, picture: Image.Image) -> tuple[int, int]:
    """Return the width and height of a photograph as it was sent, rotated upright like the decoded picture."""
    with Image.open(io.BytesIO(data), formats=decode.FORMATS) as stored:  # this reads only the size
        shorter, longer = sorted(stored.size)
    return (longer, shorter) if picture.width > picture.height else (shorter, longer)


def _box(place: Place, size: tuple[int, int]) -> Box:
    width, height = size
    return Box(
        round(place.left * width), round(place.top * height), round(place.right * width), round(place.bottom * height)
    )


def _channels(pixels: np.ndarray, image: "ImageSpec") -> np.ndarray:
    """Return the pixels of a digit, repeated for each channel of the network."""
    return np.repeat(pixels[:, :, np.newaxis], image.channels, axis=2)
