"""How light a picture is, such that ink stands out alike in the light and in a shadow."""

from collections.abc import Iterator
from functools import reduce

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from epochal_photographs.digit.arrays import Bytes
from epochal_photographs.digit.morphology import closed, opened

_DARKEST = 20
"""Shades that are as good as black: differences among them are noise of the camera."""
_SMOOTH = 0.8
_COLOUR = 40
"""How much a colour differs from gray at least, from 0 to 255."""

_LOG = np.log(np.arange(256) + _DARKEST)
_SHADES = np.rint((_LOG - _LOG[0]) / (_LOG[-1] - _LOG[0]) * 255).astype(np.uint8)


def views(picture: Image.Image) -> Iterator[Image.Image]:
    """Yields a picture as grays: as people see it, and if it has colours, as each colour alone shows it.

    Yellow ink on white paper is as light as that, but not in blue.
    """
    yield picture.convert("L")
    bands = picture.split()
    lightest, darkest = (reduce(pick, bands) for pick in (ImageChops.lighter, ImageChops.darker))
    if np.asarray(ImageChops.subtract(lightest, darkest)).max() >= _COLOUR:
        yield from bands


def shades(grey: Image.Image) -> Bytes:
    """Returns the logarithm of how light each pixel is: a shadow takes away as much everywhere, of paper and of ink."""
    shade: Bytes = _SHADES[np.asarray(grey.filter(ImageFilter.GaussianBlur(_SMOOTH)))]
    return shade


def dark_ink(shade: Bytes, widest: int) -> Bytes:
    """Returns how much darker each pixel is than the paper around it.

    Args:
        shade: The picture's shades.
        widest: Width in pixels that no stroke has; what is wider is paper, or shadow, or what the paper lies on. Odd.
    """
    return closed(shade, widest) - shade


def light_ink(shade: Bytes, widest: int) -> Bytes:
    """Returns how much lighter each pixel is than the board around it, as `dark_ink` does."""
    return shade - opened(shade, widest)
