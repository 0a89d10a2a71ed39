"""Resizes a photograph to the size of a network's input.

A trainer that reads images and a server that receives them both call `resized`. So a network gets exactly the same
pixels from the same photograph, if both have the same version of Pillow.
"""

from typing import Any, Literal

import numpy as np
from PIL import Image

from epochal_photographs.decode import decode
from epochal_photographs.flatten import on_white

Fit = Literal["crop", "pad"]
"""How a picture of other proportions is fitted: `crop` cuts off the excess on both sides, `pad` adds black borders."""

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

_FINER = 2
"""Minimum ratio of the sides of a JPEG that is decoded at a reduced size to the sides of the result. At this ratio, the
result shows no difference."""


def resized(data: bytes, *, height: int, width: int, channels: Literal[1, 3], fit: Fit, max_pixels: int) -> Pixels:
    """Decode a photograph, and resize it to `height` × `width` pixels as `resize` does.

    Returns:
        Bytes of shape (height, width, channels).

    Raises:
        InvalidPicture: If the data are not a picture, or are damaged.
        TooManyPixels: If the photograph has more than `max_pixels` pixels.
    """
    picture = decode(data, max_pixels=max_pixels, min_side=min_side_for(height, width))
    return resize(picture, height=height, width=width, channels=channels, fit=fit)


def min_side_for(height: int, width: int) -> int:
    """Return the minimum shorter side of a JPEG that is decoded at a reduced size and resized to `height` × `width`."""
    return _FINER * max(height, width)


def resize(picture: Image.Image, *, height: int, width: int, channels: Literal[1, 3], fit: Fit) -> Pixels:
    """Return a picture resized to `height` × `width` with antialiasing, with white in place of transparent parts.

    Returns:
        Bytes of shape (height, width, channels).
    """
    flat = on_white(picture, "L" if channels == 1 else "RGB")
    fitted = _cropped(flat, height, width) if fit == "crop" else _padded(flat, height, width)
    return np.asarray(fitted, np.uint8).reshape(height, width, channels)


def _cropped(picture: Image.Image, height: int, width: int) -> Image.Image:
    scale = min(picture.width / width, picture.height / height)
    left, top = (picture.width - scale * width) / 2, (picture.height - scale * height) / 2
    box = (
        max(left, 0.0),
        max(top, 0.0),
        min(left + scale * width, picture.width),
        min(top + scale * height, picture.height),
    )
    return picture.resize((width, height), Image.Resampling.BICUBIC, box=box)


def _padded(picture: Image.Image, height: int, width: int) -> Image.Image:
    scale = max(picture.width / width, picture.height / height)
    size = max(round(picture.width / scale), 1), max(round(picture.height / scale), 1)
    page = Image.new(picture.mode, (width, height))
    page.paste(picture.resize(size, Image.Resampling.BICUBIC), ((width - size[0]) // 2, (height - size[1]) // 2))
    return page
