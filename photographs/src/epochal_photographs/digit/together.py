"""Which parts are of one digit: the bar of a five, the two strokes of a four, a stroke that the pen left gaps in."""

import numpy as np

from epochal_photographs.digit.arrays import Ints, Mask
from epochal_photographs.digit.choose import Part
from epochal_photographs.digit.components import Components

_NEAR, _ABOVE = 0.2, 0.35
"""How far from the main part another one may be, as a part of its longer side; and if it is above or below it."""
_LEAST, _MOST = 0.15, 1.2
"""How long another part may be, as parts of the main one's longer side."""
_THINNER = 0.4
"""How wide strokes are at least, as a part of those of the main part; and the other way around."""
_REAL = 0.3
_CONTRAST = 0.5
"""How much of the main part's contrast another one has to have."""

_LETTER = 0.03
"""How high what stands on a line of print is at least, as a part of the digit's longer side."""
_FAINTER = 0.6
"""How strong and how wide their strokes are at least, as a part of the least that could be of the digit."""
_SPACE = 1.5
"""How far apart things on a line of print are at most, as a part of how high they are."""
_ON_LINE = 0.5
"""How much of the lower one's height they have beside each other at least."""
_HIGHER = 3
"""How many times as high as another one a thing on the same line is at most."""
_LETTERS = 400
"""How many things are looked at whether they are on lines: the longest ones. It takes as many times as many steps."""


def together(main: Part) -> Ints:
    """Returns the parts of a layer that are of one digit with the main one."""
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
    """Returns which parts are on a line of print, or of writing, that goes on where no part of the digit is.

    Args:
        parts: The parts.
        among: Those that may be letters or words.
        far: Those of them that are not near the digit.
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
