"""Removes a printed box, such as in a form, from a digit that touches the box. Strokes across the box remain."""

import numpy as np

from epochal_photographs.digit.candidates import Part
from epochal_photographs.digit.geometry import Floats, Ints, Mask

_THIN = 0.12
"""Maximum mean thickness of a box with the strokes that touch it, relative to the box's longer side."""
_ACROSS = 2
"""Minimum thickness of a stroke across the box, as a multiple of the thickness of the box."""


def without_frame(part: Part) -> Mask | None:
    """Return the mask of a part without the printed box that is its outline, or None if its outline is not a box."""
    box = part.box
    if part.stroke > _THIN * box.longer or not part.is_quadrilateral:
        return None
    mask = part.cropped
    corners = part.corners
    left = mask.copy()
    rows, columns = np.nonzero(mask)
    for at in range(4):
        level = at % 2 == 0  # the first side is the upper side, the third is the lower side
        thick = (_runs(mask.T).T if level else _runs(mask))[rows, columns]
        away = _distances(rows, columns, corners[at], corners[(at + 1) % 4])
        usual = float(np.median(thick[away <= 1])) if (away <= 1).any() else 0.0
        taken = (away <= usual + 1) & (thick <= _ACROSS * usual + 1)
        left[rows[taken], columns[taken]] = False
    result = np.zeros_like(part.mask)
    result[box.slices] = left
    return result


def _distances(rows: Ints, columns: Ints, start: tuple[int, int], end: tuple[int, int]) -> Floats:
    """Return the distances (at least 0) of pixels from the line through two points, given as row and column."""
    down, across = end[0] - start[0], end[1] - start[1]
    away: Floats = np.abs((rows - start[0]) * across - (columns - start[1]) * down) / max(np.hypot(down, across), 1)
    return away


def _runs(mask: Mask) -> Ints:
    """Return, for each pixel of a mask, the length of the horizontal run of mask pixels that contains the pixel."""
    flat = np.pad(mask, ((0, 0), (1, 1))).ravel().astype(np.int8)
    edges = np.flatnonzero(np.diff(flat))
    lengths = np.zeros(mask.shape, np.intp)
    lengths[mask] = np.repeat(edges[1::2] - edges[::2], edges[1::2] - edges[::2])
    return lengths
