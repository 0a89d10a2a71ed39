"""Finds the parts of a digit: the bar of a five, the two strokes of a four, a stroke with gaps."""

import numpy as np

from epochal_photographs.digit.candidates import Part
from epochal_photographs.digit.components import Components
from epochal_photographs.digit.geometry import Ints, Mask

_NEAR, _ABOVE = 0.2, 0.35
"""Maximum distance of another part, relative to the main part's longer side: beside it, and above or below it."""
_LEAST, _MOST = 0.15, 1.2
"""Limits of another part's longer side, relative to the main part's."""
_THINNER = 0.4
"""Minimum ratio of the stroke widths of another part and the main part, in both directions."""
_REAL = 0.3
_CONTRAST = 0.5
"""Minimum contrast of another part, relative to the main part's."""

_LETTER = 0.03
"""Minimum height of a letter on a line of print, relative to the main part's longer side."""
_FAINTER = 0.6
"""Minimum contrast and stroke width of letters, relative to the minimum for a part of the digit."""
_SPACE = 1.5
"""Maximum gap between two letters on a line of print, relative to the larger of both heights."""
_ON_LINE = 0.5
"""Minimum vertical overlap of two letters on a line, relative to the smaller of both heights."""
_HIGHER = 3
"""Maximum ratio of the heights of two letters on a line."""
_LETTERS = 400
"""Maximum number of possible letters, the longest first. The cost grows with the square of this number."""


def same_pen(main: Part) -> Mask:
    """Return a mask of the layer's parts that the pen of the main part may have drawn.

    Such parts have sharp outlines, and a similar stroke width and contrast.
    """
    features, stroke = main.layer.features, main.stroke
    width = (features.strokes >= _THINNER * stroke) & (features.strokes <= stroke / _THINNER)
    same: Mask = (features.real >= _REAL) & width & (features.contrast >= _CONTRAST * features.contrast[main.at])
    return same


def group_strokes(main: Part) -> Ints:
    """Return the indices of the layer's parts that belong to the same digit as the main part, which is among them."""
    parts, features, box = main.layer.parts, main.layer.features, main.box
    sides = parts.sides / box.longer
    across = np.maximum(box.left - parts.rights, parts.lefts - box.right)
    down = np.maximum(box.top - parts.bottoms, parts.tops - box.bottom)
    near = np.maximum(across, down) <= np.where(across < 0, _ABOVE, _NEAR) * box.longer
    belongs = near & same_pen(main) & (sides >= _LEAST) & (sides <= _MOST)
    thinner = features.strokes / (_THINNER * main.stroke)
    fainter = features.contrast / (_CONTRAST * features.contrast[main.at])
    letters = (features.real >= _REAL) & (features.strokes <= main.stroke / _THINNER)
    letters &= (np.minimum(thinner, fainter) >= _FAINTER) & (parts.bottoms - parts.tops >= _LETTER * box.longer)
    belongs[main.at] = letters[main.at] = False
    belongs &= ~_on_lines(parts, letters, ~near & letters)
    belongs[main.at] = True
    return np.array([at for at in np.flatnonzero(belongs) if not Part(main.layer, int(at)).surrounds(box)])


def _on_lines(parts: Components, letters: Mask, far: Mask) -> Mask:
    """Return a mask of the parts that are on a line of print or writing that continues away from the digit.

    Args:
        parts: The parts.
        letters: Mask of the parts that may be letters or words.
        far: Mask of the parts of `letters` that are not near the digit.
    """
    at = np.flatnonzero(letters)
    at = at[np.argsort(-parts.sides[at], kind="stable")[:_LETTERS]]
    tops, bottoms, lefts, rights = (side[at] for side in (parts.tops, parts.bottoms, parts.lefts, parts.rights))
    high = bottoms - tops
    lower, higher = np.minimum.outer(high, high), np.maximum.outer(high, high)
    shared = np.minimum.outer(bottoms, bottoms) - np.maximum.outer(tops, tops)
    apart = np.maximum.outer(lefts, lefts) - np.minimum.outer(rights, rights)
    beside = (shared >= _ON_LINE * lower) & (apart <= _SPACE * higher) & (higher <= _HIGHER * lower)
    reached = far[at]
    while (further := reached | beside[reached].any(0)).sum() > reached.sum():
        reached = further
    on = np.zeros(len(parts), bool)
    on[at[reached]] = True
    return on
