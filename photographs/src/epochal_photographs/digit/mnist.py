"""The form of MNIST: a digit, light on black, with a longer side of 20 pixels, centred by mass on 28 × 28 pixels."""

import numpy as np
from PIL import Image

from epochal_photographs.digit.geometry import HALF, Box, Bytes, Mask
from epochal_photographs.digit.morphology import maximum_filter

SIDE = 20 / 28
"""Longer side of the digit, as a fraction of the shorter side of the image."""

THIN, THICK = 0.1, 0.2
"""Limits of the stroke width, as fractions of the digit's longer side: nearly all digits of MNIST are within."""

_FINE = 160
"""Minimum length in pixels of a digit's longer side before its strokes are thickened or thinned. A smaller digit is
enlarged to this length first."""

_EMPTY = 32
"""Maximum value of a pixel without ink."""
_FULL = 128
"""Minimum value of the lightest pixel, which is ink."""
_OFF = 1.25
"""Maximum distance of the centre of mass from the middle, in pixels of an image of 28 × 28 pixels."""
_BOX = (19, 21)
"""Minimum and maximum length of the digit's longer side, in pixels of an image of 28 × 28 pixels."""
_RIM = 2
"""Width in pixels of the rim that shows whether ink is light or dark."""


def mnist_like(picture: Image.Image, *, height: int, width: int) -> Bytes | None:
    """Return the picture's pixels, light on black, if the picture already has the form of MNIST, else None.

    Any further conversion of such a picture would make it worse.
    """
    if picture.size != (width, height):
        return None
    image = np.asarray(picture.convert("L"))
    rim = np.concatenate(
        [image[:_RIM].ravel(), image[-_RIM:].ravel(), image[:, :_RIM].ravel(), image[:, -_RIM:].ravel()]
    )
    light = image if np.median(rim) < _FULL else 255 - image
    ink = light > _EMPTY
    if not ink.any() or light.max() < _FULL:
        return None
    scale = min(height, width) / 28
    if not _BOX[0] * scale <= Box.around(ink).longer <= _BOX[1] * scale:
        return None
    off = (centre - side / 2 for centre, side in zip(_centre_of_mass(light), (height, width), strict=True))
    return None if any(abs(distance) > _OFF * scale for distance in off) else light


def to_mnist(mask: Mask, *, height: int, width: int) -> Bytes:
    """Return the digit of a mask as an image in the form of MNIST: light on black, in the given size."""
    cropped = _cropped(mask)
    strokes = _with_stroke_width(_enlarged(cropped), max(_FINE, *cropped.shape))
    longer = max(strokes.shape)
    scale = SIDE * min(height, width) / longer
    size = tuple(max(round(side * scale), 1) for side in strokes.shape)
    small = Image.fromarray(strokes.astype(np.uint8) * 255).resize(size[::-1], Image.Resampling.LANCZOS)
    return _centred(np.asarray(small), height, width)


def _cropped(mask: Mask) -> Mask:
    return mask[Box.around(mask).slices]


def _enlarged(mask: Mask) -> Mask:
    """Return a mask, enlarged to at least _FINE pixels to thicken or thin its strokes, with space around it."""
    scale = _FINE / max(mask.shape)
    if scale > 1:
        high, wide = (round(side * scale) for side in mask.shape)
        soft = Image.fromarray(mask.astype(np.uint8) * 255).resize((wide, high), Image.Resampling.BILINEAR)
        mask = np.asarray(soft) > HALF
    return np.pad(mask, max(mask.shape) // 8)


def _with_stroke_width(mask: Mask, longer: int) -> Mask:
    """Return a mask with strokes thickened or thinned to the widths of MNIST, THIN to THICK times `longer`."""
    wide = stroke_width(mask)
    if (growth := round((THIN * longer - wide) / 2)) > 0:
        return _cropped(_grown(mask, growth))
    if (excess := round((wide - THICK * longer) / 2)) > 0:
        thinner = ~_grown(~mask, excess)
        if 2 * thinner.sum() * wide > mask.sum() * THICK * longer:  # no part of the digit is lost
            return _cropped(thinner)
    return _cropped(mask)


def stroke_width(mask: Mask) -> float:
    """Return the mean width of a mask's strokes in pixels, computed from its area and the length of its edges.

    The length of the edges is the mean of two numbers of pixels: of those with a side on an edge, and of those with a
    side or corner on an edge. At a slanted edge, the first number is too low, and the second is too high.
    """
    edges = (mask & _grown_by_cross(~mask)).sum() + (mask & maximum_filter(~mask, 3)).sum()
    return 4 * float(mask.sum()) / max(float(edges), 1.0)


def _grown(mask: Mask, by: int) -> Mask:
    """Return a mask grown by `by` pixels on all sides: alternately by a cross and a square, to keep circles round."""
    for turn in range(by):
        mask = maximum_filter(mask, 3) if turn % 2 else _grown_by_cross(mask)
    return mask


def _grown_by_cross(mask: Mask) -> Mask:
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown


def _centred(small: Bytes, height: int, width: int) -> Bytes:
    image = np.zeros((height, width), np.uint8)
    sides = zip((height, width), _centre_of_mass(small), small.shape, strict=True)
    top, left = (min(max(round(side / 2 - centre), 0), side - length) for side, centre, length in sides)
    image[top : top + small.shape[0], left : left + small.shape[1]] = small
    return image


def _centre_of_mass(image: Bytes) -> tuple[float, float]:
    """Return the row and column of an image's centre of mass, with the pixels' values as masses."""
    mass = image.astype(np.float64)
    shares = mass.sum(1), mass.sum(0)
    row, column = (float((share * (np.arange(len(share)) + 0.5)).sum() / share.sum()) for share in shares)
    return row, column
