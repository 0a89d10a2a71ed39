"""Finds the sheet of paper on a picture that also shows the table around it, which has no digits."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from epochal_photographs.digit.candidates import Part
from epochal_photographs.digit.geometry import Bytes, Floats
from epochal_photographs.digit.layers import Layer

_SIDE = 160
"""Longer side in pixels of the reduced picture in which a sheet is searched."""
_LEAST, _MOST = 0.2, 0.93
"""Minimum and maximum fraction of the picture's area that a sheet covers, for a separate search on the sheet."""
_DARKER = 0.15
"""Maximum fraction of the area beside a sheet that is as light as the sheet."""
_RIM = 2.0
"""Width in pixels of the picture's rim. An area with several corners there is probably light between shadows."""
_MAX_ROTATION = 20.0
"""Maximum rotation of a sheet in degrees. After a larger rotation, the upper side is unknown."""
_INSET = 0.02
"""Margin that is cut off at each edge of the sheet, as a fraction of the sheet's sides."""


@dataclass(frozen=True)
class Paper:
    """A sheet of paper on a picture.

    Args:
        corners: Column and row of its corners, as fractions of the picture's width and height: clockwise from the
            upper left corner.
    """

    corners: Floats

    def rectified(self, picture: Image.Image) -> Image.Image:
        """Return a picture of only the sheet, straightened to a rectangle."""
        corners = self.corners * picture.size
        upper, right, lower, left = (float(np.hypot(*side)) for side in np.roll(corners, -1, 0) - corners)
        size = max(round(max(upper, lower)), 1), max(round(max(left, right)), 1)
        # Pillow takes the corners counterclockwise from the upper left corner.
        quad = tuple(float(at) for at in corners[[0, 3, 2, 1]].ravel())
        return picture.transform(size, Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)

    def on_picture(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        """Return the box on the whole picture around a rectangle on the rectified sheet.

        All sides are fractions: of the sheet's width and height, and in the result of the picture's width and height.
        """
        across, down = np.array([left, right, right, left]), np.array([top, top, bottom, bottom])
        weights = np.stack([(1 - across) * (1 - down), across * (1 - down), across * down, (1 - across) * down], 1)
        points = np.clip(weights @ self.corners, 0, 1)
        least, most = points.min(0), points.max(0)
        return float(least[0]), float(least[1]), float(most[0]), float(most[1])

    def contains(self, left: float, top: float, right: float, bottom: float) -> bool:
        """Return whether a rectangle on the picture is within the box around the sheet's corners."""
        least, most = self.corners.min(0), self.corners.max(0)
        return bool(((left, top) >= least).all() and ((right, bottom) <= most).all())


def find_paper(grey: Image.Image) -> Paper | None:
    """Return the sheet of paper on a picture, lighter than its surroundings, or None if no sheet is found.

    None also if the sheet almost fills the picture, is too small, or is rotated too much.
    """
    small: Bytes = np.asarray(grey.reduce(max(max(grey.size) // _SIDE, 1)))
    level = _otsu(small)
    mask = small > level
    layer = Layer(dark=False, widest=_SIDE, level=level, ink=small, steep=small, mask=mask)
    if not len(layer.parts):
        return None
    part = Part(layer, int(layer.parts.areas.argmax()))
    if not _LEAST * mask.size <= part.box.area or not part.is_quadrilateral:
        return None
    corners = np.array([(part.box.left + column + 0.5, part.box.top + row + 0.5) for row, column in part.corners])
    on_rim = np.minimum(corners, small.shape[::-1] - corners).min(1) < _RIM
    inside = _area(corners)
    beside = float(mask.sum() - part.mask.sum()) / max(mask.size - inside, 1.0)
    if (
        on_rim.sum() > 1
        or not _LEAST * mask.size <= inside <= _MOST * mask.size
        or beside > _DARKER
        or _rotation(corners) > _MAX_ROTATION
    ):
        return None
    middle = corners.mean(0)
    return Paper((middle + (1 - 2 * _INSET) * (corners - middle)) / small.shape[::-1])


def _otsu(values: Bytes) -> float:
    """Return the threshold between dark and light values of a picture by Otsu's method."""
    counts = np.bincount(values.ravel(), minlength=256).astype(np.float64)
    below, sums = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(np.nan_to_num(spread).argmax())


def _area(corners: Floats) -> float:
    x, y = corners.T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def _rotation(corners: Floats) -> float:
    """Return the largest angle in degrees between a side of the sheet and the same side of an upright sheet."""
    upper, right, lower, left = np.roll(corners, -1, 0) - corners
    level = [np.degrees(np.arctan2(side[1], side[0])) for side in (upper, -lower)]
    upright = [np.degrees(np.arctan2(-side[0], side[1])) for side in (right, -left)]
    return float(np.abs([*level, *upright]).max())
