"""How much each part of what may be ink looks like a digit, or like most of one."""

from dataclasses import dataclass

import numpy as np

from epochal_photographs.digit.arrays import Bytes, Floats, Mask
from epochal_photographs.digit.components import Components
from epochal_photographs.digit.morphology import least

ENOUGH = 60.0
"""Difference of shades from which on ink is dark enough: a frame printed in black is no better than a pencil."""
LARGE = 0.5
"""Longer side of a digit that is as large as one could wish, as a part of the picture's longer side."""
SMALLEST = 0.025
"""Longer side of the smallest part of a digit, as a part of the picture's longer side."""

_EDGE = 0.6
"""How steep an edge is at least, as a part of the difference that the ink has to make."""
_BAR = 2.5
"""How many times as long as wide the strokes are that may be all of a digit: a one."""
_RIM = 2


@dataclass(frozen=True)
class Looks:
    """How the parts of a layer look.

    Args:
        strokes: How wide their strokes are, in pixels.
        contrast: Mean difference of shades.
        filled: From 0 to 1: how much of what they extend over they fill. Digits are drawn, so that is little.
        real: From 0 to 1: how much of their outline is an edge of the picture, and not its rim.
        scores: How much they look like a digit.
    """

    strokes: Floats
    contrast: Floats
    filled: Floats
    real: Floats
    scores: Floats


def looks(parts: Components, ink: Bytes, mask: Mask, steep: Bytes, level: float) -> Looks:
    """Returns how parts look.

    Args:
        parts: The components of what may be ink.
        ink: How much each pixel differs from what is around it.
        mask: What may be ink.
        steep: How much shades change near each pixel.
        level: From what difference on it may be ink.
    """
    high, wide = parts.shape
    longer = max(high, wide)
    sides = np.maximum(parts.bottoms - parts.tops, parts.rights - parts.lefts)
    outline = mask & ~least(mask, 3)
    outlines = np.maximum(parts.sums(outline), 1)
    sharp = parts.sums(outline & (steep >= _EDGE * level)) / outlines
    strokes = 2 * parts.areas / outlines
    contrast = parts.sums(ink) / parts.areas
    real = sharp**4 * np.clip(1.1 - 3 * _on_rim(parts, mask) / outlines, 0.05, 1)
    far = np.maximum(np.abs((parts.tops + parts.bottoms) / high - 1), np.abs((parts.lefts + parts.rights) / wide - 1))
    filled, slender = _filled(parts)
    # The inside of a zero is ink to who looks wrongly, but filled. So is a one, but that is much longer than wide.
    drawn = np.where(slender < _BAR, np.clip(3 * (1 - filled), 0.1, 1), 1)
    scores = (
        np.minimum(contrast, ENOUGH)
        * np.sqrt(np.minimum(sides / longer, LARGE) / LARGE)
        * (1 - 0.5 * far)
        * real
        * np.clip((0.45 - strokes / sides) * 5, 0.05, 1)
        * drawn
        * (sides >= SMALLEST * longer)
    )
    return Looks(strokes, contrast, filled, real, scores)


def _on_rim(parts: Components, mask: Mask) -> Floats:
    """Returns how many pixels of each part are on the rim of the picture, where the table is that the paper lies on."""
    rim = np.zeros_like(mask)
    rim[:_RIM] = rim[-_RIM:] = rim[:, :_RIM] = rim[:, -_RIM:] = True
    return parts.sums(rim & mask) / _RIM


def _filled(parts: Components) -> tuple[Floats, Floats]:
    """Returns how much of an ellipse that is spread as widely parts fill, and how much longer than wide they are."""
    down, across, both = parts.moments()
    middle, apart = (down + across) / 2, np.hypot((down - across) / 2, both)
    long, short = middle + apart, np.maximum(middle - apart, 1e-3)
    return np.minimum(parts.areas / (4 * np.pi * np.sqrt(long * short)), 1), np.sqrt(long / short)
