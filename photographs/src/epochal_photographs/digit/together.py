"""Finds the parts of a digit: the bar of a five, the two strokes of a four, a stroke with gaps."""

import numpy as np

from epochal_photographs.digit.arrays import Ints, Mask
from epochal_photographs.digit.choose import Part
from epochal_photographs.digit.components import Components

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
"""Minimum height of a letter on a line of print, relative to the digit's longer side."""
_FAINTER = 0.6
"""Minimum contrast and stroke width of letters, relative to the minimum for a part of the digit."""
_SPACE = 1.5
"""Maximum gap between letters on a line of print, relative to their height."""
_ON_LINE = 0.5
"""Minimum vertical overlap of letters on a line, relative to the lower letter."""
_HIGHER = 3
"""Maximum ratio of the heights of two letters on a line."""
_LETTERS = 400
"""Maximum number of possible letters, the longest first. The cost grows with the square of this number."""


def together(main: Part) -> Ints:
    """Return the parts of a layer that belong to the same digit as the main part."""
    parts, looks, box = main.layer.parts, main.layer.looks, main.box
    sides = np.maximum(parts.bottoms - parts.tops, parts.rights - parts.lefts) / box.longer
    across = np.maximum(box.left - parts.rights, parts.lefts - box.right)
    down = np.maximum(box.top - parts.bottoms, parts.tops - box.bottom)
    thinner = looks.strokes / (_THINNER * main.stroke)
    fainter = looks.contrast / (_CONTRAST * looks.contrast[main.at])
    drawn = (looks.real >= _REAL) & (looks.strokes <= main.stroke / _THINNER)
    near = np.maximum(across, down) <= np.where(across < 0, _ABOVE, _NEAR) * box.longer
    belongs = near & drawn & (np.minimum(thinner, fainter) >= 1) & (sides >= _LEAST) & (sides <= _MOST)
    others = drawn & (np.minimum(thinner, fainter) >= _FAINTER) & (parts.bottoms - parts.tops >= _LETTER * box.longer)
    belongs[main.at] = others[main.at] = False
    belongs &= ~_on_lines(parts, others, ~near & others)
    belongs[main.at] = True
    return np.array([at for at in np.flatnonzero(belongs) if not Part(main.layer, int(at)).goes_around(box)])


def _on_lines(parts: Components, among: Mask, far: Mask) -> Mask:
    """Return the parts on a line of print or of writing that continues away from the digit.

    Args:
        parts: The parts.
        among: The parts that may be letters or words.
        far: Those of these parts that are not near the digit.
    """
    at = np.flatnonzero(among)
    sides = np.maximum(parts.bottoms - parts.tops, parts.rights - parts.lefts)[at]
    at = at[np.argsort(-sides, kind="stable")[:_LETTERS]]
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
