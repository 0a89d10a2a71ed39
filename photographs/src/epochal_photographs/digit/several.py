"""Finds all digits on a sheet, in reading order."""

from dataclasses import dataclass

import numpy as np

from epochal_photographs.digit.arrays import Ints
from epochal_photographs.digit.box import Box
from epochal_photographs.digit.choose import Part
from epochal_photographs.errors import TooMany

MOST = 100
"""Maximum number of digits on a sheet: each takes some hundredths of a second."""
MOST_PIECES = 5 * MOST
"""Maximum number of strokes on a sheet that may be pieces of digits.

Each is compared with each, which takes a third of a second for this number.
"""

_LEAST, _MOST = 0.35, 2.5
"""Limits of a digit's longer side, relative to that of the clearest digit."""
_PIECE = 0.12
"""Minimum longer side of a piece of a digit."""
_REAL = 0.3
_CONTRAST = 0.5
"""Minimum contrast, relative to the contrast of the clearest digit."""
_THINNER = 0.4
"""Minimum ratio of the stroke widths of a piece and the clearest digit, in both directions."""
_ABOVE = 0.25
"""Maximum vertical gap between pieces of a digit, relative to a digit's longer side."""
_ASTRIDE = 0.4
"""Minimum horizontal overlap of pieces above each other, relative to the narrower piece."""
_BESIDE = 0.06
"""Maximum gap between a digit and a piece beside it, relative to a digit's longer side."""
_WHOLE = 0.7
"""Minimum longer side of a region beside a digit that counts as another digit."""
_LONGEST = 1.4
"""Maximum longer side of a digit that is made of pieces."""
_ON_LINE = 0.3
"""Minimum vertical overlap of digits on the same line, relative to the lower digit."""


@dataclass
class _Group:
    """Pieces of the same digit.

    Args:
        pieces: The pieces.
        box: The box around all pieces.
    """

    pieces: list[Part]
    box: Box

    def add(self, piece: Part) -> None:
        """Add a piece, and extend the box by it."""
        self.pieces.append(piece)
        self.box = self.box.with_other(piece.box)


def several(main: Part) -> list[Ints]:
    """Return the parts of each digit in a layer, in reading order.

    Args:
        main: The clearest digit, or most of it.

    Raises:
        TooMany: If the layer has more than MOST digits, or more than MOST_PIECES strokes that may be pieces of a digit.
    """
    layer, side = main.layer, main.box.longer
    looks, parts = layer.looks, layer.parts
    sides = np.maximum(parts.bottoms - parts.tops, parts.rights - parts.lefts)
    alike = (
        (looks.real >= _REAL)
        & (looks.contrast >= _CONTRAST * looks.contrast[main.at])
        & (looks.strokes >= _THINNER * main.stroke)
        & (looks.strokes <= main.stroke / _THINNER)
        & (sides >= _PIECE * side)
        & (sides <= _MOST * side)
    )
    alike[main.at] = True
    if (count := int(alike.sum())) > MOST_PIECES:
        raise TooMany(
            f"{count:,} strokes are found on the picture: it must show at most {MOST_PIECES}, and at most {MOST} "
            "digits. Send it in parts, or put the sheet on a plain background"
        )
    pieces = [Part(layer, int(at)) for at in np.flatnonzero(alike)]
    pieces = [one for one in pieces if not any(one.goes_around(other.box) for other in pieces if other is not one)]
    digits = [group for group in _joined(pieces, _usual(pieces, side)) if group.box.longer >= _LEAST * side]
    if len(digits) > MOST:
        raise TooMany(f"{len(digits)} digits are found on the picture: it must show at most {MOST}. Send it in parts")
    return [np.array([piece.at for piece in group.pieces]) for group in _as_read(digits)]


def _usual(pieces: list[Part], side: int) -> float:
    """Return the usual longer side of the digits: that of the clearest digit, or the median if that is larger."""
    large = [piece.box.longer for piece in pieces if piece.box.longer >= _LEAST * side]
    return max(side, float(np.median(large))) if large else side


def _joined(pieces: list[Part], side: float) -> list[_Group]:
    """Return pieces grouped by digit.

    Args:
        pieces: The pieces.
        side: Longer side of a digit.
    """
    groups: list[_Group] = []
    for piece in sorted(pieces, key=lambda piece: -piece.box.longer):
        near = [group for group in groups if _is_of(piece.box, group.box, side)]
        if near:
            min(near, key=lambda group: piece.box.gap(group.box)).add(piece)
        else:
            groups.append(_Group([piece], piece.box))
    return groups


def _is_of(piece: Box, box: Box, side: float) -> bool:
    """Return whether a piece belongs to the digit in a box: it is above or below the digit, or almost touches it."""
    if piece.with_other(box).longer > _LONGEST * side:
        return False
    shared = min(piece.right, box.right) - max(piece.left, box.left)
    narrower = min(piece.right - piece.left, box.right - box.left)
    if shared >= _ASTRIDE * narrower:
        return piece.gap(box) <= _ABOVE * side
    return piece.gap(box) <= _BESIDE * side and piece.longer < _WHOLE * side


def _as_read(groups: list[_Group]) -> list[_Group]:
    """Return digits line by line. A digit is on a line if it is beside the line's last digit."""
    lines: list[list[_Group]] = []
    for group in sorted(groups, key=lambda group: group.box.left):
        for line in lines:
            if _is_beside(group.box, line[-1].box):
                line.append(group)
                break
        else:
            lines.append([group])
    return [group for line in sorted(lines, key=lambda line: line[0].box.top) for group in line]


def _is_beside(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared >= _ON_LINE * min(one.bottom - one.top, other.bottom - other.top)
