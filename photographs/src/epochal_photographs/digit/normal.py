"""Converts a digit to the form of MNIST: 20 pixels at its longer side, its centre of mass in the middle of 28."""

import numpy as np
from PIL import Image

from epochal_photographs.digit.arrays import HALF, Bytes, Mask
from epochal_photographs.digit.morphology import greatest

BOX = 20 / 28
"""Longer side of the digit, as a fraction of the shorter side of the image."""

THIN, THICK = 0.1, 0.2
"""Limits of the stroke width, as fractions of the digit's longer side: nearly all digits of MNIST are within."""

_FINE = 160
"""Minimum length in pixels of a digit's longer side while its strokes are thickened or thinned."""


def normal(mask: Mask, *, height: int, width: int) -> Bytes:
    """Return an image of a digit in the form of MNIST, light on black.

    Args:
        mask: The digit's ink.
        height: Height of the image.
        width: Width of the image.
    """
    tight = _tight(mask)
    inked = _stroked(_fine(tight), max(_FINE, *tight.shape))
    longer = max(inked.shape)
    scale = BOX * min(height, width) / longer
    size = tuple(max(round(side * scale), 1) for side in inked.shape)
    small = Image.fromarray(inked.astype(np.uint8) * 255).resize(size[::-1], Image.Resampling.LANCZOS)
    return _centred(np.asarray(small), height, width)


def _tight(mask: Mask) -> Mask:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fine(mask: Mask) -> Mask:
    """Return a mask with enough pixels to thicken or thin its strokes, and with space around it."""
    scale = _FINE / max(mask.shape)
    if scale > 1:
        high, wide = (round(side * scale) for side in mask.shape)
        soft = Image.fromarray(mask.astype(np.uint8) * 255).resize((wide, high), Image.Resampling.BILINEAR)
        mask = np.asarray(soft) > HALF
    return np.pad(mask, max(mask.shape) // 8)


def _stroked(mask: Mask, longer: int) -> Mask:
    """Return a mask with strokes about as wide as those of MNIST.

    Args:
        mask: The mask, with space around it.
        longer: Longer side of the digit.
    """
    wide = stroke_width(mask)
    if (more := round((THIN * longer - wide) / 2)) > 0:
        return _tight(_grown(mask, more))
    if (less := round((wide - THICK * longer) / 2)) > 0:
        thinner = ~_grown(~mask, less)
        if 2 * thinner.sum() * wide > mask.sum() * THICK * longer:  # no part of the digit is lost
            return _tight(thinner)
    return _tight(mask)


def stroke_width(mask: Mask) -> float:
    """Return the mean width of a mask's strokes in pixels, computed from its area and the length of its edges.

    At a slanted edge, the pixels beside it are too few, and with those at its corners they are too many. So the mean of
    both is used.
    """
    edges = (mask & _crossed(~mask)).sum() + (mask & greatest(~mask, 3)).sum()
    return 4 * float(mask.sum()) / max(float(edges), 1.0)


def _grown(mask: Mask, by: int) -> Mask:
    """Return a mask grown by a number of pixels, alternately by a cross and a square, so that circles stay round."""
    for turn in range(by):
        mask = greatest(mask, 3) if turn % 2 else _crossed(mask)
    return mask


def _crossed(mask: Mask) -> Mask:
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown


def _centred(small: Bytes, height: int, width: int) -> Bytes:
    image = np.zeros((height, width), np.uint8)
    mass = small.astype(np.float64)
    corner = []
    for axis, side in ((1, height), (0, width)):
        share = mass.sum(axis)
        middle = float((share * (np.arange(len(share)) + 0.5)).sum() / share.sum())
        corner.append(min(max(round(side / 2 - middle), 0), side - len(share)))
    top, left = corner
    image[top : top + small.shape[0], left : left + small.shape[1]] = small
    return image
