"""The sheet of paper on a picture that shows also what it lies on: what is beside it is no digit."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from epochal_photographs.digit.arrays import Bytes, Floats
from epochal_photographs.digit.choose import Part
from epochal_photographs.digit.layers import Layer

_SIDE = 160
"""Longer side of a picture on which a sheet is looked for, in pixels."""
_LEAST, _MOST = 0.2, 0.93
"""How much of a picture a sheet covers, between which it is worth to look at it alone."""
_DARKER = 0.15
"""How much beside a sheet is as light as it is at most."""
_RIM = 2.0
"""Pixels at the rim of a picture. What has its corners there is light between shadows, as like as not."""
_TURNED = 20.0
"""Degrees by which a sheet is turned at most: of one that is turned more, one does not know which side is up."""
_INSET = 0.02
"""How far within its edges a sheet is looked at, as a part of its sides."""


@dataclass(frozen=True)
class Sheet:
    """A sheet.

    Args:
        corners: Column and row of its corners, as parts of the picture's width and height: clockwise from the upper
            left one.
    """

    corners: Floats

    def seen(self, picture: Image.Image) -> Image.Image:
        """Returns the sheet of a picture alone, straight."""
        corners = self.corners * picture.size
        upper, right, lower, left = (float(np.hypot(*side)) for side in np.roll(corners, -1, 0) - corners)
        size = max(round(max(upper, lower)), 1), max(round(max(left, right)), 1)
        # Pillow takes them from the upper left one against the clock.
        quad = tuple(float(at) for at in corners[[0, 3, 2, 1]].ravel())
        return picture.transform(size, Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)

    def on_picture(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        """Returns what is around a rectangle of the sheet on the picture, both as parts of widths and of heights."""
        across, down = np.array([left, right, right, left]), np.array([top, top, bottom, bottom])
        weights = np.stack([(1 - across) * (1 - down), across * (1 - down), across * down, (1 - across) * down], 1)
        points = np.clip(weights @ self.corners, 0, 1)
        least, most = points.min(0), points.max(0)
        return float(least[0]), float(least[1]), float(most[0]), float(most[1])

    def holds(self, left: float, top: float, right: float, bottom: float) -> bool:
        """Returns whether a rectangle of the picture is within what is around the sheet."""
        least, most = self.corners.min(0), self.corners.max(0)
        return bool(((left, top) >= least).all() and ((right, bottom) <= most).all())


def sheet(grey: Image.Image) -> Sheet | None:
    """Returns the sheet on a picture that is lighter than all beside it; None if there is none, or nothing beside it.

    Args:
        grey: The picture, in grays.
    """
    small: Bytes = np.asarray(grey.reduce(max(max(grey.size) // _SIDE, 1)))
    level = _between(small)
    mask = small > level
    layer = Layer(dark=False, widest=_SIDE, level=level, ink=small, steep=small, mask=mask)
    if not len(layer.parts):
        return None
    part = Part(layer, int(layer.parts.areas.argmax()))
    if not _LEAST * mask.size <= part.box.area or not part.is_sheet:
        return None
    corners = np.array([(part.box.left + column + 0.5, part.box.top + row + 0.5) for row, column in part.corners])
    on_rim = np.minimum(corners, small.shape[::-1] - corners).min(1) < _RIM
    inside = _area(corners)
    beside = float(mask.sum() - part.mask.sum()) / max(mask.size - inside, 1.0)
    if (
        on_rim.sum() > 1
        or not _LEAST * mask.size <= inside <= _MOST * mask.size
        or beside > _DARKER
        or _turned(corners) > _TURNED
    ):
        return None
    middle = corners.mean(0)
    return Sheet((middle + (1 - 2 * _INSET) * (corners - middle)) / small.shape[::-1])


def _between(values: Bytes) -> float:
    """Returns the shade that parts light from dark best: that of Otsu."""
    counts = np.bincount(values.ravel(), minlength=256).astype(np.float64)
    below, sums = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(np.nan_to_num(spread).argmax())


def _area(corners: Floats) -> float:
    x, y = corners.T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def _turned(corners: Floats) -> float:
    """Returns by how many degrees the sides are turned at most."""
    upper, right, lower, left = np.roll(corners, -1, 0) - corners
    level = [np.degrees(np.arctan2(side[1], side[0])) for side in (upper, -lower)]
    upright = [np.degrees(np.arctan2(-side[0], side[1])) for side in (right, -left)]
    return float(np.abs([*level, *upright]).max())
