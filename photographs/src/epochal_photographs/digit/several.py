"""Which digits there are on a sheet with several, in the order in which one reads them."""

from dataclasses import dataclass

import numpy as np

from epochal_photographs.digit.arrays import Ints
from epochal_photographs.digit.box import Box
from epochal_photographs.digit.choose import Part
from epochal_photographs.errors import TooMany

MOST = 100
"""Digits on a sheet at most: each takes some hundredths of a second."""
MOST_PIECES = 5 * MOST
"""Strokes on a sheet that may be pieces of digits, at most. Each is compared with each: so many take a third of a
second."""

_LEAST, _MOST = 0.35, 2.5
"""How long a digit may be, as parts of the longer side of the one that is seen best."""
_PIECE = 0.12
"""How long a piece of one is at least."""
_REAL = 0.3
_CONTRAST = 0.5
"""How much of the contrast of the one that is seen best the others have."""
_THINNER = 0.4
"""How wide strokes are at least, as a part of those of the one that is seen best; and the other way around."""
_ABOVE = 0.25
"""How far pieces of one digit are above each other at most, as a part of a digit's longer side."""
_ASTRIDE = 0.4
"""How much of their widths pieces of one digit are above each other at least."""
_BESIDE = 0.06
"""How far a piece is beside the rest of its digit at most, as a part of a digit's longer side."""
_WHOLE = 0.7
"""How long is at least what is beside a digit and another one, not a piece of it."""
_LONGEST = 1.4
"""How long a digit is at most that is made of pieces."""
_ON_LINE = 0.3
"""How much of their heights digits on one line are beside each other at least."""


@dataclass
class _Group:
    """Pieces of one digit.

    Args:
        pieces: The pieces.
        box: The box around all of them.
    """

    pieces: list[Part]
    box: Box

    def add(self, piece: Part) -> None:
        """Grows the box by the piece."""
        self.pieces.append(piece)
        self.box = self.box.with_other(piece.box)


def several(main: Part) -> list[Ints]:
    """Returns the parts of each digit of a layer.

    Args:
        main: The digit that is seen best, or most of it.

    Raises:
        TooMany: If there are more than MOST digits, or more than MOST_PIECES strokes that may be pieces of one.
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
    """Returns how long digits are: as the one that is seen best, or more, if that is but a piece of one."""
    large = [piece.box.longer for piece in pieces if piece.box.longer >= _LEAST * side]
    return max(side, float(np.median(large))) if large else side


def _joined(pieces: list[Part], side: float) -> list[_Group]:
    """Returns pieces in groups of those that are of one digit.

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
    """Returns whether a piece is of the digit that is in a box: above or below it, or as good as touching it."""
    if piece.with_other(box).longer > _LONGEST * side:
        return False
    shared = min(piece.right, box.right) - max(piece.left, box.left)
    narrower = min(piece.right - piece.left, box.right - box.left)
    if shared >= _ASTRIDE * narrower:
        return piece.gap(box) <= _ABOVE * side
    return piece.gap(box) <= _BESIDE * side and piece.longer < _WHOLE * side


def _as_read(groups: list[_Group]) -> list[_Group]:
    """Returns digits line by line. On one line are those that are beside each other, or beside one of the line."""
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
