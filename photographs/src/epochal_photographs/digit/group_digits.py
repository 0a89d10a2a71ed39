"""Finds all digits on a picture, in reading order."""

from dataclasses import dataclass

import numpy as np

from epochal_photographs.digit.candidates import Part
from epochal_photographs.digit.geometry import Box, Ints
from epochal_photographs.digit.group_strokes import same_pen
from epochal_photographs.errors import TooManyDigits

MAX_DIGITS = 100
"""Maximum number of digits on a picture: each digit takes some hundredths of a second."""
MAX_PIECES = 5 * MAX_DIGITS
"""Maximum number of strokes on a picture that may be pieces of digits.

Each stroke is compared with all others, which takes a third of a second for this number.
"""

_LEAST, _MOST = 0.35, 2.5
"""Limits of a digit's longer side, relative to that of the clearest digit."""
_PIECE = 0.12
"""Minimum longer side of a piece of a digit, relative to the longer side of the clearest digit."""
_ABOVE = 0.25
"""Maximum vertical gap between pieces of a digit, relative to the usual longer side of a digit."""
_ASTRIDE = 0.4
"""Minimum horizontal overlap of pieces of a digit above each other, relative to the width of the narrower piece."""
_BESIDE = 0.06
"""Maximum gap between a digit and a piece beside it, relative to the usual longer side of a digit."""
_WHOLE = 0.7
"""Minimum longer side of a region that is another digit although it almost touches a digit beside it.

The side is relative to the usual longer side of a digit. A smaller region is a piece of the digit beside it.
"""
_LONGEST = 1.4
"""Maximum longer side of a digit that is made of pieces, relative to the usual longer side of a digit."""
_ON_LINE = 0.3
"""Minimum vertical overlap of neighbouring digits on a line, relative to the smaller of both heights."""


@dataclass
class _Digit:
    """The pieces of one digit, and the box around them."""

    pieces: list[Part]
    box: Box

    def add(self, piece: Part) -> None:
        """Add a piece, and extend the box by it."""
        self.pieces.append(piece)
        self.box = self.box.union(piece.box)


def group_digits(main: Part) -> list[Ints]:
    """Return the indices of the parts of each digit, for all digits in the layer of the clearest digit.

    The digits are in reading order. `main` is the largest part of the clearest digit.

    Raises:
        TooManyDigits: If the layer has more than MAX_DIGITS digits, or more than MAX_PIECES possible pieces of digits.
    """
    layer, side = main.layer, main.box.longer
    alike = same_pen(main) & (layer.parts.sides >= _PIECE * side) & (layer.parts.sides <= _MOST * side)
    alike[main.at] = True
    if (count := int(alike.sum())) > MAX_PIECES:
        raise TooManyDigits(
            f"found {count:,} strokes on the picture, expected at most {MAX_PIECES}, and at most {MAX_DIGITS} digits: "
            "send the picture in parts, or put the paper on a plain background"
        )
    pieces = [Part(layer, int(at)) for at in np.flatnonzero(alike)]
    pieces = [
        piece for piece in pieces if not any(piece.surrounds(other.box) for other in pieces if other is not piece)
    ]
    digits = [digit for digit in _joined(pieces, _usual(pieces, side)) if digit.box.longer >= _LEAST * side]
    if len(digits) > MAX_DIGITS:
        raise TooManyDigits(
            f"found {len(digits)} digits on the picture, expected at most {MAX_DIGITS}: send the picture in parts"
        )
    return [np.array([piece.at for piece in digit.pieces]) for digit in _in_reading_order(digits)]


def _usual(pieces: list[Part], side: int) -> float:
    """Return the usual length of the digits' longer sides: `side` of the clearest digit, or the median if it is larger.

    The median is that of the pieces that may be whole digits.
    """
    large = [piece.box.longer for piece in pieces if piece.box.longer >= _LEAST * side]
    return max(side, float(np.median(large))) if large else side


def _joined(pieces: list[Part], side: float) -> list[_Digit]:
    """Return the pieces grouped by digit. `side` is the usual length of a digit's longer side."""
    groups: list[_Digit] = []
    for piece in sorted(pieces, key=lambda piece: -piece.box.longer):
        near = [group for group in groups if _is_of(piece.box, group.box, side)]
        if near:
            min(near, key=lambda group: piece.box.gap(group.box)).add(piece)
        else:
            groups.append(_Digit([piece], piece.box))
    return groups


def _is_of(piece: Box, box: Box, side: float) -> bool:
    """Return whether a piece belongs to the digit in `box`: it is above or below the digit, or almost touches it.

    With the piece, the digit must not become too long. `side` is the usual length of a digit's longer side.
    """
    if piece.union(box).longer > _LONGEST * side:
        return False
    shared = min(piece.right, box.right) - max(piece.left, box.left)
    narrower = min(piece.right - piece.left, box.right - box.left)
    if shared >= _ASTRIDE * narrower:
        return piece.gap(box) <= _ABOVE * side
    return piece.gap(box) <= _BESIDE * side and piece.longer < _WHOLE * side


def _in_reading_order(digits: list[_Digit]) -> list[_Digit]:
    """Return the digits line by line. A digit belongs to a line if its rows overlap those of the line's last digit."""
    lines: list[list[_Digit]] = []
    for digit in sorted(digits, key=lambda digit: digit.box.left):
        line = next((line for line in lines if _is_beside(digit.box, line[-1].box)), None)
        if line is None:
            lines.append([digit])
        else:
            line.append(digit)
    return [digit for line in sorted(lines, key=lambda line: line[0].box.top) for digit in line]


def _is_beside(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared >= _ON_LINE * min(one.bottom - one.top, other.bottom - other.top)
