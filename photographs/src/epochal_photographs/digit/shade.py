"""How light a picture is, such that ink stands out alike in the light and in a shadow."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFilter

from epochal_photographs.digit.arrays import Bytes
from epochal_photographs.digit.morphology import closed, opened

_DARKEST = 20
"""Shades that are as good as black: differences among them are noise of the camera."""
_SMOOTH = 0.8
_RED_BESIDE_GREEN, _BLUE_BESIDE_BOTH = (1.0, -1.0, 0.0, 128.0), (-0.5, -0.5, 1.0, 128.0)
"""How much of red, green and blue there is in a gray, and what is added to them."""
_SMALL = 240
"""Longer side of a picture that shows whether there are colours on it."""
_COLOUR = 40
"""How much colours differ at least, from 0 to 255."""

_LOG = np.log(np.arange(256) + _DARKEST)
_SHADES = np.rint((_LOG - _LOG[0]) / (_LOG[-1] - _LOG[0]) * 255).astype(np.uint8)


def colours(picture: Image.Image) -> Iterator[Image.Image]:
    """Yields what is seen of a picture's colours as grays, if there is something: ink may be as light as its paper.

    Red ink differs from green paper in how much red there is beside green, and yellow ink from white paper in how much
    blue there is beside both.
    """
    small = picture.reduce(max(max(picture.size) // _SMALL, 1))
    for beside in (_BLUE_BESIDE_BOTH, _RED_BESIDE_GREEN):
        if np.ptp(np.asarray(small.convert("L", beside))) >= _COLOUR:
            yield picture.convert("L", beside)


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
