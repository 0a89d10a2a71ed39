"""Recognizes images that already have the form of MNIST: any further conversion would make them worse."""

import numpy as np
from PIL import Image

from epochal_photographs.digit.arrays import Bytes

_EMPTY = 32
"""Maximum value of a pixel without ink."""
_FULL = 128
"""Minimum value of the strongest ink."""
_OFF = 1.25
"""Maximum distance of the centre of mass from the middle, in pixels."""
_BOX = (19, 21)
"""Minimum and maximum length of the digit's longer side, in pixels."""
_RIM = 2
"""Width in pixels of the rim that shows whether ink is light or dark."""


def already(picture: Image.Image, *, height: int, width: int) -> Bytes | None:
    """Return a picture as an image, light on black, if it already has the form of MNIST, else None.

    Args:
        picture: The picture, without transparency.
        height: Height of the image.
        width: Width of the image.
    """
    if picture.size != (width, height):
        return None
    image = np.asarray(picture.convert("L"))
    rim = np.concatenate(
        [image[:_RIM].ravel(), image[-_RIM:].ravel(), image[:, :_RIM].ravel(), image[:, -_RIM:].ravel()]
    )
    light = image if np.median(rim) < _FULL else 255 - image
    rows, columns = (np.flatnonzero((light > _EMPTY).any(axis)) for axis in (1, 0))
    if not len(rows) or light.max() < _FULL:
        return None
    scale = min(height, width) / 28
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    if not _BOX[0] * scale <= longer <= _BOX[1] * scale:
        return None
    mass = light.astype(np.float64)
    for axis, side in ((1, height), (0, width)):
        share = mass.sum(axis)
        if abs(float((share * (np.arange(side) + 0.5)).sum() / share.sum()) - side / 2) > _OFF * scale:
            return None
    return light
