"""Shades of a picture on a logarithmic scale, in which ink has the same contrast in light and in shadow."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFilter

from epochal_photographs.digit.geometry import Bytes
from epochal_photographs.digit.morphology import closing, opening

_DARKEST = 20
"""Lightness up to which all pixels count as equally black: differences between them are noise of the camera."""
_SMOOTH = 0.8
_RED_BESIDE_GREEN, _BLUE_BESIDE_BOTH = (1.0, -1.0, 0.0, 128.0), (-0.5, -0.5, 1.0, 128.0)
"""Weights of red, green and blue, and an offset, for two grayscale pictures of colour differences."""
_SMALL = 240
"""Longer side of the reduced picture that is checked for colours."""
_COLOUR = 40
"""Minimum range of a colour difference, from 0 to 255."""

_LOG = np.log(np.arange(256) + _DARKEST)
_SHADES = np.rint((_LOG - _LOG[0]) / (_LOG[-1] - _LOG[0]) * 255).astype(np.uint8)


def colours(picture: Image.Image) -> Iterator[Image.Image]:
    """Yield a picture's differences of colours as grayscale pictures, each only if its range is at least _COLOUR.

    In grayscale, coloured ink may be as light as its paper. Red ink differs from green paper in the difference of red
    and green. Yellow ink differs from white paper in the difference of blue and the mean of red and green.
    """
    small = picture.reduce(max(max(picture.size) // _SMALL, 1))
    for beside in (_BLUE_BESIDE_BOTH, _RED_BESIDE_GREEN):
        if np.ptp(np.asarray(small.convert("L", beside))) >= _COLOUR:
            yield picture.convert("L", beside)


def shades(grey: Image.Image) -> Bytes:
    """Return the logarithm of each pixel's lightness, scaled to 0 to 255.

    On this scale, a shadow subtracts the same value from paper and from ink.
    """
    shade: Bytes = _SHADES[np.asarray(grey.filter(ImageFilter.GaussianBlur(_SMOOTH)))]
    return shade


def ink_of(shade: Bytes, widest: int, *, dark: bool) -> Bytes:
    """Return by how much each pixel is darker (if `dark`) or lighter than the paper or board around it.

    Strokes must be narrower than `widest` pixels.
    """
    return closing(shade, widest) - shade if dark else shade - opening(shade, widest)
