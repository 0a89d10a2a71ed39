"""Searches the pixels of a found digit again at a higher resolution. Its edges are halfway between ink and paper."""

import numpy as np
from PIL import Image

from epochal_photographs.digit.components import components
from epochal_photographs.digit.geometry import HALF, Box, Mask
from epochal_photographs.digit.layers import LEAST_INK, halfway, slopes
from epochal_photographs.digit.morphology import maximum_filter
from epochal_photographs.digit.shade import ink_of, shades

LONGER = 160
"""Minimum length in pixels of the longer side of the digit's box, including a margin, at the higher resolution."""

_SPACE = 0.15
_WIDEST = 3
"""Maximum width of any part of a digit, as a multiple of its mean stroke width."""
_NEAR = 1.5
"""Maximum distance of ink from the digit that the first search found, in stroke widths."""


def refine(picture: Image.Image, mask: Mask, *, dark: bool, stroke: float) -> Mask:
    """Search a found digit again at a higher resolution, and return its new mask, which includes a margin.

    The mask's longer side has at least LONGER pixels.

    Args:
        picture: The picture with the digit, in grayscale and in full size.
        mask: The digit that the first search found, on the picture in reduced size.
        dark: Whether the ink is darker than the paper.
        stroke: Mean stroke width in pixels of `mask`.
    """
    box = _with_margin(mask, stroke)
    scale = max(LONGER / box.longer, 1)
    size = max(round((box.right - box.left) * scale), 1), max(round((box.bottom - box.top) * scale), 1)
    across, down = picture.width / mask.shape[1], picture.height / mask.shape[0]
    where = (box.left * across, box.top * down, box.right * across, box.bottom * down)
    enlarged = picture.resize(size, Image.Resampling.BICUBIC, box=where)
    coarse = Image.fromarray(mask[box.slices].astype(np.uint8) * 255)
    found = np.asarray(coarse.resize(size, Image.Resampling.BILINEAR)) > HALF
    ink = ink_of(shades(enlarged), int(_WIDEST * stroke * scale) | 1, dark=dark)
    near = maximum_filter(found, 2 * int(_NEAR * stroke * scale) + 3)
    level = max(halfway(ink, np.square(slopes(ink)) * near), LEAST_INK)
    parts = components((ink >= level) & near)
    kept = np.flatnonzero(parts.sums(found) * 10 > parts.areas)
    return parts.mask(kept) if len(kept) else found


def _with_margin(mask: Mask, stroke: float) -> Box:
    box = Box.around(mask)
    space = int(_SPACE * box.longer + stroke) + 1
    return Box(
        max(box.left - space, 0),
        max(box.top - space, 0),
        min(box.right + space, mask.shape[1]),
        min(box.bottom + space, mask.shape[0]),
    )
