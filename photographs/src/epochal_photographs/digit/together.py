"""Which parts are of one digit: the bar of a five, the two strokes of a four, a stroke that the pen left gaps in."""

import numpy as np

from epochal_photographs.digit.arrays import Ints
from epochal_photographs.digit.choose import Part

_NEAR, _ABOVE = 0.2, 0.35
"""How far from the main part another one may be, as a part of its longer side; and if it is above or below it."""
_LEAST, _MOST = 0.15, 1.2
"""How long another part may be, as parts of the main one's longer side."""
_THINNER = 0.4
"""How wide strokes are at least, as a part of those of the main part; and the other way around."""
_REAL = 0.3
_CONTRAST = 0.5
"""How much of the main part's contrast another one has to have."""


def together(main: Part) -> Ints:
    """Returns the parts of a layer that are of one digit with the main one."""
    parts, looks, box = main.layer.parts, main.layer.looks, main.box
    sides = np.maximum(parts.bottoms - parts.tops, parts.rights - parts.lefts) / box.longer
    across = np.maximum(box.left - parts.rights, parts.lefts - box.right)
    down = np.maximum(box.top - parts.bottoms, parts.tops - box.bottom)
    belongs = (
        (np.maximum(across, down) <= np.where(across < 0, _ABOVE, _NEAR) * box.longer)
        & (sides >= _LEAST)
        & (sides <= _MOST)
        & (looks.real >= _REAL)
        & (looks.strokes >= _THINNER * main.stroke)
        & (looks.strokes <= main.stroke / _THINNER)
        & (looks.contrast >= _CONTRAST * looks.contrast[main.at])
    )
    belongs[main.at] = True
    return np.array([at for at in np.flatnonzero(belongs) if not Part(main.layer, int(at)).goes_around(box)])
