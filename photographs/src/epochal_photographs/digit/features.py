"""Features of the parts of a layer, and scores for their resemblance to a digit, or to most of a digit."""

from dataclasses import dataclass

import numpy as np

from epochal_photographs.digit.components import Components
from epochal_photographs.digit.geometry import Bytes, Floats, Mask
from epochal_photographs.digit.morphology import minimum_filter

STRONG = 60.0
"""Difference of shades above which contrast does not increase a score: black print scores no better than a pencil."""
LARGE = 0.5
"""Longer side of a digit with the full score for its size, as a fraction of the picture's longer side."""
SMALLEST = 0.025
"""Longer side of the smallest part of a digit, as a fraction of the picture's longer side."""

_EDGE = 0.6
"""Minimum range of shades near a pixel on a sharp edge, as a fraction of the threshold of ink (Layer.level)."""
_BAR = 2.5
"""Minimum ratio of length to width of a stroke that may be the digit 1."""
_RIM = 2


@dataclass(frozen=True)
class Features:
    """The features of a layer's parts: in each array, a value for each part.

    Args:
        strokes: Mean width of the part's strokes, in pixels.
        contrast: Mean difference of shades between the part and its surroundings.
        filled: Area of the part, as a fraction of the ellipse of the same spread, from 0 to 1. It is low for digits,
            because they consist of strokes.
        real: Sharp fraction of the part's outline to the power of 4. It is reduced if the outline is on the picture's
            rim.
        scores: Score for the part's resemblance to a digit.
    """

    strokes: Floats
    contrast: Floats
    filled: Floats
    real: Floats
    scores: Floats


def features(parts: Components, ink: Bytes, mask: Mask, steep: Bytes, level: float) -> Features:
    """Return the features of a layer's parts. The other arguments are fields of the layer."""
    high, wide = parts.shape
    longer = max(high, wide)
    sides = parts.sides
    outline = mask & ~minimum_filter(mask, 3)
    outlines = np.maximum(parts.sums(outline), 1)
    sharp = parts.sums(outline & (steep >= _EDGE * level)) / outlines
    strokes = 2 * parts.areas / outlines
    contrast = parts.sums(ink) / parts.areas
    real = sharp**4 * np.clip(1.1 - 3 * _on_rim(parts, mask) / outlines, 0.05, 1)
    down, across = (parts.tops + parts.bottoms) / high - 1, (parts.lefts + parts.rights) / wide - 1
    off_centre = np.maximum(np.abs(down), np.abs(across))
    filled, elongation = _filled(parts)
    # The inside of a zero may look like ink, but it is filled. A one is filled too, but it is much longer than wide.
    drawn = np.where(elongation < _BAR, np.clip(3 * (1 - filled), 0.1, 1), 1)
    scores = (
        np.minimum(contrast, STRONG)
        * np.sqrt(np.minimum(sides / longer, LARGE) / LARGE)
        * (1 - 0.5 * off_centre)
        * real
        * np.clip((0.45 - strokes / sides) * 5, 0.05, 1)
        * drawn
        * (sides >= SMALLEST * longer)
    )
    return Features(strokes, contrast, filled, real, scores)


def _on_rim(parts: Components, mask: Mask) -> Floats:
    """Return the length of each part along the rim of the picture, in pixels.

    A part there may be the table around the paper.
    """
    rim = np.zeros_like(mask)
    rim[:_RIM] = rim[-_RIM:] = rim[:, :_RIM] = rim[:, -_RIM:] = True
    return parts.sums(rim & mask) / _RIM


def _filled(parts: Components) -> tuple[Floats, Floats]:
    """Return each part's area as a fraction of an ellipse of the same spread, and its ratio of length to width."""
    down, across, both = parts.moments()
    middle, apart = (down + across) / 2, np.hypot((down - across) / 2, both)
    long, short = middle + apart, np.maximum(middle - apart, 1e-3)
    return np.minimum(parts.areas / (4 * np.pi * np.sqrt(long * short)), 1), np.sqrt(long / short)
